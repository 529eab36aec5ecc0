import { enumerate } from '../../policy/enumerate.ts'
import { ipCommand } from '../../state/ip.ts'
import { contains, formatPrefix, isHostPrefix } from '../../state/prefix.ts'
import { formatRoute, type Route, table } from '../../state/route.ts'
import { linkNamer } from '../../state/snapshot.ts'
import { addressesOf, isDefault, managed, routableOf } from '../enis.ts'
import type { Check, Evidence, KernelState } from '../evidence.ts'
import type { Finding } from '../finding.ts'
import { defaultsOf, isOutside, routerOf } from '../routers.ts'

/** main as the rest of the host sees it: what unbound programs use, and the way to the instance metadata. */
export const mainRoutes: Check = {
  reads: [],
  find: (evidence) =>
    evidence.kernel
      ? [
          ...equalDefaults(evidence.kernel),
          ...strangeRouters(evidence.kernel),
          ...overlaps(evidence.kernel),
          ...toMetadata(evidence, evidence.kernel),
        ]
      : [],
}

/** RTPROT_RA: the kernel and networkd make one default route for each router that they hear, of one metric: no slip. */
const RTPROT_RA = 9

/** Of two defaults with one metric the kernel takes the older, or now this, now that: after a reboot it may be the other. */
function equalDefaults(kernel: KernelState): Finding[] {
  const { all } = kernel
  const enis = new Set(kernel.assessment.desired.enis.map(({ eni }) => eni.link.index))
  const byMetric = new Map<string, Route[]>()
  for (const route of all.routes.filter((r) => r.table === table.main && isDefault(r) && r.protocol !== RTPROT_RA)) {
    const key = `${route.family} ${route.metric}`
    byMetric.set(key, [...(byMetric.get(key) ?? []), route])
  }
  return [...byMetric.values()]
    .filter(
      (alike) =>
        new Set(
          alike
            .flatMap(({ nexthops }) => nexthops.map(({ oif }) => oif))
            .filter((oif) => oif !== undefined && enis.has(oif)),
        ).size > 1,
    )
    .map((alike): Finding => {
      const { metric } = alike[0] as Route
      return {
        severity: 'warning',
        id: 'equal-defaults',
        what: `main has default routes through several interfaces with one metric (${metric}): which of them programs without an address of their own use is left to chance`,
        evidence: alike.map((route) => `${ipCommand(route)} route ${formatRoute(route, linkNamer(all))}`),
        cure: `give each interface a metric of its own where its addresses are configured (RouteMetric=, route-metric:, ipv4.route-metric); now: ${apart(alike, linkNamer(all))}`,
      }
    })
}

/** The commands that give every way but the first a metric of its own. */
function apart(alike: readonly Route[], name: (index: number) => string): string {
  const { family, metric } = alike[0] as Route
  const ip = `${ipCommand({ family })} route`
  const commands = alike
    .flatMap((route) => route.nexthops)
    .map(
      ({ gateway, oif = 0, onlink }, i) =>
        `${ip} add default${gateway ? ` via ${gateway}` : ''} dev ${name(oif)} metric ${metric + 100 * i}${onlink ? ' onlink' : ''}`,
    )
  // The first way stays where it is a route by itself; a route of several ways goes as a whole.
  const stays = (alike[0] as Route).nexthops.length === 1
  const gone = alike.slice(stays ? 1 : 0).map((route) => `${ip} del ${formatRoute(route, name)}`)
  return [...commands.slice(1), ...gone, ...(stays ? [] : commands.slice(0, 1))].join('; ')
}

