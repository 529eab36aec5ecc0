import type { ChangeLine } from '../lab/daemon-process.ts'
import type { Findings, FirstAnswer, Step } from '../lab/experiment.ts'
import { type Answer, type Observation, places } from '../lab/look.ts'
import { columns, foldText, paint, visible, widthOf } from '../terminal.ts'

/** What was done and seen in a step of the demo. */
export interface StepReport extends Findings {
  readonly title: string
  readonly claim: string
  readonly ok: boolean
  readonly durationMs: number
  /** What the daemon did, and when: ms since the step began. */
  readonly changes: readonly { readonly atMs: number; readonly command: string; readonly cause: string }[]
}

/** Shows the demo as it goes on: a heading for each step, the daemon's audit while it acts, then what was seen. */
export class DemoScreen {
  readonly #output: NodeJS.WriteStream
  readonly #paint: ReturnType<typeof paint>
  #waiting: { text: string; since: number; timer: NodeJS.Timeout } | undefined

  constructor(output: NodeJS.WriteStream, colour: boolean) {
    this.#output = output
    this.#paint = paint(colour)
  }

  line(text = ''): void {
    this.#clear()
    this.#output.write(`${text}\n`)
    this.#draw()
  }

  /** A paragraph, folded; what stands in front of it, and the indentation of its further lines. */
  text(text: string, front?: string, indent?: number): void {
    for (const line of foldText(text, widthOf(this.#output), front, indent)) this.line(line)
  }

  heading(number: number, { title, progress }: Step): void {
    this.line()
    this.line(this.#paint.bold(`${number}. ${title}`))
    this.wait(progress)
  }

  change({ command, cause }: ChangeLine, atMs: number): void {
    const { dim, cyan } = this.#paint
    const line = `   ${dim(`${atMs.toFixed(0).padStart(5)} ms`)}  ${cyan(command)}`
    const reason = `  # ${cause}`
    // What does not fit is left out: two dozen lines that wrap are not read.
    const fits = visible(line) + reason.length <= (widthOf(this.#output) ?? Infinity)
    this.line(fits ? line + dim(reason) : line)
  }

  result({ answers, firstAnswers = [], claim, ok, durationMs, faults, ...seen }: StepReport): void {
    this.done()
    const { green, red, dim } = this.#paint
    for (const line of [...firstAnswers.map(describeFirst), ...this.#table(answers), ...this.#drops(seen)]) {
      this.line(`   ${line}`)
    }
    const took = dim(`(${(durationMs / 1000).toFixed(2)} s)`)
    this.text(`${claim} ${took}`, `   ${ok ? green('✓') : red('✗ not so:')} `, 5)
    for (const fault of faults) {
      this.line(`     ${red(fault)}`)
    }
  }

  verdict(ok: boolean, text: string): void {
    this.done()
    this.line()
    this.line(this.#paint[ok ? 'green' : 'red'](text))
  }

  /** On a terminal: says what is being waited for, and how long already, until `done`. */
  wait(text: string): void {
    this.done()
    if (this.#output.isTTY) {
      this.#waiting = { text, since: performance.now(), timer: setInterval(() => this.#redraw(), 100) }
      this.#draw()
    }
  }

  done(): void {
    this.#clear()
    clearInterval(this.#waiting?.timer)
    this.#waiting = undefined
  }

  #table(answers: readonly Answer[]): string[] {
    const { green, red, dim } = this.#paint
    const tell = ({ ok, rttMs }: Answer) => (ok ? green(`${rttMs!.toFixed(2)} ms`) : red('no answer'))
    const addresses = [...new Set(answers.map(({ address }) => address))]
    const rows = addresses.map((address) => {
      const cells = answers.filter((answer) => answer.address === address)
      return [cells[0]!.eni, address, address.includes(':') ? 'TCP' : 'ping', ...cells.map(tell)]
    })
    return columns([['', 'seen from', '', ...places.map(short)].map((text) => dim(text)), ...rows])
  }

  #drops({ dropped }: Pick<Observation, 'dropped'>): string[] {
    return dropped.map(({ eni, source, packets }) =>
      this.#paint.yellow(`the VPC dropped ${packets} packets that left by ${eni} with the source ${source}`),
    )
  }

  #redraw(): void {
    this.#clear()
    this.#draw()
  }

  #draw(): void {
    if (this.#waiting) {
      const seconds = ((performance.now() - this.#waiting.since) / 1000).toFixed(1)
      this.#output.write(this.#paint.dim(`   … ${this.#waiting.text} (${seconds} s)`))
    }
  }

  #clear(): void {
    if (this.#waiting) {
      this.#output.write('\r\x1b[2K')
    }
  }
}

/** So that a row fits 80 columns. */
const short = (place: string): string => place.replace(/^from (the same )?/, (_, same) => (same ? 'same ' : ''))

const describeFirst = ({ address, afterMs }: FirstAnswer): string =>
  afterMs === undefined
    ? `${address} has not answered`
    : `${address} answers ${afterMs.toFixed(1)} ms after it was added (from beyond the router)`
