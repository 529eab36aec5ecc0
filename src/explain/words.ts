import type { KernelWay } from '../policy/fib/answer.ts'
import type { Choice } from '../policy/fib/found.ts'
import type { Packet } from '../policy/fib/packet.ts'
import type { Fib } from '../policy/fib/picture.ts'
import type { Event } from '../policy/fib/rules.ts'
import type { Fate } from '../policy/fib/way.ts'
import { linkWord } from '../state/link.ts'
import { formatRoute, type Nexthop, type Route, tableName } from '../state/route.ts'
import { formatRule, type Rule } from '../state/rule.ts'
import { protocolName } from './request.ts'

/** Names of links and objects in the words of `ip`. */
export interface Words {
  link(index: number): string
  rule(rule: Rule): string
  route(route: Route): string
  hop(hop: Nexthop): string
  fate(fate: Fate): string
  kernel(kernel: KernelWay): string
  event(event: Event): string
  packet(packet: Packet): string
}

export function wordsOf(fib: Fib): Words {
  const link = (index: number) => fib.links.get(index)?.name ?? `if${index}`
  const route = (value: Route) => formatRoute(value, link)
  const hop = ({ oif, gateway }: Nexthop) =>
    `${linkWord(link(oif ?? 0))}${gateway === undefined ? ', on-link' : ` via ${gateway}`}`
  const choices = (several: readonly Choice[]) => [...new Set(several.map((choice) => hop(choice.hop)))]
  return {
    link,
    route,
    hop,
    // Its priority stands in front of it anyway.
    rule: (rule) => formatRule(rule).replace(`priority ${rule.priority} `, ''),
    fate: (fate) => fateText(fate, hop, choices),
    kernel: (kernel) => kernelText(kernel, hop),
    event: (event) => eventText(event, route),
    packet: (packet) => packetText(packet, link),
  }
}

function fateText(
  fate: Fate,
  hop: (hop: Nexthop) => string,
  choices: (several: readonly Choice[]) => string[],
): string {
  switch (fate.kind) {
    case 'local':
      return 'to this host itself'
    case 'on-link':
      return `${hop(fate.hop)}: no table has a route through the link, so the kernel takes the destination for a neighbour`
    case 'refused':
      return `nowhere: ${fate.error}${fate.because ? ` (${fate.because})` : ''}`
    case 'leaves': {
      const all = choices(fate.choices)
      const [first] = fate.choices
      const table = first
        ? ` (table ${tableName(first.route.table)}${first.route.prefsrc ? `, src ${first.route.prefsrc}` : ''})`
        : ''
      return all.length === 1 ? `${all[0]}${table}` : `one of ${all.join('; ')}${table}`
    }
  }
}

function kernelText(kernel: KernelWay, hop: (hop: Nexthop) => string): string {
  if ('error' in kernel) {
    return `nowhere: ${kernel.error}${kernel.message ? ` (${kernel.message})` : ''}`
  }
  const { way, matched } = kernel
  if (way.type === 'local') {
    return 'to this host itself'
  }
  const source = way.prefsrc ? `, src ${way.prefsrc}` : ''
  const [first] = way.nexthops
  const table = matched ? ` (table ${tableName(matched.table)}${source})` : ` (no route of a table${source})`
  return `${first ? hop(first) : way.type}${table}`
}

function eventText(event: Event, route: (route: Route) => string): string {
  switch (event.kind) {
    case 'missed':
      return event.miss.selector === 'not'
        ? 'missed: it is for all other packets'
        : `missed: ${event.miss.selector} ${event.miss.wants}, not ${event.miss.has}`
    case 'jump':
      return `goes on at ${event.to}`
    case 'astray':
      return `passed over: there is no rule ${event.to}`
    case 'nop':
      return 'does nothing'
    case 'refused':
      return `refuses it: ${event.error}`
    case 'nothing':
      return `table ${tableName(event.table)} has no route for it`
    case 'throw':
      return `"${route(event.route)}" sends it on to the next rule`
    case 'suppressed':
      return `"${route(event.route)}" is passed over: ${event.by}`
    case 'rejected':
      return `"${route(event.route)}" refuses it: ${event.error}`
    case 'taken':
      return `takes "${route(event.route)}"${event.partly ? `, short of nexthops that ${event.partly} passes over` : ''}`
  }
}

function packetText(packet: Packet, link: (index: number) => string): string {
  const port = (address: string, number: number) => (number === 0 ? address : `${address} port ${number}`)
  const more = [
    packet.iif === undefined ? '' : `in by ${link(packet.iif)}`,
    packet.oif === undefined ? '' : `${packet.loose ? 'preferring' : 'bound to'} ${link(packet.oif)}`,
    packet.mark === 0 ? '' : `mark 0x${packet.mark.toString(16)}`,
    packet.tos === 0 ? '' : `tos 0x${packet.tos.toString(16)}`,
    packet.uid === 0 ? '' : `uid ${packet.uid}`,
  ].filter((word) => word !== '')
  const ends = `${port(packet.source, packet.sourcePort)} to ${port(packet.destination, packet.destinationPort)}`
  return [`${ends}, ${protocolName(packet.ipProtocol)}`, ...more].join(', ')
}
