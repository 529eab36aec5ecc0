/** A match or target of iptables, with the struct that it is configured by. */
export interface XtPart {
  readonly kind: 'match' | 'target'
  readonly name: string
  readonly revision: number
  readonly info: Buffer
}

/** XT_CONNMARK_SET (linux/netfilter/xt_connmark.h): the others copy between both marks. Two bytes of a shift came before it. */
const CONNMARK_SET = 0
const modeAt = (revision: number): number => (revision < 2 ? 12 : 14)

/**
 * Bits of a mark that the part compares or changes (linux/netfilter/xt_mark.h, xt_connmark.h; all numbers in the byte
 * order of the machine).
 */
export function bitsTouched({ kind, name, revision, info }: XtPart): number {
  const word = (i: number) => (info.length >= 4 * i + 4 ? info.readUInt32LE(4 * i) : 0)
  if (kind === 'match') {
    return name === 'mark' || name === 'connmark' ? word(1) : 0
  }
  // TPROXY (linux/netfilter/xt_TPROXY.h) begins with mask and value as MARK does.
  if (name === 'MARK' || name === 'TPROXY') {
    return (word(0) | word(1)) >>> 0
  }
  // The second is that of ebtables.
  if (name === 'HMARK' || name === 'mark') {
    return 0xffffffff
  }
  if (name === 'CONNMARK') {
    const copied = info[modeAt(revision)] === CONNMARK_SET ? 0 : word(2)
    return (word(0) | word(1) | copied) >>> 0
  }
  return 0
}
