import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { createProgram } from '../../../src/commands/parser.ts'

const program = createProgram(() => {})
const everyHelp = [program, ...program.commands]

/** As it is printed on a terminal of 80 columns, with what is written behind commander's own. */
function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 80 }).outputHelp()
  return text
}

test.each(everyHelp.map((command) => ({ name: command.name(), command })))(
  'the help of $name fits 80 columns',
  ({ command }) => {
    const lines = helpOf(command).split('\n')
    expect(lines.length).toBeGreaterThan(8)
    expect(lines.filter((line) => line.length > 80)).toEqual([])
  },
)

test.each(program.commands.map((command) => ({ name: command.name(), command })))(
  '$name has an example',
  ({ name, command }) => {
    expect(helpOf(command)).toMatch(new RegExp(`\n\nExamples?:\n(  .*\n)*.*eni-routed.*${name}`))
  },
)
