import { readFileSync } from 'node:fs'
import { type Verb, verbsOf } from './completion.ts'
import type { Origin } from './origin.ts'
import { programOf } from './program.ts'

/** eni-routed(8): written by hand but for the verbs, which are those that the program has. */
export async function programPage(origin: Origin): Promise<string> {
  const page = readFileSync('packaging/man/eni-routed.8', 'utf8')
  const verbs = verbsOf(await programOf(origin))
    .map(verbEntry)
    .join('\n')
  return page.replace('@DATE@', dateOf(origin)).replace('.\\" @VERBS@', verbs)
}

/** eni-routed.toml(5): the text of the configuration file that is shipped, as a manual page. */
export const configurationPage = (origin: Origin): string =>
  readFileSync('packaging/man/eni-routed.toml.5', 'utf8')
    .replace('@DATE@', dateOf(origin))
    .replace('.\\" @KEYS@', keys(readFileSync('packaging/config.toml', 'utf8')))

/** Prose lines begin with "# ", keys with "#KEY = VALUE", tables with "[TABLE]". */
export interface ConfigTable {
  readonly name: string
  readonly keys: readonly { readonly key: string; readonly value: string; readonly prose: string }[]
}

export function configTables(toml: string): ConfigTable[] {
  const [, ...tables] = toml.split(/^\[/m)
  return tables.map((table) => {
    const name = table.slice(0, table.indexOf(']'))
    const entries = [...table.matchAll(/((?:^# .*\n)+)#([\w-]+) = (.*)$/gm)]
    return {
      name,
      keys: entries.map(([, prose, key, value]) => ({ key: key!, value: value!, prose: prose!.replace(/^# /gm, '') })),
    }
  })
}

const keys = (toml: string): string =>
  configTables(toml)
    .map((table) => {
      const items = table.keys.map(
        ({ key, value, prose }) =>
          `.TP\n.BR ${escaped(key)} " = ${escaped(value).replaceAll('"', '""')}"\n${lines(prose)}`,
      )
      return `.SS [${table.name}]\n${items.join('\n')}`
    })
    .join('\n')

function verbEntry({ name, summary, words, options }: Verb): string {
  const own = options.filter(({ long }) => !['--config', '--help', '--json'].includes(long))
  const details = [
    ...words.map(({ term, summary: what }) => `.TP\n.I ${escaped(term)}\n${lines(what)}.`),
    ...own.map(({ flags, summary: what }) => `.TP\n${flagsEntry(flags)}\n${lines(what)}.`),
  ]
  return [
    `.TP\n.BR ${name}${words.map(({ term }) => ` " "\\fI${escaped(term)}\\fR`).join('')}`,
    `${lines(capital(summary))}.`,
    ...(details.length > 0 ? ['.RS', ...details, '.RE'] : []),
  ].join('\n')
}

/** `--to <address>`: the option bold, its value as a word to be replaced. */
function flagsEntry(flags: string): string {
  const [option = '', ...value] = flags.split(' ')
  const word = value.join(' ').replace(/[<>]/g, '').toUpperCase()
  return word === '' ? `.B ${escaped(option)}` : `.BI ${escaped(option)} " ${escaped(word)}"`
}

const capital = (words: string): string => words[0]!.toUpperCase() + words.slice(1)

/** A line that began with a full stop or an apostrophe would be a request of roff(7). */
const lines = (prose: string): string =>
  escaped(prose.trim())
    .replace(/^([.'])/gm, '\\&$1')
    .replace(/([.:]) {1,2}(?=[A-Z])/g, '$1\n')

const escaped = (words: string): string => words.replaceAll('\\', '\\e').replaceAll('-', '\\-')

const dateOf = ({ epoch }: Origin): string => new Date(epoch * 1000).toISOString().slice(0, 10)
