import { writeFileSync } from 'node:fs'
import { defaults } from '../../src/config/defaults.ts'
import { settingsOf } from '../../src/config/settings.ts'
import { openKernel } from '../../src/kernel/netlink.ts'
import { look } from '../../src/look.ts'
import { NLM_F } from '../../src/netlink/constants.ts'
import { frame, type Request } from '../../src/netlink/framing.ts'
import { setLinkGroup } from '../../src/netlink/link.ts'
import { addRoute, deleteRoute } from '../../src/netlink/route-request.ts'
import { addRule, deleteRule } from '../../src/netlink/rule-request.ts'
import type { Desired } from '../../src/policy/desired.ts'
import { plainRules } from '../../src/policy/rules.ts'
import type { Change } from '../../src/state/change.ts'
import { formatChange } from '../../src/state/change.ts'
import { hostPrefix } from '../../src/state/prefix.ts'
import { linkNamer } from '../../src/state/snapshot.ts'

/**
 * Runs in an instance's namespace in which nothing is in place yet: writes the changes that a first pass would make, as
 * netlink messages, and as commands of `ip -batch`. Prints their number as JSON.
 */
export interface PlanTask {
  /** Paths of the files to write. */
  readonly messages: Files
  readonly commands: Files
  /** The commands that a person would type: two rules an address, whatever their number, and the rest as it is. */
  readonly plainCommands: Files
}

/** What puts everything there, and what takes it away. */
export interface Files {
  readonly there: string
  readonly away: string
}

export interface Plan {
  readonly objects: number
  readonly plainObjects: number
}

const task = JSON.parse(process.argv[2] as string) as PlanTask
const settings = settingsOf({ ...defaults, interfaces: { ...defaults.interfaces, include: ['eth*'] } })
const kernel = openKernel()
const { desired, pending, snapshot } = look({ kernel, settings, tables: new Map(), thorough: true })
kernel.close()
const plain = [...pending.filter(({ kind }) => kind !== 'rule'), ...plainForm(desired)]
writeMessages(task.messages)
writeCommands(task.commands, pending)
writeCommands(task.plainCommands, plain)
process.stdout.write(JSON.stringify({ objects: pending.length, plainObjects: plain.length } satisfies Plan))

function plainForm({ enis }: Desired): Change[] {
  const holdings = enis.flatMap(({ eni, table, routing }) =>
    routing.map(({ family, addresses }) => ({
      ...{ family, link: eni.link.name, table: table as number },
      sources: addresses.map(hostPrefix),
    })),
  )
  return plainRules(holdings, settings.numbers).map(({ rule }) => ({ op: 'add', kind: 'rule', rule, cause: '' }))
}

function writeMessages({ there, away }: Files): void {
  const bytesOf = (requests: readonly Request[]) =>
    Buffer.concat(requests.map((one, i) => frame({ ...one, flags: one.flags | NLM_F.ACK }, i + 1)))
  writeFileSync(there, bytesOf(pending.map((change) => requestsOf(change).there)))
  writeFileSync(away, bytesOf(pending.map((change) => requestsOf(change).away).reverse()))
}

function requestsOf(change: Change): { there: Request; away: Request } {
  switch (change.kind) {
    case 'rule':
      return { there: addRule(change.rule), away: deleteRule(change.rule) }
    case 'route':
      return { there: addRoute(change.route), away: deleteRoute(change.route) }
    case 'link':
      return { there: setLinkGroup(change.link.index, change.group), away: setLinkGroup(change.link.index, 0) }
    default:
      throw new TypeError(`a first pass makes no change of kind ${change.kind} here`)
  }
}

function writeCommands({ there, away }: Files, changes: readonly Change[]): void {
  const commands = changes.map((change) => formatChange(change, linkNamer(snapshot)).replace(/^ip /, ''))
  const undone = commands.map((line) =>
    line.replace(/^(-6 )?(rule|route) add /, '$1$2 del ').replace(/ group \d+$/, ' group 0'),
  )
  writeFileSync(there, `${commands.join('\n')}\n`)
  writeFileSync(away, `${undone.reverse().join('\n')}\n`)
}
