import { wordsOf } from '../../../src/explain/words.ts'
import { fibOf } from '../../../src/policy/fib/picture.ts'
import type { Disagreement } from './kernel.ts'
import type { WireDisagreement } from './wire.ts'

/** A disagreement as a person can read it, and make it again. */
export function report({ packet, model, picture, commands, ...said }: Disagreement | WireDisagreement): string {
  const words = wordsOf(fibOf(picture))
  return [
    `the model disagrees with the kernel about ${words.packet(packet)}`,
    ...model.steps.map(({ rule, event }) => `  rule ${rule.priority} ${words.rule(rule)}: ${words.event(event)}`),
    `  model:  ${model.fates.map((fate) => words.fate(fate)).join('; or ')}`,
    'kernel' in said ? `  kernel: ${words.kernel(said.kernel)}` : `  sent:   ${said.seen}`,
    `  links:  ${picture.links.map(({ index, name, group, up }) => `${index} ${name} group ${group} ${up ? 'up' : 'down'}`).join(', ')}`,
    ...picture.routes.filter(({ family }) => family === packet.family).map((route) => `  route ${words.route(route)}`),
    'after',
    ...commands.map((command) => `  ip ${command}`),
  ].join('\n')
}
