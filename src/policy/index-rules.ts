import { addressBits, type Family, formatAddress } from '../state/ip.ts'
import { formatPrefix, type Prefix, prefixKey } from '../state/prefix.ts'
import { table } from '../state/route.ts'
import type { Rule } from '../state/rule.ts'
import type { Block } from './cover.ts'
import type { Holding, WantedRule } from './holding.ts'
import { bucketAt, digitBits, endAt, eniAt, sectionAt } from './index-numbers.ts'
import { Entries } from './kept.ts'
import { defaultLength } from './main-routes.ts'
import type { Numbers } from './settings.ts'
import type { Item } from './terrain.ts'

/** Rules that are kept for the next time. */
const most = 20_000

/**
 * The rules of the index in one family. Each is made once and given out again: what is the same object as before need not
 * be compared anew. That saves time alone: nothing depends on it.
 */
export class IndexRules {
  readonly #family: Family
  readonly #numbers: Numbers
  readonly #made = new Entries<string, WantedRule>(most)
  readonly #addresses = new Entries<Block, WantedRule & { readonly item: Item }>(most)

  constructor(family: Family, numbers: Numbers) {
    this.#family = family
    this.#numbers = numbers
  }

  section = (digits: string) => sectionAt(this.#numbers, this.#family, digits)
  bucket = (prefix: Prefix) => bucketAt(this.#numbers, this.#family, prefixKey(prefix))

  /** Where a section begins, whatever is in it: a goto to a priority that no rule has leads nowhere. */
  begin = (priority: number): WantedRule => this.#landing(priority, 'the beginning of a part of the index')
  /** Where all ways out lead, even while no device has a rule. */
  end = (): WantedRule => this.#landing(endAt(this.#numbers), 'the end of the index')

  /** Leads from a section to that of everything whose address begins with the digits. */
  toSection(priority: number, digits: string): WantedRule {
    return this.#once(`${priority} ${digits}`, () => {
      const source = prefixOf(digits, this.#family)
      return this.#leap(priority, this.section(digits).sections, source, `${formatPrefix(source)}: a part of the index`)
    })
  }

  /** Leads from a section to the bucket of the prefix. */
  toBucket(priority: number, source: Prefix): WantedRule {
    const { addresses } = this.bucket(source)
    return this.#once(`${priority} ${prefixKey(source)}`, () =>
      this.#leap(priority, addresses, source, `${formatPrefix(source)}: a part of the index`),
    )
  }

  /** Leads from a bucket to the rules of the ENI. */
  address(priority: number, item: Item): WantedRule {
    const { block, entry, link } = item
    const known = this.#addresses.get(block)
    if (known?.rule.priority === priority && known.item.entry === entry && known.item.link === link) {
      return known
    }
    const made = this.#leap(priority, entry, block.prefix, `${formatPrefix(block.prefix)}: leaves by ${link}`)
    const kind = { ...made, item }
    this.#addresses.set(block, kind)
    return kind
  }

  /** The way out of a section, a bucket or an ENI whose table has no route. */
  exit = (priority: number): WantedRule =>
    this.#once(`exit ${priority}`, () =>
      this.#leap(priority, endAt(this.#numbers), undefined, 'the way out of a part of the index'),
    )

  /** What a packet of the ENI is asked, in this order: main, its own table; then it goes out. */
  eni({ link, table: number }: Holding, slot: number): WantedRule[] {
    const at = eniAt(this.#numbers, slot)
    const { linkGroup } = this.#numbers
    const suppress = { suppressPrefixLength: defaultLength[this.#family], suppressGroup: linkGroup }
    const main = this.#once(`main ${at.main} ${link}`, () => ({
      rule: { ...this.#common('lookup'), priority: at.main, table: table.main, ...suppress },
      why: `addresses of ${link}: main's routes that are no default and leave by no ENI`,
    }))
    const own = this.#once(`own ${at.table} ${number} ${link}`, () => ({
      rule: { ...this.#common('lookup'), priority: at.table, table: number },
      why: `addresses of ${link}: leave by it`,
    }))
    // Without link groups the main lookup would find the other ENIs' subnets, the very fault to be cured.
    return [...(linkGroup === 0 ? [] : [main]), own, this.exit(at.exit)]
  }

  device({ link, table: number }: Holding): WantedRule {
    return this.#once(`device ${number} ${link}`, () => ({
      rule: { ...this.#common('lookup'), priority: endAt(this.#numbers), oif: link, table: number },
      why: `sockets bound to ${link}`,
    }))
  }

  #landing(priority: number, why: string): WantedRule {
    return this.#once(`landing ${priority}`, () => ({ rule: { ...this.#common('nop'), priority, table: 0 }, why }))
  }

  #leap(priority: number, gotoPriority: number, source: Prefix | undefined, why: string): WantedRule {
    const { protocol } = this.#numbers
    const rule: Rule = { family: this.#family, action: 'goto', protocol, priority, gotoPriority, table: 0 }
    return { rule: source ? { ...rule, source } : rule, why }
  }

  #common<Action extends Rule['action']>(action: Action) {
    return { family: this.#family, action, protocol: this.#numbers.protocol }
  }

  #once(key: string, make: () => WantedRule): WantedRule {
    const known = this.#made.get(key)
    if (known) {
      return known
    }
    const made = make()
    this.#made.set(key, made)
    return made
  }
}

/** The prefix of all addresses that begin with the digits. */
export function prefixOf(digits: string, family: Family): Prefix {
  const all = digits.padEnd(addressBits(family) / digitBits, '0')
  const bytes = Uint8Array.from({ length: all.length / 2 }, (_, i) => Number.parseInt(all.slice(2 * i, 2 * i + 2), 16))
  return { address: formatAddress(bytes), length: digitBits * digits.length }
}
