import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Script } from 'node:vm'
import { type Compiled, CompiledCode, writeCompiled } from './compiled-code.ts'

type Wrapper = (exports: object, require: (id: string) => unknown, module: Module, file: string, folder: string) => void

interface Module {
  exports: object
  /** The chunk that was the first to need it. */
  readonly loadedFor?: string
}

/** What Node puts around a CommonJS module. */
const [opening, closing] = ['(function (exports, require, module, __filename, __dirname) {', '\n})'].map((text) =>
  Buffer.from(text),
) as [Buffer, Buffer]

/**
 * Loads the chunks of the bundle as Node's `require` does, and V8's compiled code of them where it is there: half of what
 * the daemon's start takes is compilation. Node's own compile cache keeps only what is compiled at once, which is a third of
 * that, in a folder that the daemon itself would have to be able to write to.
 */
export class Chunks {
  readonly #folder: string
  readonly #file: string
  readonly #require: NodeJS.Require
  readonly #modules = new Map<string, Module>()
  readonly #scripts = new Map<string, Script>()
  #compiled: CompiledCode | undefined
  #complaint: string | undefined

  constructor(folder: string) {
    this.#folder = folder
    this.#file = join(folder, 'program.compiled')
    const main = join(folder, 'main.js')
    this.#require = createRequire(main)
    this.#attempt(() => {
      this.#compiled = new CompiledCode(this.#file, main)
    })
  }

  /** Why code was compiled anew; undefined where none had to be. */
  get complaint(): string | undefined {
    return this.#complaint
  }

  /** What a chunk exports, by its name in the folder. */
  load(name: string, loadedFor?: string): object {
    const known = this.#modules.get(name)
    if (known) {
      return known.exports
    }
    const module: Module = { exports: {}, ...(loadedFor && { loadedFor }) }
    this.#modules.set(name, module)
    const run: Wrapper = this.#compile(name).runInThisContext()
    const require = (id: string) => (id.startsWith('./') ? this.load(id.slice(2), name) : this.#require(id))
    run(module.exports, require, module, join(this.#folder, name), this.#folder)
    return module.exports
  }

  /** Forgets a chunk by what it exports, and what was loaded for it first: who needs them again loads them anew. */
  forget(exports: object): void {
    for (const [name, module] of this.#modules) {
      if (module.exports === exports) this.#forget(name)
    }
  }

  /** The start is over: what is loaded later is compiled anew, and nothing is kept for it. */
  finish(): void {
    this.#abandon()
    this.#scripts.clear()
  }

  /** Writes down what V8 has compiled by now, of the chunks that were loaded. */
  keep(): { file: string; bytes: number } {
    const chunks = [...this.#scripts].map(([name, script]): [string, Compiled] => [
      name,
      { text: this.#read(name), code: script.createCachedData() },
    ])
    return { file: this.#file, bytes: writeCompiled(this.#file, new Map(chunks)) }
  }

  #forget(name: string): void {
    this.#modules.delete(name)
    for (const [other, { loadedFor }] of this.#modules) {
      if (loadedFor === name) this.#forget(other)
    }
  }

  #compile(name: string): Script {
    const text = this.#read(name)
    const cachedData = this.#attempt(() => this.#compiled?.find(name, text))
    const filename = join(this.#folder, name)
    const script = new Script(text.toString(), { filename, ...(cachedData && { cachedData }) })
    if (script.cachedDataRejected) {
      this.#abandon(`V8 turned down ${this.#file}: it was made under other flags`)
    }
    this.#scripts.set(name, script)
    return script
  }

  /** As it is given to V8. */
  #read(name: string): Buffer {
    const fd = openSync(join(this.#folder, name), 'r')
    try {
      const { size } = fstatSync(fd)
      const text = Buffer.allocUnsafeSlow(opening.length + size + closing.length)
      opening.copy(text)
      const end = opening.length + readSync(fd, text, opening.length, size, 0)
      closing.copy(text, end)
      return text.subarray(0, end + closing.length)
    } finally {
      closeSync(fd)
    }
  }

  /** Whatever is wrong with what was kept, the program starts: undefined then, and there is a complaint. */
  #attempt<T>(work: () => T): T | undefined {
    try {
      return work()
    } catch (error) {
      this.#abandon((error as Error).message)
      return undefined
    }
  }

  #abandon(complaint?: string): void {
    this.#complaint ??= complaint
    this.#compiled?.close()
    this.#compiled = undefined
  }
}
