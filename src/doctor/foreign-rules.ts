import { isOurRule } from '../policy/ownership.ts'
import { lastPriority } from '../policy/rules.ts'
import { contains } from '../state/prefix.ts'
import { table } from '../state/route.ts'
import { isMysterious, type Rule } from '../state/rule.ts'
import { managed, routableOf } from './enis.ts'
import type { Evidence, KernelState } from './evidence.ts'

/** The rule asks a table that is neither the kernel's own nor found by a mark. */
export const asksOwnTable = (rule: Rule): boolean =>
  rule.action === 'lookup' &&
  !([table.main, table.local, table.default, 0] as readonly number[]).includes(rule.table) &&
  !rule.invert &&
  !rule.fwmark &&
  !rule.l3mdev

/** Addresses of ENIs whose packets the rule, by its source, sends to a table of its own. */
export function sentBy(rule: Rule, kernel: KernelState): string[] {
  const { source } = rule
  return source === undefined || !asksOwnTable(rule)
    ? []
    : managed(kernel)
        .flatMap((plan) => routableOf(kernel, plan))
        .map(({ address }) => address)
        .filter((address) => contains(source, address))
}

/**
 * The cloud's agent that made the rule, by its numbers: nm-cloud-setup's begin at 30200 and 30400, and those of
 * ec2-net-utils are 10000 + 100 · card + device for priority and table alike.
 */
export function agentOf({ source, priority, table }: Rule): 'nm-cloud-setup' | 'ec2-net-utils' | undefined {
  if (source && table >= 30_200 && table < 30_500) return 'nm-cloud-setup'
  return source && priority === table && table >= 10_000 && table < 20_000 ? 'ec2-net-utils' : undefined
}

const selectors = [
  'source',
  'destination',
  'iif',
  'oif',
  'tos',
  'uidRange',
  'ipProto',
  'sourcePort',
  'destinationPort',
] as const

/** Does it select by more than that? Then it is for some packets only. */
export const hasSelectorsBesides = (rule: Rule, selector: (typeof selectors)[number]): boolean =>
  isMysterious(rule) || selectors.some((name) => name !== selector && rule[name] !== undefined)

/** Rules of ours for the same addresses are there, and asked before. */
export const isShadowed = (rule: Rule, { all, assessment }: KernelState, settings: Evidence['settings']): boolean =>
  rule.priority > lastPriority(assessment.desired.rules, settings.numbers) &&
  all.rules.some((other) => other.family === rule.family && other.source !== undefined && isOurRule(settings, other))
