import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { bash, fish, verbsOf, zsh } from '../../../tools/package/completion.ts'
import { programOf } from '../../../tools/package/program.ts'

const verbs = verbsOf(await programOf({ version: '0.0.0' }))
const names = verbs.map(({ name }) => name)

/** What bash offers for the words, the last of them unfinished. */
function offered(...words: string[]): string[] {
  const script = `${bash(verbs)}
COMP_WORDS=(eni-routed "$@"); COMP_CWORD=$#
_eni_routed
printf '%s\\n' "\${COMPREPLY[@]}"`
  return execFileSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean)
}

test('bash offers every verb', () => {
  expect(offered('')).toEqual([...names, '--config', '--help', '--version'])
})

test.each([
  { name: 'a verb that is begun', words: ['sta'], finds: ['status'] },
  { name: 'the options of a verb', words: ['plan', '--'], finds: ['--config', '--json', '--help'] },
  {
    name: 'the options of a verb behind a configuration',
    words: ['--config', 'x.toml', 'run', '--h'],
    finds: ['--help'],
  },
  { name: 'files where one is wanted', words: ['run', '--config', 'package.j'], finds: ['package.json'] },
])('bash offers $name', ({ words, finds }) => {
  expect(offered(...words)).toEqual(finds)
})

test.each([
  { name: 'zsh', text: zsh(verbs), line: (verb: string) => `    '${verb}:` },
  { name: 'fish', text: fish(verbs), line: (verb: string) => `__fish_use_subcommand -a ${verb} -d '` },
])('$name knows every verb', ({ text, line }) => {
  expect(names.filter((name) => !text.includes(line(name)))).toEqual([])
})
