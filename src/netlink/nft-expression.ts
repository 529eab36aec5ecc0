import type { Expression, Loadable, Operator, Verdict } from '../state/netfilter.ts'
import { Attributes } from './attributes.ts'

/** linux/netfilter/nf_tables.h; numbers are big-endian there, data as it is compared. */
const NFTA_EXPR = { NAME: 1, DATA: 2 } as const
const NFTA_DATA = { VALUE: 1, VERDICT: 2 } as const
const NFTA_VERDICT = { CODE: 1, CHAIN: 2 } as const
const NFTA_DYNSET = { EXPRESSION: 7, EXPRESSIONS: 10 } as const
const NAT_DNAT = 1
/** NFT_OBJECT_QUOTA, _LIMIT, _CONNLIMIT, _SYNPROXY: the others count or note. */
const decidingObjects: readonly number[] = [2, 4, 5, 10]

/** Attributes of one expression: those that hold others (data) too. */
type Values = ReadonlyMap<number, Buffer>

/** The expressions in NFTA_RULE_EXPRESSIONS, or another list of them. */
export function expressionsIn(list: Attributes): Expression[] {
  const expressions: Expression[] = []
  list.nested((element) => expressions.push(expressionOf(element.bytes())))
  return expressions
}

function expressionOf(bytes: Buffer): Expression {
  let name = ''
  const values = new Map<number, Buffer>()
  for (const part = new Attributes(bytes, 0); part.next(); ) {
    if (part.type === NFTA_EXPR.NAME) name = part.text()
    if (part.type === NFTA_EXPR.DATA) part.nested((value) => values.set(value.type, Buffer.from(value.bytes())))
  }
  return decoders[name]?.(values) ?? { kind: 'unknown', name }
}

const number = (values: Values, type: number): number => {
  const value = values.get(type)
  return value && value.length >= 4 ? value.readUInt32BE() : 0
}

/** NFT_REG_1 to _4 of 16 bytes, and NFT_REG32_00 to _15 over the same bytes. */
const registerAt = (name: number): number => (name < 8 ? 16 * (name - 1) : 4 * (name - 8))
const register = (values: Values, type: number): number => registerAt(number(values, type))
const optional = (values: Values, type: number): number | undefined =>
  values.has(type) ? register(values, type) : undefined

/** The bytes in a nest of NFTA_DATA_VALUE. */
function dataOf(nest: Buffer | undefined): Uint8Array {
  let found: Uint8Array = new Uint8Array()
  const attributes = new Attributes(nest ?? Buffer.alloc(0), 0)
  while (attributes.next()) {
    if (attributes.type === NFTA_DATA.VALUE) found = Uint8Array.from(attributes.bytes())
  }
  return found
}

const codes: Readonly<Record<number, Verdict['code']>> = {
  0: 'drop',
  1: 'accept',
  [-1]: 'continue',
  [-2]: 'break',
  [-3]: 'jump',
  [-4]: 'goto',
  [-5]: 'return',
}

/** The value or verdict in a nest of NFTA_DATA_*. */
export function dataIn(nest: Attributes): { value?: Uint8Array; verdict?: Verdict } {
  const found: { value?: Uint8Array; verdict?: Verdict } = {}
  nest.nested((data) => {
    if (data.type === NFTA_DATA.VALUE) found.value = Uint8Array.from(data.bytes())
    if (data.type === NFTA_DATA.VERDICT) found.verdict = verdictIn(data)
  })
  return found
}

function verdictIn(nest: Attributes): Verdict {
  let code: Verdict['code'] = 'other'
  let chain: string | undefined
  nest.nested((part) => {
    if (part.type === NFTA_VERDICT.CODE && part.length >= 4) code = codes[part.bytes().readInt32BE()] ?? 'other'
    if (part.type === NFTA_VERDICT.CHAIN) chain = part.text()
  })
  return { code, ...(chain === undefined ? {} : { chain }) }
}

const operators: readonly Operator[] = ['==', '!=', '<', '<=', '>', '>=']
const metaKeys: Readonly<Record<number, string>> = {
  1: 'protocol',
  3: 'mark',
  4: 'iif',
  6: 'iifname',
  15: 'nfproto',
  16: 'l4proto',
  19: 'pkttype',
  21: 'iifgroup',
}
const ctKeys: Readonly<Record<number, string>> = { 0: 'state', 1: 'direction', 2: 'status', 3: 'mark' }

const load = (values: Values, to: number, what: Loadable): Expression => ({
  kind: 'load',
  to: register(values, to),
  what,
})

const aside = (): Expression => ({ kind: 'aside' })
const elsewhere =
  (name: string, to: number) =>
  (values: Values): Expression =>
    load(values, to, { from: 'elsewhere', name })

