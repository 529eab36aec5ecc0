import { parse, TomlError } from 'smol-toml'
import type { core } from 'zod/mini'
import { ConfigError, type ConfigFault } from './fault.ts'
import { lineOf } from './line.ts'
import { type Config, configSchema, tables } from './schema.ts'

/** Faults that are told: to find the line of each, the text is read once more. */
const mostFaults = 20

/** @throws {ConfigError} with every fault found, or the first of very many */
export function parseConfig(text: string, file: string): Config {
  const document = parseToml(text, file)
  const result = configSchema.safeParse(document)
  if (!result.success) {
    const problems = result.error.issues.flatMap((issue) => explain(issue, document))
    const faults = problems.slice(0, mostFaults).map(({ path, problem }) => at(text, file, path, problem))
    const more = problems.length - faults.length
    throw new ConfigError([
      ...faults.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)),
      ...(more > 0 ? [{ file, problem: `and ${more} faults more` }] : []),
    ])
  }
  return result.data
}

function parseToml(text: string, file: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    if (error instanceof TomlError) {
      const problem = `not valid TOML: ${error.message.split('\n')[0]?.replace('Invalid TOML document: ', '')}`
      throw new ConfigError([{ file, line: error.line, problem }])
    }
    throw error
  }
}

function explain(issue: core.$ZodIssue, document: unknown): { path: string[]; problem: string }[] {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key], problem: `unknown key; ${allowedKeys(path)}` }))
  }
  const value = valueAt(document, path)
  return [{ path, problem: `${value === undefined ? '' : `${shown(value)} `}${problemOf(issue)}` }]
}

const problemOf = (issue: core.$ZodIssue): string =>
  issue.code === 'invalid_type' && issue.expected === 'object' ? 'must be a table, as in [routing]' : issue.message

function at(text: string, file: string, path: readonly string[], problem: string): ConfigFault {
  const line = lineOf(text, path)
  return { file, ...(line === undefined ? {} : { line }), problem: `${keyName(path)}: ${problem}` }
}

const keyName = (path: readonly string[]): string =>
  path.reduce((name, part) => (/^\d+$/.test(part) ? `${name}[${part}]` : name === '' ? part : `${name}.${part}`), '')

function allowedKeys(path: readonly string[]): string {
  const table = Object.entries(tables).find(([name]) => name === path[0])?.[1]
  const keys = table ? Object.keys(table.shape) : Object.keys(tables).map((name) => `[${name}]`)
  return `allowed here: ${keys.join(', ')}`
}

const valueAt = (document: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document)

const shown = (value: unknown): string => {
  const text = typeof value === 'bigint' ? String(value) : JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}
