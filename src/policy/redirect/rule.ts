import { formatAddress } from '../../state/ip.ts'
import type { Expression, NftRule, NftRuleset, Operator, Verdict } from '../../state/netfilter.ts'
import { compareBytes, knownBytes, Registers } from './bytes.ts'
import { loaded, type Passing } from './load.ts'
import { found } from './set.ts'
import { matches } from './xt.ts'

/** Where packets are sent instead; what is not there stays as it is. */
export interface Target {
  readonly address?: string
  readonly port?: number
  /** The address of the link that it came in by. */
  readonly toLink: boolean
}

/** What a rule does with a packet. */
export interface Outcome {
  /** What of the rule is not understood, or depends on what is not known: it may do that, or nothing. */
  readonly doubt?: string
  readonly verdict?: Verdict
  readonly target?: Target
}

/** Runs a rule; undefined where it is for other packets. A mark that it sets is on the packet from then on. */
export function runRule(rule: NftRule, passing: Passing, ruleset: NftRuleset): Outcome | undefined {
  const run: Run = { rule, passing, ruleset, registers: new Registers() }
  for (const expression of rule.expressions) {
    const step = steps(expression, run)
    if (step === 'other') return undefined
    if (step !== undefined) return { ...step, ...(run.doubt === undefined ? {} : { doubt: run.doubt }) }
  }
  return {}
}

interface Run {
  readonly rule: NftRule
  readonly passing: Passing
  readonly ruleset: NftRuleset
  readonly registers: Registers
  doubt?: string
}

/** 'other': the rule is for other packets; undefined: go on. */
type Step = 'other' | Pick<Outcome, 'verdict' | 'target'> | undefined

function steps(expression: Expression, run: Run): Step {
  const { registers, passing } = run
  switch (expression.kind) {
    case 'aside':
      return undefined
    case 'mark':
      return mark(run, markIn(registers, expression.from))
    case 'unknown':
      return doubt(run, expression.name)
    case 'load': {
      const { bytes, whence } = loaded(expression.what, passing)
      registers.set(expression.to, bytes, whence)
      return undefined
    }
    case 'constant':
      registers.set(expression.to, knownBytes(expression.value), '')
      return undefined
    case 'bitwise':
      return bitwise(expression, registers)
    case 'swap':
      return swap(expression, registers)
    case 'compare': {
      const { from, value, operator } = expression
      const unknown = registers.unknownIn(from, value.length)
      if (unknown !== undefined) return doubt(run, unknown)
      return holds(operator, compareBytes(registers.get(from, value.length).values, value)) ? undefined : 'other'
    }
    case 'range': {
      const { from, least, most, inverted } = expression
      const unknown = registers.unknownIn(from, least.length)
      if (unknown !== undefined) return doubt(run, unknown)
      const { values } = registers.get(from, least.length)
      const within = compareBytes(values, least) >= 0 && compareBytes(values, most) <= 0
      return within === inverted ? 'other' : undefined
    }
    case 'lookup':
      return lookup(expression, run)
    case 'verdict':
      if (expression.verdict.code === 'other') doubt(run, 'what becomes of it elsewhere')
      return expression.verdict.code === 'continue' ? undefined : { verdict: expression.verdict }
    case 'redirect':
      return { target: targetOf(expression, run) }
    case 'xt':
      return expression.part === 'match' ? xtMatch(expression, run) : xtTarget(expression, run)
  }
}

function doubt(run: Run, what: string): undefined {
  run.doubt ??= what
}

const markIn = (registers: Registers, from: number): number | undefined =>
  registers.unknownIn(from, 4) === undefined
    ? registers.get(from, 4).values.reduceRight((sum, byte) => sum * 256 + byte, 0)
    : undefined

/** A rule that may be for other packets may leave the mark as it is. */
function mark(run: Run, value: number | undefined): undefined {
  run.passing.mark = run.doubt === undefined || value === run.passing.mark ? value : undefined
}

const holds = (operator: Operator, order: number): boolean =>
  ({
    '==': order === 0,
    '!=': order !== 0,
    '<': order < 0,
    '<=': order <= 0,
    '>': order > 0,
    '>=': order >= 0,
  })[operator]

function bitwise({ from, to, mask, xor }: Extract<Expression, { kind: 'bitwise' }>, registers: Registers): undefined {
  const { values, known } = registers.get(from, mask.length)
  const whence = registers.unknownIn(from, mask.length) ?? ''
  registers.set(
    to,
    {
      values: values.map((value, i) => (value & (mask[i] as number)) ^ (xor[i] ?? 0)),
      // What is masked away need not be known.
      known: known.map((sure, i) => sure || mask[i] === 0),
    },
    whence,
  )
}

