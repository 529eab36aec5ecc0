import { isDone } from '../applied.ts'
import { cleanup as removeAll } from '../cleanup.ts'
import { exit } from '../exit.ts'
import { requireNetAdmin } from '../privilege.ts'
import { linkNamer } from '../state/snapshot.ts'
import { changeJson, planLine, print, printJson } from './output.ts'
import { type CommonOptions, withSession } from './session.ts'

/** Looks that it takes to be sure that nothing is left, where nobody puts things back. */
const rounds = 10

/** Takes away exactly what is ours. */
export const cleanup = (options: CommonOptions): Promise<number> => {
  requireNetAdmin('cleanup')
  return withSession(options, ({ kernel, settings, daemon }) => {
    // A daemon puts everything back as fast as it goes: one round shows that, more would be a fight.
    const { snapshot, applied, left, failure } = removeAll(kernel, settings, daemon ? 1 : rounds)
    const name = linkNamer(snapshot)
    const removed = applied.filter(isDone).map(({ change }) => change)
    const refused = daemon ? [] : left
    if (options.json) {
      const json = (change: (typeof removed)[number]) => changeJson(change, name)
      printJson({ removed: removed.map(json), left: refused.map(json), daemon: daemon?.pid ?? null })
    } else {
      for (const change of removed) {
        print(planLine(change, name))
      }
      print(
        refused.length === 0 ? `removed ${removed.length} objects` : `${refused.length} objects could not be removed`,
      )
    }
    if (daemon) {
      process.stderr.write(
        `eni-routed runs here as process ${daemon.pid} and puts everything back; stop it first: systemctl stop eni-routed\n`,
      )
    }
    if (failure) throw failure
    return refused.length === 0 ? exit.ok : exit.failed
  })
}
