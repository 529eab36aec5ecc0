/** Something wrong in the configuration: where, what value, and what is allowed. */
export interface ConfigFault {
  readonly file: string
  /** From 1; undefined where the fault is in no line (a file that can't be read). */
  readonly line?: number
  readonly problem: string
}

/** `FILE:LINE: PROBLEM`, as compilers print it, so that editors can jump there. */
export const formatFault = ({ file, line, problem }: ConfigFault): string =>
  `${file}${line === undefined ? '' : `:${line}`}: ${problem}`

/** Every fault of a configuration at once. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[]
  /** This user may not read the file. */
  readonly unreadable: boolean

  constructor(faults: readonly ConfigFault[], unreadable = false) {
    super(faults.map(formatFault).join('\n'))
    this.name = 'ConfigError'
    this.faults = faults
    this.unreadable = unreadable
  }
}
