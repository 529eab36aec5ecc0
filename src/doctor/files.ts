/** Files by their absolute path on the machine, as far as they could be read; a masked one (a link to /dev/null) is empty. */
export type Files = ReadonlyMap<string, string>

/** Paths that the regular expression matches, in order. */
export const pathsLike = (files: Files, pattern: RegExp): string[] =>
  [...files.keys()].filter((path) => pattern.test(path)).sort()

/** Lines of the file that match, as `PATH:LINE: text`, outside of `#` and `;` comments. */
export function linesLike(files: Files, path: string, pattern: RegExp): string[] {
  return (files.get(path) ?? '')
    .split('\n')
    .map((line, i) => ({ text: line.trim(), number: i + 1 }))
    .filter(({ text }) => !/^[#;]/.test(text) && pattern.test(text.replace(/\s#.*$/, '')))
    .map(({ text, number }) => `${path}:${number}: ${text}`)
}

/** The number in a file of one number, such as a sysctl's; undefined where it was not seen. */
export function numberIn(files: Files, path: string): number | undefined {
  const text = files.get(path)?.trim()
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined
}

/** The unit is wanted by a target or another unit that is started at boot, and not masked. */
export const enabledBy = (files: Files, unit: string): string[] =>
  isMasked(files, unit)
    ? []
    : pathsLike(files, /^\/(etc|run|usr\/lib)\/systemd\/system\/[^/]+\.(wants|requires)\//).filter((path) =>
        path.endsWith(`/${unit}`),
      )

/** A link to /dev/null, or an empty file, in the unit's place (systemctl(1), mask). */
export const isMasked = (files: Files, unit: string): boolean =>
  ['/etc', '/run'].some((folder) => files.get(`${folder}/systemd/system/${unit}`) === '')

/** The globs that `enabledBy` needs. */
export const enabledGlobs = (unit: string): string[] => [
  `etc/systemd/system/${unit}`,
  `run/systemd/system/${unit}`,
  ...['wants', 'requires'].flatMap((kind) => [
    `etc/systemd/system/*.${kind}/${unit}`,
    `run/systemd/system/*.${kind}/${unit}`,
    `usr/lib/systemd/system/*.${kind}/${unit}`,
  ]),
]
