import { parse } from 'smol-toml'
import { defaultConfigFile } from './default-file.ts'
import { readText } from './load.ts'
import { type Config, configSchema, tables } from './schema.ts'

/**
 * What of a file with faults can be used: its valid keys, and the defaults of the others. For looking only: nothing should
 * act on half a configuration.
 */
export function salvageConfig(file: string = defaultConfigFile): Config {
  const document = documentOf(file)
  const usable = Object.entries(tables).map(([name, { shape }]) => {
    const keys: Record<string, { safeParse(value: unknown): { success: boolean } }> = shape
    const given = Object.entries((document[name] ?? {}) as object)
    return [
      name,
      Object.fromEntries(
        given.filter(([key, value]) => Object.hasOwn(keys, key) && keys[key]?.safeParse(value).success),
      ),
    ]
  })
  const rest = configSchema.safeParse(Object.fromEntries(usable))
  return rest.success ? rest.data : configSchema.parse({})
}

function documentOf(file: string): Record<string, unknown> {
  try {
    return parse(readText(file))
  } catch {
    // No TOML, or not readable: nothing of it can be used.
    return {}
  }
}
