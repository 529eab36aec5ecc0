import { spawnSync } from 'node:child_process'

/** Runs a command without a shell to its end, and returns what it printed. @throws with what it complained of */
export function run(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const { status, error, stdout, stderr } = spawnSync(file, args, {
    // The locale decides how names are sorted and times are printed.
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC', ...env },
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  })
  if (error || status !== 0) {
    throw new Error(`${[file, ...args].join(' ')}: ${error?.message ?? `exit status ${status}`}\n${stdout}${stderr}`)
  }
  return stdout
}
