import type { Files } from './files.ts'

/** Where systemd looks for configuration, the strongest first (systemd-system.conf(5)). */
const folders = ['/etc/systemd', '/run/systemd', '/usr/local/lib/systemd', '/usr/lib/systemd'] as const

export interface Assignment {
  readonly value: string
  readonly path: string
  readonly line: number
}

/** Globs of a main configuration file of systemd and of its drop-ins. */
export const configurationGlobs = (name: string): string[] =>
  folders.flatMap((folder) => [`${folder.slice(1)}/${name}`, `${folder.slice(1)}/${name}.d/*.conf`])

/**
 * The files that systemd reads, in its order: the main one, then the drop-ins by their file names, whichever folder they
 * are in; of two with one name that of the stronger folder, even where it is empty or a link to /dev/null.
 */
export function configurationFiles(files: Files, name: string): string[] {
  const main = folders.map((folder) => `${folder}/${name}`).find((path) => files.has(path))
  const dropIns = new Map<string, string>()
  for (const folder of folders) {
    for (const path of files.keys()) {
      const file =
        path.startsWith(`${folder}/${name}.d/`) && path.endsWith('.conf')
          ? path.slice(path.lastIndexOf('/') + 1)
          : undefined
      if (file !== undefined && !dropIns.has(file)) dropIns.set(file, path)
    }
  }
  const ordered = [...dropIns].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path)
  return main === undefined ? ordered : [main, ...ordered]
}

/** Every assignment to the key in the section, in the order in which they are read: the last one holds. */
export const assignments = (files: Files, name: string, section: string, key: string): Assignment[] =>
  configurationFiles(files, name).flatMap((path) =>
    assignmentsIn(files.get(path) ?? '', section, key).map((found) => ({ ...found, path })),
  )

function assignmentsIn(text: string, section: string, key: string): Omit<Assignment, 'path'>[] {
  const found: Omit<Assignment, 'path'>[] = []
  let current = ''
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    current = /^\[(.+)\]$/.exec(line)?.[1] ?? current
    const [, name, value = ''] = /^([^=#;]+?)\s*=\s*(.*)$/.exec(line) ?? []
    if (current === section && name === key) found.push({ value, line: i + 1 })
  }
  return found
}

/** A boolean as systemd reads it (parse_boolean); undefined where it is none, and ignored. */
export function booleanOf(text: string): boolean | undefined {
  const word = text.toLowerCase()
  if (['1', 'yes', 'y', 'true', 't', 'on'].includes(word)) return true
  return ['0', 'no', 'n', 'false', 'f', 'off'].includes(word) ? false : undefined
}
