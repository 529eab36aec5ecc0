import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'

/** `sudo` and `su` may leave these out of PATH, and ip, nft and sysctl live there. */
const searchPath = `${process.env.PATH ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`

export const environment: NodeJS.ProcessEnv = { ...process.env, PATH: searchPath, LC_ALL: 'C' }

/** What the lab runs, and the Debian package that has it. */
const packages = { ip: 'iproute2', nft: 'nftables', ping: 'iputils-ping', sysctl: 'procps' } as const

/** A command that failed: which one, with what input line where known, and what it said. */
export class CommandError extends Error {
  readonly command: string
  readonly stderr: string

  constructor(command: string, stderr: string, cause?: unknown) {
    super(`${command}: ${stderr.trim() || String(cause)}`, { cause })
    this.name = 'CommandError'
    this.command = command
    this.stderr = stderr
  }
}

/** Tools that the lab needs and the machine lacks. */
export class MissingToolsError extends Error {
  constructor(missing: readonly (keyof typeof packages)[]) {
    const list = missing.map((tool) => `${tool} (Debian package ${packages[tool]})`).join(', ')
    super(`not found: ${list}; try: apt-get install ${missing.map((tool) => packages[tool]).join(' ')}`)
    this.name = 'MissingToolsError'
  }
}

/** Network namespaces may not be made here. */
export class PrivilegeError extends Error {
  constructor(why: string) {
    super(`making network namespaces needs root with CAP_SYS_ADMIN and CAP_NET_ADMIN (${why}); run it with sudo`)
    this.name = 'PrivilegeError'
  }
}

/** Throws MissingToolsError naming every tool that is not in PATH. */
export function requireTools(path: string = searchPath): void {
  const tools = Object.keys(packages) as (keyof typeof packages)[]
  const missing = tools.filter((tool) => !path.split(':').some((folder) => isExecutable(`${folder}/${tool}`)))
  if (missing.length > 0) {
    throw new MissingToolsError(missing)
  }
}

/** Runs a command without a shell, `input` on its stdin; resolves to its stdout, or rejects with a CommandError. */
export function run(file: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      args,
      { env: environment, encoding: 'utf8', maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        if (error) {
          reject(new CommandError([file, ...args].join(' ') + failedLine(stderr, input), stderr, error))
        } else {
          resolve(stdout)
        }
      },
    )
    // A command that ends before it has read its input (EPIPE) is reported by its exit code.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

/** `ip -batch` tells the number of the line that failed: say which it was. */
function failedLine(stderr: string, input: string): string {
  const number = /Command failed -:(\d+)/.exec(stderr)?.[1]
  return number ? ` [${input.split('\n')[Number(number) - 1]}]` : ''
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
