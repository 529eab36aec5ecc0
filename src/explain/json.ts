import type { Account } from '../policy/explain/account.ts'
import type { Arrival } from '../policy/explain/arrival.ts'
import type { Passage } from '../policy/explain/passage.ts'
import type { KernelWay } from '../policy/fib/answer.ts'
import type { Step } from '../policy/fib/rules.ts'
import type { Fate, Way } from '../policy/fib/way.ts'
import type { Redirection } from '../policy/redirect/redirection.ts'
import type { Nexthop } from '../state/route.ts'
import { protocolName } from './request.ts'
import type { Words } from './words.ts'

/** An account for programs; rules and routes as `ip` has them. */
export function accountJson(account: Account, towards: string | undefined, words: Words) {
  const { packet, way, without, symmetry, symmetryWithout, kernel, agrees, hidden, unled } = account
  const { oif, iif, ipProtocol, ...rest } = packet
  return {
    packet: {
      ...rest,
      protocol: protocolName(ipProtocol),
      ...(iif === undefined ? {} : { in: words.link(iif) }),
      ...(oif === undefined ? {} : { oif: words.link(oif) }),
    },
    ...(towards === undefined ? {} : { towards }),
    ...wayJson(way, words),
    symmetry,
    withoutUs: { ...wayJson(without, words), symmetry: symmetryWithout },
    kernel: kernelJson(kernel, words),
    agrees,
    ...(hidden ? { hidden } : {}),
    ...(unled ? { ruleMissing: { interface: words.link(unled.link), table: unled.table } } : {}),
  }
}

export const arrivalJson = ({ redirection, inward, answer, passage, mark }: Arrival, words: Words) => ({
  in: words.link(inward.entrance.index),
  ...redirectionJson(redirection),
  inward: accountJson(inward.account, undefined, words),
  ...checkJson(inward),
  outcome: inward.fates.flatMap((fate) => fateJson(fate, words)),
  ...(mark === undefined ? {} : { connectionMark: mark }),
  answer: {
    ...accountJson(answer, undefined, words),
    ...(passage ? { ...checkJson(passage), outcome: passage.fates.flatMap((fate) => fateJson(fate, words)) } : {}),
  },
})

/** Where nftables sends it instead; `doubts`: what was not understood, or not read. */
const redirectionJson = ({ packet, by, doubts }: Redirection) => ({
  ...(by === undefined ? {} : { redirected: { by, to: packet.destination, port: packet.destinationPort } }),
  ...(doubts.length > 0 ? { doubts } : {}),
})

/** `depends`: on which of several nexthops the kernel picks. */
function checkJson({ reception, reverse }: Passage) {
  const check = reverse.find(({ passes }) => !passes) ?? reverse[0]
  return check
    ? {
        rpFilter: {
          mode: reception.rpFilter,
          srcValidMark: reception.validMark,
          passes: check.passes,
          why: check.why,
          ...(reverse.length > 1 ? { depends: true } : {}),
        },
      }
    : {}
}

const wayJson = ({ steps, fates }: Way, words: Words) => ({
  steps: steps.map((step) => stepJson(step, words)),
  ways: fates.flatMap((fate) => fateJson(fate, words)),
})

const stepJson = ({ rule, event }: Step, words: Words) => ({
  priority: rule.priority,
  rule: words.rule(rule),
  outcome: event.kind,
  ...('miss' in event ? { missed: event.miss } : {}),
  ...('table' in event ? { table: event.table } : {}),
  ...('route' in event ? { route: words.route(event.route) } : {}),
  ...('by' in event ? { suppressedBy: event.by } : {}),
  ...('error' in event ? { error: event.error } : {}),
  ...('to' in event ? { goto: event.to } : {}),
})

function fateJson(fate: Fate, words: Words): object[] {
  switch (fate.kind) {
    case 'local':
      return [{ kind: 'local', ...(fate.route ? { route: words.route(fate.route) } : {}) }]
    case 'on-link':
      return [{ kind: 'on-link', ...hopJson(fate.hop, words) }]
    case 'refused':
      return [{ kind: 'refused', error: fate.error, ...(fate.because ? { because: fate.because } : {}) }]
    case 'leaves':
      return fate.choices.map(({ route, hop }) => ({
        kind: 'leaves',
        ...hopJson(hop, words),
        table: route.table,
        route: words.route(route),
      }))
  }
}

const hopJson = ({ oif, gateway }: Nexthop, words: Words) => ({
  interface: words.link(oif ?? 0),
  ...(gateway === undefined ? {} : { router: gateway }),
})

function kernelJson(kernel: KernelWay, words: Words) {
  if ('error' in kernel) {
    return kernel
  }
  const { way, matched } = kernel
  return {
    type: way.type,
    ...(way.nexthops[0] ? hopJson(way.nexthops[0], words) : {}),
    ...(way.prefsrc === undefined ? {} : { prefsrc: way.prefsrc }),
    ...(matched ? { table: matched.table, route: words.route(matched) } : {}),
  }
}
