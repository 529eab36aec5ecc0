import { exit } from '../exit.ts'
import { linkNamer } from '../state/snapshot.ts'
import { paint, wantsColour } from '../terminal.ts'
import { changeJson, planLine, print, printJson, printProblems } from './output.ts'
import { assessSession, type CommonOptions, withSession } from './session.ts'

/** Tells by its exit code whether all is as it should be, and why not where it is not. */
export const check = (options: CommonOptions): Promise<number> =>
  withSession(options, (session) => {
    const { snapshot, desired, pending, problems } = assessSession(session)
    const name = linkNamer(snapshot)
    const good = pending.length === 0 && !problems.some(({ severity }) => severity === 'error')
    if (options.json) {
      const changes = pending.map((change) => changeJson(change, name))
      printJson({ inSync: good, active: desired.active, pending: changes, problems })
      return good ? exit.ok : exit.failed
    }
    const styles = paint(wantsColour(process.stdout))
    print(
      good
        ? styles.green(
            desired.active
              ? 'in sync'
              : `in sync: ${desired.enis.length === 0 ? 'no link counts as an ENI' : 'there is one ENI'}, nothing to do`,
          )
        : styles.red('not in sync'),
    )
    if (pending.length > 0) {
      print(
        `${pending.length} changes are pending; make them with: eni-routed apply, or let the daemon: systemctl start eni-routed`,
      )
      for (const change of pending) {
        print(`  ${planLine(change, name)}`)
      }
    }
    printProblems(problems, styles)
    return good ? exit.ok : exit.failed
  })
