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

const verbEntry = ({ name, summary, options }: Verb): string =>
  [
    `.TP\n.B ${name}`,
    `${lines(capital(summary))}.`,
    ...options
      .filter(({ long }) => !['--config', '--help', '--json'].includes(long))
      .map(({ long, summary: what }) => `.br\n.B ${escaped(long)}\n${lines(what)}.`),
  ].join('\n')

const capital = (words: string): string => words[0]!.toUpperCase() + words.slice(1)

/** A line that began with a full stop or an apostrophe would be a request of roff(7). */
const lines = (prose: string): string =>
  escaped(prose.trim())
    .replace(/^([.'])/gm, '\\&$1')
    .replace(/([.:]) {1,2}(?=[A-Z])/g, '$1\n')

const escaped = (words: string): string => words.replaceAll('\\', '\\e').replaceAll('-', '\\-')

const dateOf = ({ epoch }: Origin): string => new Date(epoch * 1000).toISOString().slice(0, 10)