function swap({ from, to, length, size }: Extract<Expression, { kind: 'swap' }>, registers: Registers): undefined {
  const { values, known } = registers.get(from, length)
  const at = (i: number) => Math.floor(i / size) * size + (size - 1 - (i % size))
  registers.set(
    to,
    { values: values.map((_, i) => values[at(i)] as number), known: known.map((_, i) => known[at(i)] === true) },
    registers.unknownIn(from, length) ?? '',
  )
}

function lookup({ from, to, set: name, inverted, decides }: Extract<Expression, { kind: 'lookup' }>, run: Run): Step {
  const { registers, rule, ruleset } = run
  const set = ruleset.set(rule.family, rule.table, name)
  if (!set) return doubt(run, `the set ${name}`)
  const length = set.elements.find(({ key }) => key)?.key?.length ?? 0
  const unknown = registers.unknownIn(from, length)
  if (unknown !== undefined && set.elements.length > 0) {
    if (to !== undefined) registers.set(to, { values: new Uint8Array(16), known: [] }, unknown)
    doubt(run, unknown)
    // A map of verdicts: which of them is not known.
    return decides ? { verdict: { code: 'other' } } : undefined
  }
  const element = found(set, registers.get(from, length).values)
  if ((element === undefined) !== inverted) return 'other'
  if (to !== undefined && element?.value) registers.set(to, knownBytes(element.value), '')
  return decides && element?.verdict && element.verdict.code !== 'continue' ? { verdict: element.verdict } : undefined
}

function targetOf(
  { address, lastAddress, port, lastPort, toLink }: Extract<Expression, { kind: 'redirect' }>,
  run: Run,
): Target {
  const { registers, passing } = run
  const read = (at: number | undefined, last: number | undefined, length: number): Uint8Array | undefined => {
    if (at === undefined) return undefined
    const unknown = registers.unknownIn(at, length)
    const { values } = registers.get(at, length)
    const several = last !== undefined && compareBytes(values, registers.get(last, length).values) !== 0
    if (unknown !== undefined || several) doubt(run, unknown ?? 'one of several addresses or ports')
    return unknown === undefined ? values : undefined
  }
  const addressBytes = read(address, lastAddress, passing.packet.family === 4 ? 4 : 16)
  const portBytes = read(port, lastPort, 2)
  return {
    toLink,
    ...(addressBytes ? { address: formatAddress(addressBytes) } : {}),
    ...(portBytes ? { port: ((portBytes[0] as number) << 8) | (portBytes[1] as number) } : {}),
  }
}

function xtMatch(extension: Extract<Expression, { kind: 'xt' }>, run: Run): Step {
  const match = matches(extension, run.passing)
  if (match === undefined) return doubt(run, `"-m ${extension.name}"`)
  return match ? undefined : 'other'
}

/** Bits of struct nf_nat_range, and where the parts of its versions lie (linux/netfilter/nf_nat.h). */
const MAP_IPS = 1
const PROTO_SPECIFIED = 2
const range4 = { flags: 4, first: 8, last: 12, port: 16, lastPort: 18, bytes: 4 } as const
const range6 = { flags: 0, first: 4, last: 20, port: 36, lastPort: 38, bytes: 16 } as const

const terminal: readonly string[] = ['NFQUEUE', 'REJECT', 'TPROXY', 'TTL', 'NETMAP']

function unclear(run: Run, name: string): Step {
  doubt(run, `"-j ${name}"`)
  return { verdict: { code: 'other' } }
}

function xtTarget({ name, revision, info }: Extract<Expression, { kind: 'xt' }>, run: Run): Step {
  if (name === 'MARK') {
    const known = revision === 2 && info.length >= 8 && run.passing.mark !== undefined
    return mark(
      run,
      known ? (((run.passing.mark ?? 0) & ~info.readUInt32LE(4)) ^ info.readUInt32LE(0)) >>> 0 : undefined,
    )
  }
  if (name !== 'DNAT' && name !== 'REDIRECT') {
    return terminal.includes(name) ? unclear(run, name) : undefined
  }
  const { family } = run.passing.packet
  const at = (name === 'DNAT' && revision > 0) || family === 6 ? range6 : range4
  if (info.length < at.lastPort + 2) {
    return unclear(run, name)
  }
  const flags = info.readUInt32LE(at.flags)
  const length = family === 4 ? 4 : 16
  const [first, last] = [info.subarray(at.first, at.first + length), info.subarray(at.last, at.last + length)]
  const [port, lastPort] = [info.readUInt16BE(at.port), info.readUInt16BE(at.lastPort)]
  const several =
    ((flags & MAP_IPS) !== 0 && !first.equals(last)) || ((flags & PROTO_SPECIFIED) !== 0 && port !== lastPort)
  if (several) doubt(run, 'one of several addresses or ports')
  return {
    target: {
      toLink: name === 'REDIRECT',
      ...((flags & MAP_IPS) !== 0 ? { address: formatAddress(first) } : {}),
      ...((flags & PROTO_SPECIFIED) !== 0 ? { port } : {}),
    },
  }
}
