import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import * as z from 'zod/mini'
import { ExitError, exit } from '../exit.ts'

/** CAP_NET_ADMIN as a bit of the sender's capabilities, which journald itself adds to every record. */
const capNetAdmin = 1n << 12n

/** Text as it is; journalctl writes bytes that are no text as numbers, and repeated fields as lists. */
const fieldSchema = z.transform((value) => (typeof value === 'string' ? value : undefined))
const recordSchema = z.record(z.string(), fieldSchema)
export type JournalRecord = z.infer<typeof recordSchema>

export interface JournalQuery {
  /** `FIELD=value`; several of one field mean any of them. */
  readonly matches: readonly string[]
  /** As journalctl takes it: `yesterday`, `-2h`, `2026-01-02 03:04:05`. */
  readonly since?: string
}

/**
 * The daemon's records, oldest first, as far as this user may read them. journalctl is asked, not libsystemd: it knows how
 * people write times, and what may be read. Anybody can write a record that looks like one of ours: only those of processes
 * that could have done what they tell count.
 * @throws {ExitError} where there is no journalctl, or it refuses
 */
export async function* readJournal({ matches, since }: JournalQuery): AsyncGenerator<JournalRecord> {
  const args = ['--output=json', '--all', '--quiet', '--no-pager', ...(since === undefined ? [] : [`--since=${since}`])]
  const child = spawn('journalctl', [...args, '--', 'SYSLOG_IDENTIFIER=eni-routed', ...matches], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const started = once(child, 'spawn').catch(() => {
    throw new ExitError(exit.unavailable, 'journalctl is not there: history needs the journal of systemd')
  })
  const ended = once(child, 'close')
  ended.catch(() => {})
  await started
  const complaint = text(child.stderr)
  for await (const line of createInterface({ input: child.stdout })) {
    const record = recordSchema.safeParse(parse(line))
    if (record.success && isCapable(record.data._CAP_EFFECTIVE)) {
      yield record.data
    }
  }
  const [code] = await ended
  if (code !== 0) {
    throw refusal((await complaint).trim(), code as number | null)
  }
}

/** journalctl says that it may not, and not what to do about it. */
const refusal = (complaint: string, code: number | null): ExitError =>
  /permission/i.test(complaint) && process.getuid?.() !== 0
    ? forbidden()
    : new ExitError(exit.failed, `journalctl: ${complaint || `exit status ${code}`}`)

const forbidden = (): ExitError =>
  new ExitError(
    exit.noPermission,
    'this user may not read the journal; run it as root, or join the group: sudo usermod -aG systemd-journal $USER',
  )

/**
 * Where it found nothing: to a user who may read the records of his own processes alone, journalctl shows none of the
 * daemon's, and does not fail. @throws {ExitError} where the system's journal is there and may not be read
 */
export function demandJournal(folders: readonly string[] = ['/var/log/journal', '/run/log/journal']): void {
  const files = folders.flatMap((folder) =>
    journalsIn(folder).map((machine) => join(folder, machine, 'system.journal')),
  )
  const there = files.filter((file) => existsSync(file))
  if (there.length > 0 && !there.some(isReadable)) {
    throw forbidden()
  }
}

function journalsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    // A journal that is not kept there.
    return []
  }
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch {
    return false
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    // Not journalctl's own, then: nothing to show.
    return undefined
  }
}

const isCapable = (capabilities: string | undefined): boolean =>
  capabilities !== undefined && /^[0-9a-f]+$/.test(capabilities) && (BigInt(`0x${capabilities}`) & capNetAdmin) !== 0n
