import type { ReadStream, WriteStream } from 'node:tty'

const alternate = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const restore = '\u001b[?7h\u001b[?25h\u001b[?1049l'

/** The alternate screen of a terminal; whatever ends the process, the terminal is as it was. */
export class Display {
  readonly #output: WriteStream
  readonly #input: ReadStream | undefined
  readonly #onExit = () => this.close()
  #open = true

  /** `onKey` gets each key; Ctrl-C is one, as the terminal is in raw mode. */
  constructor(output: WriteStream, input: ReadStream | undefined, onKey: (key: string) => void) {
    this.#output = output
    this.#input = input?.isTTY ? input : undefined
    output.write(alternate)
    this.#input?.setRawMode(true)
    this.#input?.setEncoding('utf8').on('data', (key) => onKey(String(key)))
    process.on('exit', this.#onExit)
  }

  /** One less than there is: a line that ends in the last column would be erased there. */
  get width(): number {
    return (this.#output.columns || 80) - 1
  }

  get height(): number {
    return this.#output.rows || 24
  }

  onResize(listener: () => void): void {
    this.#output.on('resize', listener)
  }

  /** Draws over what is there, line by line: nothing flickers. */
  draw(lines: readonly string[]): void {
    this.#output.write(`\u001b[H${lines.map((line) => `${line}\u001b[K`).join('\r\n')}\u001b[J`)
  }

  close(): void {
    if (!this.#open) {
      return
    }
    this.#open = false
    process.off('exit', this.#onExit)
    this.#input?.setRawMode(false)
    this.#input?.pause()
    this.#output.write(restore)
  }
}
