import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { defaults } from '../../../src/config/defaults.ts'
import { parseConfig } from '../../../src/config/parse.ts'
import { configTables } from '../../../tools/package/manual.ts'

const file = 'packaging/config.toml'
const shipped = readFileSync(file, 'utf8')

test('the shipped configuration changes nothing', () => {
  expect(parseConfig(shipped, file)).toEqual(defaults)
})

test('with every line taken in it is the defaults, and no key is missing', () => {
  const taken = shipped.replace(/^#(?=[\w-]+ = )/gm, '')
  expect(parseConfig(taken, file)).toEqual(defaults)
  expect(namesOf(configTables(shipped))).toEqual(
    Object.entries(defaults).flatMap(([table, keys]) => Object.keys(keys).map((key) => `${table}.${key}`)),
  )
})

test('every key is explained', () => {
  for (const { keys } of configTables(shipped)) {
    for (const { key, prose } of keys) {
      expect(prose.length, key).toBeGreaterThan(20)
    }
  }
})

const namesOf = (tables: ReturnType<typeof configTables>): string[] =>
  tables.flatMap(({ name, keys }) => keys.map(({ key }) => `${name}.${key}`))