const decoders: Readonly<Record<string, (values: Values) => Expression>> = {
  counter: aside,
  log: aside,
  last: aside,
  notrack: aside,
  objref: (values) =>
    decidingObjects.includes(number(values, 1)) ? { kind: 'unknown', name: 'a quota or limit with a name' } : aside(),
  dynset: (values) =>
    limits(values) ? { kind: 'unknown', name: `what the set ${textOf(values.get(1))} counts` } : aside(),
  meta: (values) => {
    const key = metaKeys[number(values, 2)] ?? `meta ${number(values, 2)}`
    if (!values.has(3)) return load(values, 1, { from: 'meta', key })
    return key === 'mark' ? { kind: 'mark', from: register(values, 3) } : aside()
  },
  ct: (values) => {
    const key = ctKeys[number(values, 2)] ?? `ct ${number(values, 2)}`
    return values.has(4) ? aside() : load(values, 1, { from: 'ct', key })
  },
  payload: (values) =>
    values.has(1)
      ? load(values, 1, {
          from: 'payload',
          base: number(values, 2),
          offset: number(values, 3),
          length: number(values, 4),
        })
      : aside(),
  fib: (values) => load(values, 1, { from: 'fib', result: number(values, 2), flags: number(values, 3) }),
  numgen: elsewhere('numgen', 1),
  hash: elsewhere('hash', 2),
  rt: elsewhere('rt', 1),
  socket: elsewhere('socket', 2),
  exthdr: elsewhere('exthdr', 1),
  tunnel: elsewhere('tunnel', 2),
  xfrm: elsewhere('ipsec', 1),
  osf: elsewhere('osf', 1),
  cmp: (values) => ({
    kind: 'compare',
    from: register(values, 1),
    operator: operators[number(values, 2)] ?? '==',
    value: dataOf(values.get(3)),
  }),
  range: (values) => ({
    kind: 'range',
    from: register(values, 1),
    inverted: number(values, 2) === 1,
    least: dataOf(values.get(3)),
    most: dataOf(values.get(4)),
  }),
  bitwise: (values) =>
    number(values, 6) === 0
      ? {
          kind: 'bitwise',
          from: register(values, 1),
          to: register(values, 2),
          mask: dataOf(values.get(4)),
          xor: dataOf(values.get(5)),
        }
      : load(values, 2, { from: 'elsewhere', name: 'a shift' }),
  byteorder: (values) => ({
    kind: 'swap',
    from: register(values, 1),
    to: register(values, 2),
    length: number(values, 4),
    size: number(values, 5),
  }),
  lookup: (values) => ({
    kind: 'lookup',
    set: textOf(values.get(1)),
    from: register(values, 2),
    // NFT_REG_VERDICT is 0.
    decides: values.has(3) && number(values, 3) === 0,
    ...(values.has(3) && number(values, 3) !== 0 ? { to: register(values, 3) } : {}),
    inverted: (number(values, 5) & 1) === 1,
  }),
  immediate: (values) => {
    const nest = values.get(2) ?? Buffer.alloc(0)
    const attributes = new Attributes(nest, 0)
    while (attributes.next()) {
      if (attributes.type === NFTA_DATA.VERDICT) return { kind: 'verdict', verdict: verdictIn(attributes) }
    }
    return { kind: 'constant', to: register(values, 1), value: dataOf(nest) }
  },
  reject: () => ({ kind: 'verdict', verdict: { code: 'drop' } }),
  queue: () => ({ kind: 'verdict', verdict: { code: 'other' } }),
  nat: (values) =>
    number(values, 1) === NAT_DNAT
      ? redirection(values, { address: 3, lastAddress: 4, port: 5, lastPort: 6 })
      : aside(),
  redir: (values) => redirection(values, { port: 1, lastPort: 2 }, true),
  match: (values) => xt('match', values),
  target: (values) => xt('target', values),
}

/** Does a set that is written to keep more than counters beside its elements? A limit there decides whether a rule goes on. */
function limits(values: Values): boolean {
  const [one, several] = [values.get(NFTA_DYNSET.EXPRESSION), values.get(NFTA_DYNSET.EXPRESSIONS)]
  const kept = one ? [expressionOf(one)] : []
  for (const list = new Attributes(several ?? Buffer.alloc(0), 0); list.next(); ) kept.push(expressionOf(list.bytes()))
  return kept.some(({ kind }) => kind !== 'aside')
}

function redirection(
  values: Values,
  types: { address?: number; lastAddress?: number; port?: number; lastPort?: number },
  toLink = false,
): Expression {
  const registers = Object.entries(types).flatMap(([name, type]) => {
    const at = optional(values, type)
    return at === undefined ? [] : [[name, at] as const]
  })
  return { kind: 'redirect', toLink, ...Object.fromEntries(registers) }
}

const textOf = (value: Buffer | undefined): string => value?.toString('utf8').split('\0')[0] ?? ''

const xt = (part: 'match' | 'target', values: Values): Expression => ({
  kind: 'xt',
  part,
  name: textOf(values.get(1)),
  revision: number(values, 2),
  info: values.get(3) ?? Buffer.alloc(0),
})