/** A default of main whose router is in no subnet of its ENI: nobody there answers for it. */
const strangeRouters = (kernel: KernelState): Finding[] =>
  managed(kernel).flatMap((plan) =>
    ([4, 6] as const)
      .flatMap((family) => defaultsOf(kernel, family))
      .filter(({ nexthops }) =>
        nexthops.some(({ oif, gateway }) => oif === plan.eni.link.index && isOutside(kernel, plan, gateway)),
      )
      .map((route): Finding => {
        const { name } = plan.eni.link
        const ip = `${ipCommand(route)} route`
        const text = formatRoute(route, linkNamer(kernel.all))
        return {
          severity: 'warning',
          id: 'router-outside',
          what: `the router of ${name}'s default is in no subnet of ${name}: nobody answers for it there`,
          evidence: [
            `${ip} ${text}`,
            ...addressesOf(kernel, plan).map((a) => `address ${a.address}/${a.onLink.length} dev ${name}`),
          ],
          cure: `${ip} add default via ${routerOf(kernel, plan, route.family)} dev ${name} metric ${route.metric + 1}; ${ip} del ${text}`,
        }
      }),
  )

/**
 * A network of containers or of a VPN that holds an ENI's subnet takes what is meant for it: main's longer routes that lead
 * elsewhere are followed. Docker's own pool reaches into 172.31.0.0/16. Narrower ones may be delegated prefixes.
 */
function overlaps(kernel: KernelState): Finding[] {
  const { all } = kernel
  const enis = new Set(kernel.assessment.desired.enis.map(({ eni }) => eni.link.index))
  const name = linkNamer(all)
  const elsewhere = all.routes.filter(
    (route) =>
      route.table === table.main &&
      route.type === 'unicast' &&
      route.destination.length > 4 &&
      route.nexthops.length > 0 &&
      route.nexthops.every(({ oif }) => oif !== undefined && !enis.has(oif)),
  )
  return managed(kernel)
    .flatMap((plan) => routableOf(kernel, plan).map(({ onLink }) => ({ onLink, name: plan.eni.link.name })))
    .filter(({ onLink }) => !isHostPrefix(onLink))
    .flatMap((own) => {
      const route = elsewhere.find(
        ({ destination }) => destination.length <= own.onLink.length && contains(destination, own.onLink.address),
      )
      return route ? [{ own, route }] : []
    })
    .slice(0, 1)
    .map(({ own, route }) => ({
      severity: 'warning',
      id: 'overlapping-network',
      what: `a network behind ${name(route.nexthops[0]?.oif ?? 0)} holds the subnet ${formatPrefix(own.onLink)} of ${own.name}: hosts of the VPC are looked for there`,
      evidence: [`${ipCommand(route)} route ${formatRoute(route, name)}`],
      cure: 'give that network other addresses; Docker takes them from default-address-pools in /etc/docker/daemon.json',
    }))
}

const metadataAddress = '169.254.169.254'

/** The metadata service is reached through an ENI. Container and VPN software likes 169.254.0.0/16, too. */
function toMetadata({ config }: Evidence, { all, refusing, assessment }: KernelState): Finding[] {
  if (config.metadata.mode === 'off' || assessment.desired.enis.length === 0) {
    return []
  }
  const [best] = [...all.routes, ...refusing]
    .filter((route) => route.table === table.main && contains(route.destination, metadataAddress))
    .sort((a, b) => b.destination.length - a.destination.length || a.metric - b.metric)
  const oif = best?.nexthops[0]?.oif
  const throughEni = assessment.desired.enis.some(({ eni }) => eni.link.index === oif)
  if (!best || throughEni || (best.destination.length === 0 && best.type === 'unicast')) {
    return []
  }
  const text = formatRoute(best, linkNamer(all))
  return [
    {
      severity: 'warning',
      id: 'metadata-route',
      what: `packets to the instance metadata (${metadataAddress}) do not leave by a network interface of EC2`,
      evidence: [`ip route ${text}`],
      cure: `ip route replace ${metadataAddress}/32 dev ${enumerate(assessment.desired.enis.slice(0, 1).map(({ eni }) => eni.link.name))}, or: ip route del ${text}`,
    },
  ]
}
