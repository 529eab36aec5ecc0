import * as z from 'zod/mini'
import { canonicalAddress, type Family, familyOf } from '../state/ip.ts'
import { type Prefix, parsePrefix } from '../state/prefix.ts'

/** A document that was understood. */
export type LeafValue = string | number | readonly string[] | readonly Prefix[]

export type Leaf =
  | 'local-ipv4s'
  | 'ipv6s'
  | 'interface-id'
  | 'device-number'
  | 'network-card'
  | 'ipv4-prefix'
  | 'ipv6-prefix'
  | 'subnet-ipv4-cidr-block'
  | 'subnet-ipv6-cidr-blocks'
  | 'vpc-ipv4-cidr-blocks'
  | 'vpc-ipv6-cidr-blocks'

export type Schema<T> = z.ZodMiniType<T>

/** Lines of a listing, without the blank ones. */
const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')

const list = <T>(item: (line: string) => T | undefined, what: string) =>
  z.pipe(
    z.string(),
    z.transform((text, context) => {
      const fail = (message: string): never => {
        context.issues.push({ code: 'custom', message, input: text })
        return z.NEVER
      }
      const texts = lines(text)
      return texts.length === 0
        ? fail(`an empty list of ${what}`)
        : texts.map((line) => item(line) ?? fail(`"${line.slice(0, 60)}" is none of ${what}`))
    }),
  )

const address = (family: Family) => (text: string) => {
  const canonical = canonicalAddress(text)
  return canonical !== undefined && familyOf(canonical) === family ? canonical : undefined
}

/** A block that is written with its length; one of `length` bits where that is given. */
const block = (family: Family, length?: number) => (text: string) => {
  const prefix = text.includes('/') ? parsePrefix(text) : undefined
  const fits = prefix && familyOf(prefix.address) === family && prefix.length > 0
  return fits && (length === undefined || prefix.length === length) ? prefix : undefined
}

const integer = (largest: number) =>
  z.pipe(
    z.string().check(z.trim(), z.regex(/^\d{1,4}$/, 'no number')),
    z.pipe(z.transform(Number), z.number().check(z.maximum(largest, `a number above ${largest}`))),
  )

const macPattern = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/
const macText = (text: string) => (macPattern.test(text.toLowerCase()) ? text.toLowerCase() : undefined)

const text = (pattern: RegExp, what: string) =>
  z.string().check(z.trim(), z.toLowerCase(), z.regex(pattern, `no ${what}`))

/** The instance's own documents. */
export const primaryMacDocument = text(macPattern, 'MAC address')
/** The MACs of its ENIs, each with a slash behind it. */
export const macsDocument = list((line) => macText(line.replace(/\/$/, '')), 'MAC addresses')

/** The folder of one ENI: the names of the documents that there are. What is absent of them needs no question. */
export const folderDocument = list(
  (line) => (/^[\w.-]{1,64}$/.test(line.replace(/\/$/, '')) ? line.replace(/\/$/, '') : undefined),
  'names of documents',
)

/**
 * The documents of one ENI, under network/interfaces/macs/MAC/, in the order in which they are asked for: what brings a
 * bare ENI up comes first. (EC2 user guide, "Instance metadata categories".)
 */
export const leaves: Readonly<Record<Leaf, Schema<LeafValue>>> = {
  'local-ipv4s': list(address(4), 'IPv4 addresses'),
  ipv6s: list(address(6), 'IPv6 addresses'),
  'subnet-ipv4-cidr-block': list(block(4), 'IPv4 blocks'),
  'subnet-ipv6-cidr-blocks': list(block(6), 'IPv6 blocks'),
  'device-number': integer(999),
  'network-card': integer(89),
  'interface-id': text(/^eni-[0-9a-f]{8,32}$/, 'ENI id'),
  'ipv4-prefix': list(block(4, 28), 'IPv4 /28 prefixes'),
  'ipv6-prefix': list(block(6, 80), 'IPv6 /80 prefixes'),
  'vpc-ipv4-cidr-blocks': list(block(4), 'IPv4 blocks'),
  'vpc-ipv6-cidr-blocks': list(block(6), 'IPv6 blocks'),
}
export const leafNames = Object.keys(leaves) as Leaf[]

export type Read<T> = { readonly value: T } | { readonly problem: string }

/** Reads a document; where it is malformed, says how. */
export function read<T>(schema: Schema<T>, body: string): Read<T> {
  const result = schema.safeParse(body)
  return result.success ? { value: result.data } : { problem: result.error.issues[0]?.message ?? 'malformed' }
}
