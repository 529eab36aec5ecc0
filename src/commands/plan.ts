import { exit } from '../exit.ts'
import { look } from '../look.ts'
import { linkNamer } from '../state/snapshot.ts'
import { paint, wantsColour } from '../terminal.ts'
import { changeJson, planLine, print, printJson } from './output.ts'
import { type CommonOptions, withSession } from './session.ts'

/** Prints what a pass would do, as the commands that a person would type. */
export const plan = (options: CommonOptions): Promise<number> =>
  withSession(options, ({ kernel, settings, tables }) => {
    const { snapshot, pending } = look({ kernel, settings, tables, thorough: true })
    const name = linkNamer(snapshot)
    if (options.json) {
      printJson({ inSync: pending.length === 0, changes: pending.map((change) => changeJson(change, name)) })
    } else {
      for (const change of pending) {
        print(planLine(change, name))
      }
      // Silence leaves a person in doubt; a program is to get commands alone.
      if (pending.length === 0 && process.stdout.isTTY) {
        print(paint(wantsColour(process.stdout)).green('in sync: nothing to change'))
      }
    }
    return pending.length === 0 ? exit.ok : exit.pending
  })
