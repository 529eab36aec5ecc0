import type { ChangeResult, Hint, InterestOf, Kernel, Relevance } from './kernel/port.ts'
import type { Address } from './state/address.ts'
import type { Change } from './state/change.ts'
import type { Link } from './state/link.ts'
import { parsePrefix } from './state/prefix.ts'
import { type Route, table } from './state/route.ts'
import type { Snapshot } from './state/snapshot.ts'

/**
 * A kernel in which an instance with two ENIs starts, whatever this machine is: what is read of the real one, where there
 * is one, is forgotten, and what is to be sent to it is written and not sent.
 */
export class ImaginedKernel implements Kernel {
  readonly #real: Kernel | undefined
  #snapshot: Snapshot = instance()

  constructor(real: Kernel | undefined) {
    this.#real = real
  }

  observe(interestOf: InterestOf, thorough: boolean): Snapshot {
    this.#real?.observe(interestOf, thorough)
    const { tables } = interestOf(this.#snapshot.links, this.#snapshot.rules)
    return { ...this.#snapshot, tables }
  }

  apply(changes: readonly Change[]): ChangeResult[] {
    this.rehearse(changes)
    this.#snapshot = changes.reduce(after, this.#snapshot)
    return changes.map(() => ({ done: true, already: false }))
  }

  rehearse(changes: readonly Change[]): void {
    this.#real?.rehearse(changes)
  }

  ask = () => ({ error: 'ENETUNREACH' })
  refusingRoutes = () => []
  watch = (relevance: Relevance, onHint: (hint: Hint) => void) => this.#real?.watch(relevance, onHint)
  echo = () => false
  close = () => this.#real?.close()
}

/** Of the changes, those that a start in an empty kernel makes. */
function after(snapshot: Snapshot, change: Change): Snapshot {
  switch (change.kind) {
    case 'rule':
      return { ...snapshot, rules: [...snapshot.rules, change.rule] }
    case 'route':
      return { ...snapshot, routes: [...snapshot.routes, change.route] }
    case 'link': {
      const { link, group } = change
      return { ...snapshot, links: snapshot.links.map((own) => (own.index === link.index ? { ...own, group } : own)) }
    }
    default:
      return snapshot
  }
}

function instance(): Snapshot {
  const links = [2, 3].map(link)
  const addresses = links.flatMap(({ index }) => [
    address(index, `192.0.2.${index}`, '192.0.2.0/24'),
    address(index, `2001:db8::${index}`, '2001:db8::/64'),
  ])
  const routes = links.flatMap(({ index }) => [
    route(4, index, '192.0.2.0/24', index),
    route(4, index, '0.0.0.0/0', index, '192.0.2.1'),
    route(6, index, '2001:db8::/64', 256),
    route(6, index, '::/0', 1024 + index, 'fe80::1'),
  ])
  return { links, addresses, rules: [], routes, tables: [], torn: false }
}

const link = (index: number): Link => ({
  ...{ index, name: `eth${index - 2}`, altnames: [], mac: `02:00:00:00:00:0${index}`, driver: 'ena' },
  ...{ up: true, loopback: false, group: 0 },
})

/** Of the networks for documentation (RFC 5737, RFC 3849). */
const address = (linkIndex: number, own: string, network: string): Address => ({
  ...{ linkIndex, address: own, onLink: parsePrefix(network)!, scope: 0 },
  ...{ secondary: false, tentative: false, dadFailed: false, noPrefixRoute: false },
})

const route = (family: 4 | 6, oif: number, destination: string, metric: number, gateway?: string): Route => ({
  ...{ family, table: table.main, type: 'unicast', destination: parsePrefix(destination)!, tos: 0, metric },
  ...{
    protocol: 2,
    scope: gateway ? 0 : 253,
    nexthops: [{ oif, onlink: false, weight: 1, ...(gateway && { gateway }) }],
  },
  metrics: {},
})
