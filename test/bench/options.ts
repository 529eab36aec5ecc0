import { parseArgs } from 'node:util'

export const help = `What eni-routed costs, each figure beside its yardstick, in one run on one machine.

Usage: npm run bench -- [OPTIONS]

  --quick          fewer tries and smaller numbers: about three minutes; most goals are then not judged
  --only ITEMS     these alone, separated by commas (see below)
  --idle SECONDS   how long daemons lie idle before they are woken (600; 20 with --quick), while the other items run
  --json FILE      writes everything measured as JSON
  --svg FILE       draws it
  --markdown FILE  writes it as a table
  --help           prints this

Items:
  reaction    address → rule, with 2 and with 3,000 addresses; a deleted rule → back
  answer      address → first answered packet
  pass        a pass that has nothing to do
  start       exec → READY, and --help
  cold        exec → READY from nothing, with 1, 100 and 3,000 addresses on 1, 15 and 60 ENIs
  lookup      what a packet pays: RTM_GETROUTE and sendto, IPv4 and IPv6
  footprint   memory; processor time under foreign changes, attachments and 100,000 foreign routes
  rival       link → answering, beside amazon-ec2-net-utils under systemd (Debian; builds a guest)
  idle        address → rule after idle minutes; processor time and memory meanwhile

What is compared is measured in turn, so that both meet the same machine. A goal is judged by the interval in which the ratio
(or the value) lies with 95 % confidence: met, missed, or not judged where the goal lies within it. The load average is told with
each item; far above 1, others were at work, and absolute figures are theirs too.

Needs root, ip, a C compiler for the yardsticks; rival needs systemd-nspawn and mmdebstrap. Exit status: 0 measured, whatever the
goals; 1 an item failed; 64 wrong usage; 77 not root. Ctrl-C takes down what was built.

Examples:
  npm run bench                                          everything, about 20 minutes
  npm run bench -- --quick --only reaction,lookup        a first look
  npm run bench -- --json bench.json --svg bench.svg     for the record
`

export interface Options {
  readonly quick: boolean
  readonly only: readonly string[] | undefined
  readonly idleSeconds: number
  readonly files: { readonly json?: string; readonly svg?: string; readonly markdown?: string }
}

/** Wrong usage: what, and what is allowed. */
export class UsageError extends Error {}

/** undefined: help is asked for. @throws {UsageError} */
export function parseOptions(args: readonly string[], items: readonly string[]): Options | undefined {
  const values = parsed(args)
  if (values.help) {
    return undefined
  }
  const quick = values.quick ?? false
  const only = values.only?.split(',')
  const unknown = only?.filter((name) => !items.includes(name)) ?? []
  if (unknown.length > 0) {
    throw new UsageError(`--only ${unknown.join(',')}: no such item; there are ${items.join(', ')}`)
  }
  const idleSeconds = Number(values.idle ?? (quick ? 20 : 600))
  if (!(idleSeconds >= 1 && idleSeconds <= 86_400)) {
    throw new UsageError(`--idle ${values.idle}: must be seconds, from 1 to 86400`)
  }
  const { json, svg, markdown } = values
  return {
    ...{ quick, only, idleSeconds },
    files: { ...(json && { json }), ...(svg && { svg }), ...(markdown && { markdown }) },
  }
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = { quick: flag, help: flag, only: text, idle: text, json: text, svg: text, markdown: text }
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}
