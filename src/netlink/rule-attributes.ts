import type { RuleAction } from '../state/rule.ts'

/** linux/fib_rules.h; the port masks came with Linux 6.15. */
export const FRA = {
  DST: 1,
  SRC: 2,
  IIFNAME: 3,
  GOTO: 4,
  PRIORITY: 6,
  FWMARK: 10,
  SUPPRESS_IFGROUP: 13,
  SUPPRESS_PREFIXLEN: 14,
  TABLE: 15,
  FWMASK: 16,
  OIFNAME: 17,
  PAD: 18,
  L3MDEV: 19,
  UID_RANGE: 20,
  PROTOCOL: 21,
  IP_PROTO: 22,
  SPORT_RANGE: 23,
  DPORT_RANGE: 24,
  SPORT_MASK: 28,
  DPORT_MASK: 29,
} as const

export const FIB_RULE_INVERT = 0x2

/** Bytes of struct fib_rule_hdr: family, dst_len, src_len, tos, table, 2 reserved, action, flags (32 bits). */
export const RULE_HEADER = 12

const actions: Readonly<Record<number, RuleAction>> = {
  1: 'lookup',
  2: 'goto',
  3: 'nop',
  6: 'blackhole',
  7: 'unreachable',
  8: 'prohibit',
}

export const actionName = (value: number): RuleAction => actions[value] ?? `action-${value}`

const actionNumbers: ReadonlyMap<string, number> = new Map(
  Object.entries(actions).map(([value, name]) => [name, Number(value)]),
)

export const actionNumber = (action: RuleAction): number =>
  actionNumbers.get(action) ?? Number(action.slice('action-'.length))
