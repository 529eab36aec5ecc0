import type { Verdict } from './health.ts'
import type { Problem } from './policy/health.ts'
import type { PassOutcome } from './reconcile.ts'

/** The daemon as it is at this moment, for one line. */
export interface Present {
  readonly health: Verdict
  readonly problems: readonly Problem[]
  readonly outcome: PassOutcome | undefined
  /** Why the last pass failed. */
  readonly failure: string | undefined
  readonly lastChange: { readonly at: Date; readonly command: string } | undefined
}

/** What `systemctl status` shows: `2 ENIs, 3 addresses: in sync; last change 2026-01-02 03:04:05 UTC: ip rule add …`. */
export function statusLine(present: Present): string {
  const { outcome, lastChange } = present
  const last = lastChange && `last change ${stamp(lastChange.at)}: ${lastChange.command}`
  const inventory = outcome && inventoryOf(outcome)
  return [[inventory, stateOf(present)].filter(Boolean).join(': '), last].filter(Boolean).join('; ')
}

const stamp = (at: Date): string => `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`

/** `2 ENIs, 3 addresses`; addresses are of no interest where there is nothing to do. */
export function inventoryOf({ desired: { active, enis } }: PassOutcome): string {
  const { length } = enis.flatMap(({ routing }) => routing.flatMap(({ addresses }) => addresses))
  return `${count(enis.length, 'ENI', 'ENIs')}${active ? `, ${count(length, 'address', 'addresses')}` : ''}`
}

const count = (n: number, one: string, more: string): string => `${n} ${n === 1 ? one : more}`

function stateOf({ health, problems, outcome, failure }: Present): string {
  if (failure !== undefined) {
    return `degraded: ${failure}`
  }
  const errors = problems.filter(({ severity }) => severity === 'error')
  const worst = errors[0]
  if (worst) {
    return `degraded: ${worst.problem}${errors.length > 1 ? ` (and ${errors.length - 1} more, see eni-routed status)` : ''}`
  }
  switch (health) {
    case 'repairing':
      return `repairing: ${count(outcome?.pending.length ?? 0, 'change is', 'changes are')} pending`
    case 'single':
      return 'nothing to do until a second ENI is attached'
    default:
      return health
  }
}
