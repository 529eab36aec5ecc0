import { Echo } from './echo.ts'

/** Runs in the namespace of a host beyond the router: asks an address for an echo until it answers. Prints, as JSON, when. */
export interface FirstAnswerTask {
  readonly address: string
  /** ms between two requests. */
  readonly interval: number
  /** ms until it is given up. */
  readonly patience: number
}

/** ms since 1970; null where it never answered. */
export type FirstAnswer = number | null

const { address, interval, patience } = JSON.parse(process.argv[2] as string) as FirstAnswerTask
const echo = new Echo(address)
const deadline = performance.now() + patience
let at: number | undefined
for (let number = 1; at === undefined && performance.now() < deadline; number++) {
  // Looks without a pause would take a processor from those who are measured.
  at = echo.firstReply(number & 0xffff, interval, performance.now() + 0.3)
  if (at === undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, interval)
}
process.stdout.write(JSON.stringify(at === undefined ? null : performance.timeOrigin + at))
