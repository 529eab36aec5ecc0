import {
  closeSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'

/*
 * The file with V8's compiled code of the program: a line of JSON, then of each chunk its text, its code, and its code once
 * more. The text tells whether the code is this chunk's: V8 compares no more than its length. The code is there twice since
 * V8 believes what it is given: a single wrong byte ends the process (seen), and it checks no sum. Comparing takes 0.1 ms, a
 * hash 4, most of it to load Node's own module.
 */

/** A chunk as it was when it was compiled. */
export interface Compiled {
  readonly text: Uint8Array
  readonly code: Uint8Array
}

interface Head {
  readonly runtime: string
  /** Name, bytes of the text, bytes of the code. */
  readonly chunks: readonly (readonly [string, number, number])[]
}

interface Place {
  readonly at: number
  readonly text: number
  readonly code: number
}

/** Bytes that the first line may have. */
const longestHead = 16 * 1024

/** The file, open for reading. */
export class CompiledCode {
  readonly #file: string
  readonly #fd: number
  readonly #places: ReadonlyMap<string, Place>
  /** Used again and again: untouched memory costs more time than what is read into it. */
  #room = Buffer.allocUnsafeSlow(longestHead)

  /** `beside`: a file of the program, which has to be as hard to write. @throws with why it is not to be used */
  constructor(file: string, beside: string) {
    this.#file = file
    this.#fd = openSync(file, 'r')
    try {
      const size = this.#demandTrust(beside)
      this.#places = this.#readHead(size)
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** The code of a chunk that has this text, until the next call; undefined where there is none. @throws with why it is not to be used */
  find(name: string, text: Uint8Array): Buffer | undefined {
    const place = this.#places.get(name)
    if (!place) {
      return undefined
    }
    const codeEnd = place.text + place.code
    const bytes = this.#read(place.at, codeEnd + place.code)
    if (!bytes.subarray(0, place.text).equals(text)) {
      throw new Error(`${this.#file} was made of another ${name}`)
    }
    const code = bytes.subarray(place.text, codeEnd)
    if (!code.equals(bytes.subarray(codeEnd))) {
      throw new Error(`${this.#file} is damaged`)
    }
    return code
  }

  close(): void {
    closeSync(this.#fd)
  }

  /** Bytes of the file. */
  #demandTrust(beside: string): number {
    const { uid, mode, size } = fstatSync(this.#fd)
    if ((mode & 0o022) !== 0 || (uid !== 0 && uid !== statSync(beside).uid)) {
      throw new Error(`${this.#file} may be written by others than the program's owner`)
    }
    return size
  }

  #readHead(size: number): Map<string, Place> {
    const bytes = this.#read(0, longestHead)
    let at = bytes.indexOf('\n') + 1
    const { runtime: maker, chunks }: Head = JSON.parse(bytes.toString('latin1', 0, at))
    if (maker !== runtime()) {
      throw new Error(`${this.#file} was made by ${maker}, and this is ${runtime()}`)
    }
    const places = new Map<string, Place>()
    for (const [name, text, code] of chunks) {
      places.set(name, { at, text, code })
      at += text + 2 * code
    }
    if (at !== size) {
      throw new Error(`${this.#file} is damaged`)
    }
    return places
  }

  #read(at: number, length: number): Buffer {
    if (length > this.#room.length) {
      this.#room = Buffer.allocUnsafeSlow(length)
    }
    return this.#room.subarray(0, readSync(this.#fd, this.#room, 0, length, at))
  }
}

/** Replaces the file at one go, and returns its bytes: who reads it at this moment reads the old one, or the new one. */
export function writeCompiled(file: string, chunks: ReadonlyMap<string, Compiled>): number {
  const list = [...chunks]
  const head: Head = {
    runtime: runtime(),
    chunks: list.map(([name, { text, code }]) => [name, text.length, code.length]),
  }
  const contents = list.flatMap(([, { text, code }]) => [text, code, code])
  const bytes = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`, 'latin1'), ...contents])
  const draft = `${file}.${process.pid}`
  try {
    writeWhole(draft, bytes)
    renameSync(draft, file)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
  return bytes.length
}

function writeWhole(file: string, bytes: Buffer): void {
  const fd = openSync(file, 'wx', 0o644)
  try {
    // Whatever the umask is: the daemon's user has to read it.
    fchmodSync(fd, 0o644)
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** V8 tells by itself what another version of it made, or one under other flags; this tells other builds of Node, too. */
const runtime = (): string => `Node ${process.version} for ${process.arch} of ${statSync(process.execPath).size} bytes`
