import { readFileSync } from 'node:fs'
import * as libc from '../netlink/libc.ts'
import { bitsOfTable } from '../netlink/xt-table.ts'
import { type Family, families } from '../state/ip.ts'
import type { MarkUse } from '../state/marking.ts'

const AF = { 4: 2, 6: 10 } as const
const SOCK_DGRAM_CLOEXEC = 0o2000002
/** SOL_IP, SOL_IPV6 */
const LEVEL = { 4: 0, 6: 41 } as const
/** IPT_SO_GET_INFO and IPT_SO_GET_ENTRIES (linux/netfilter_ipv4/ip_tables.h); IPv6 has the same numbers. */
const GET = { INFO: 64, ENTRIES: 65 } as const
/** Bytes of a table's name; of struct ipt_getinfo, and of struct ipt_get_entries in front of the entries. */
const BYTES = { NAME: 32, INFO: 84, ENTRIES: 40 } as const
/** Place of the entries' size in each of the two. */
const SIZE_AT = { INFO: 80, ENTRIES: 32 } as const

/**
 * What iptables-legacy's tables do with marks. Only tables that are there are asked for, since the question would make
 * those that are not; which they are root alone may read, so that a daemon without it sees none.
 */
export function legacyMarkUses(): MarkUse[] {
  return families.flatMap((family) =>
    legacyTables(family).flatMap((table) => {
      const bits = bitsOfTable(entriesOf(table, family), family)
      return bits === 0 ? [] : [{ where: `iptables-legacy: ip${family === 6 ? '6' : ''} ${table}`, bits }]
    }),
  )
}

/** Names of the tables that somebody has used; none where they can't be read. */
export function legacyTables(family: Family): string[] {
  try {
    return readFileSync(`/proc/self/net/ip${family === 6 ? '6' : ''}_tables_names`, 'latin1')
      .split('\n')
      .filter(Boolean)
  } catch {
    // Not root, or a kernel without iptables-legacy.
    return []
  }
}

/** Empty where the table went away, or changed between the two questions: it will be asked for again. */
function entriesOf(table: string, family: Family): Buffer {
  const fd = libc.socket(AF[family], SOCK_DGRAM_CLOEXEC, 0)
  if (fd < 0) {
    return Buffer.alloc(0)
  }
  try {
    const size = ask(fd, family, GET.INFO, named(table, BYTES.INFO))?.readUInt32LE(SIZE_AT.INFO) ?? 0
    const request = named(table, BYTES.ENTRIES + size)
    request.writeUInt32LE(size, SIZE_AT.ENTRIES)
    return ask(fd, family, GET.ENTRIES, request)?.subarray(BYTES.ENTRIES) ?? Buffer.alloc(0)
  } finally {
    libc.close(fd)
  }
}

function named(table: string, bytes: number): Buffer {
  const request = Buffer.alloc(bytes)
  request.write(table, 0, BYTES.NAME - 1, 'latin1')
  return request
}

function ask(fd: number, family: Family, question: number, request: Buffer): Buffer | undefined {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(request.length)
  return libc.getsockopt(fd, LEVEL[family], question, request, length) < 0 ? undefined : request
}
