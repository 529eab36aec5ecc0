import { hex, type MarkTable } from '../state/marking.ts'

/** The part of `nft -j list table` (libnftables-json(5)) that a table of ours consists of. */
interface Listing {
  readonly nftables: readonly {
    readonly chain?: {
      readonly name: string
      readonly type?: string
      readonly hook?: string
      readonly prio?: number
      readonly policy?: string
    }
    readonly rule?: { readonly chain: string; readonly expr: readonly Json[] }
  }[]
}

type Json = Readonly<Record<string, unknown>>

/**
 * The table in a listing, in the spelling of `markTable`. Nothing is believed of the listing: whatever `markTable` never
 * writes appears as JSON, and so as a difference.
 */
export function parseListing(json: string): MarkTable {
  const { nftables } = JSON.parse(json) as Listing
  const rules = nftables.flatMap(({ rule }) => rule ?? [])
  const chains = nftables.flatMap(({ chain }) => {
    if (!chain) {
      return []
    }
    const statements = rules
      .filter((rule) => rule.chain === chain.name)
      .map(({ expr }) => expr.map(statementText).join(' '))
    return [`chain ${chain.name} { ${[...hookText(chain), ...statements].map((line) => `${line}; `).join('')}}`]
  })
  // A set, map or counter of somebody else in our table goes with the table when that is replaced.
  const known = ['metainfo', 'table', 'chain', 'rule']
  const strange = nftables.filter((object) => !known.some((kind) => kind in object))
  return { chains: [...chains, ...strange.map((object) => JSON.stringify(object))] }
}

const hookText = ({ type, hook, prio, policy }: NonNullable<Listing['nftables'][number]['chain']>): string[] =>
  hook === undefined ? [] : [`type ${type} hook ${hook} priority ${prio}`, `policy ${policy}`]

function statementText(statement: Json): string {
  const [kind, body] = Object.entries(statement)[0] ?? ['', {}]
  return statements[kind]?.(body as Json) ?? JSON.stringify(statement)
}

const statements: Readonly<Record<string, (body: Json) => string | undefined>> = {
  match: ({ op, left, right }) => {
    const comparison = op === '==' || op === 'in' ? '' : `${String(op)} `
    return `${valueText(left)} ${comparison}${valueText(right)}`
  },
  mangle: ({ key, value }) => {
    const target = valueText(key)
    const change = { zero: evaluate(value, key, 0), ones: evaluate(value, key, 0xffffffff) }
    if (change.zero === undefined || change.ones === undefined) {
      return undefined
    }
    return `${target} set ${target} & ${hex(change.zero ^ change.ones)} | ${hex(change.zero)}`
  },
  vmap: ({ key, data }) => {
    const elements = (data as { set?: [unknown, Json][] }).set
    const entries = elements?.map(([element, verdict]) => `${valueText(element)} : ${verdictText(verdict)}`).sort()
    return entries && `${valueText(key)} vmap { ${entries.join(', ')} }`
  },
}

const verdictText = (verdict: Json): string => {
  const [kind, body] = Object.entries(verdict)[0] ?? []
  return `${kind} ${(body as { target?: string } | null)?.target ?? ''}`
}

const symbols: ReadonlySet<unknown> = new Set(['reply', 'original', 'dnat', 'expected', 'ipv4'])

function valueText(value: unknown): string {
  if (typeof value === 'number') {
    return hex(value)
  }
  if (typeof value === 'string') {
    return symbols.has(value) ? value : `"${value}"`
  }
  const {
    ct,
    meta,
    set,
    '&': masked,
  } = value as {
    readonly ct?: { readonly key: string }
    readonly meta?: { readonly key: string }
    readonly set?: readonly unknown[]
    readonly '&'?: readonly unknown[]
  }
  if (ct) return `ct ${ct.key}`
  if (meta) return meta.key === 'iif' || meta.key === 'oif' ? meta.key : `meta ${meta.key}`
  if (set) return `{ ${set.map(valueText).sort().join(', ')} }`
  return masked?.length === 2 ? masked.map(valueText).join(' & ') : JSON.stringify(value)
}

/**
 * What the expression makes of a mark. nft joins constants as it likes, and each version in its way: what `& a | b` does
 * is told by what becomes of no bits and of all.
 */
function evaluate(expression: unknown, key: unknown, mark: number): number | undefined {
  if (typeof expression === 'number') {
    return expression >>> 0
  }
  if (JSON.stringify(expression) === JSON.stringify(key)) {
    return mark >>> 0
  }
  const [operator, operands] = Object.entries((expression ?? {}) as Record<string, unknown>)[0] ?? []
  const operate = operator === undefined ? undefined : operators[operator]
  if (!operate || !Array.isArray(operands)) {
    return undefined
  }
  const values = operands.map((operand) => evaluate(operand, key, mark))
  return values.some((value) => value === undefined)
    ? undefined
    : (values as number[]).reduce((a, b) => operate(a, b) >>> 0)
}

const operators: Readonly<Record<string, (a: number, b: number) => number>> = {
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
}
