/**
 * The line, from 1, on which a key of a TOML text is set, or its table's header where the key itself is not found. The
 * parser tells no positions of values, so this reads headers and keys once more; it serves messages alone.
 */
export function lineOf(text: string, path: readonly string[]): number | undefined {
  const keys = path.filter((part) => !/^\d+$/.test(part))
  let table: string[] = []
  let header: number | undefined
  for (const [i, line] of text.split('\n').entries()) {
    const opened = /^\s*\[\[?([^\]]+)\]/.exec(line)
    if (opened) {
      table = segments(opened[1] as string)
    }
    const set = opened ? undefined : /^\s*([\w."'-]+(?:\s*\.\s*[\w."'-]+)*)\s*=/.exec(line)
    const here = set ? [...table, ...segments(set[1] as string)] : opened ? table : undefined
    if (here && startsWith(keys, here)) {
      if (here.length === keys.length || set) {
        return i + 1
      }
      header ??= i + 1
    }
  }
  return header
}

const segments = (dotted: string): string[] => dotted.split('.').map((part) => part.trim().replace(/^["']|["']$/g, ''))

const startsWith = (path: readonly string[], start: readonly string[]): boolean =>
  start.every((part, i) => path[i] === part)
