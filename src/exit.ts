/** Exit codes of the program; those above 63 are sysexits.h's. */
export const exit = {
  ok: 0,
  /** It did not succeed, or is not in sync. */
  failed: 1,
  /** `plan`: changes are pending. */
  pending: 2,
  /** `doctor`: errors were found; with warnings alone it ends with `failed`. */
  sick: 2,
  /** EX_USAGE */
  usage: 64,
  /** EX_UNAVAILABLE: a tool or a part of the system is missing. */
  unavailable: 69,
  /** EX_TEMPFAIL: another daemon runs in this network namespace. */
  running: 75,
  /** EX_NOPERM */
  noPermission: 77,
  /** EX_CONFIG */
  config: 78,
  /** 128 + SIGINT */
  interrupted: 130,
} as const

/** An error that ends the program with a message for people and an exit code of its own. */
export class ExitError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.name = 'ExitError'
    this.code = code
  }
}
