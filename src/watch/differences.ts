import { linkWord } from '../state/link.ts'
import { formatRoute } from '../state/route.ts'
import { formatRule } from '../state/rule.ts'
import { linkNamer, type Snapshot } from '../state/snapshot.ts'

/** What came (`+`) and went (`-`) between two looks, as `ip` commands have it; what went first. */
export function differences(before: Snapshot, after: Snapshot): string[] {
  // A torn look may be short of something that never went.
  if (before.torn || after.torn) {
    return []
  }
  const [old, present] = [objectsOf(before), objectsOf(after)]
  const gone = [...old].filter((object) => !present.has(object))
  const come = [...present].filter((object) => !old.has(object))
  return [...gone.map((object) => `- ${object}`), ...come.map((object) => `+ ${object}`)]
}

function objectsOf(snapshot: Snapshot): ReadonlySet<string> {
  const name = linkNamer(snapshot)
  const six = (family: 4 | 6) => (family === 6 ? '-6 ' : '')
  return new Set([
    ...snapshot.links.map(({ name: link, up, group }) => `link ${linkWord(link)} ${up ? 'up' : 'down'} group ${group}`),
    ...snapshot.addresses.map(({ address, linkIndex }) => `address ${address} dev ${linkWord(name(linkIndex))}`),
    ...snapshot.rules.map((rule) => `${six(rule.family)}rule ${formatRule(rule)}`),
    ...snapshot.routes.map((route) => `${six(route.family)}route ${formatRoute(route, name)}`),
  ])
}
