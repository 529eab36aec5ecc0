import { readFileSync } from 'node:fs'
import koffi from 'koffi'
import { forgetKept } from './policy/kept.ts'
import { Seldom } from './seldom.ts'

/** sys/mman.h; of a mapping of a file: it is read again, from the page cache, where it is needed again. */
const MADV_DONTNEED = 4
/** Bytes; smaller parts of files are left where they are. */
const worthIt = 256 * 1024
/** Bytes by which the process may grow before it gives back again, and before it does so however short ago the last time was. */
const tolerance = { mostly: 4 * 1024 * 1024, always: 16 * 1024 * 1024 }
/** As V8's flags name them. */
const compilers = ['sparkplug', 'maglev', 'turbo']
/** ms; what takes longer is worth compiling. */
const short = 10

/**
 * Makes a function for quiet moments, which gives back to the machine what the process needs no more. Each time what looks
 * leave behind, in 1 ms; and all of it, at the first call what only the start needed, later what events have left. That takes
 * 30 ms and as much again in the looks that follow, so it is done where the process has grown, and seldom. `look` is to look
 * at everything that is still wanted.
 */
export function tidier(): (look: () => void) => void {
  let tidied = 0
  let means: Means | undefined
  const seldom = new Seldom()
  return (look) => {
    means ??= findMeans()
    if (tidied > 0) sweep(means)
    if (anonymous() <= tidied + (seldom.isDue ? tolerance.mostly : tolerance.always)) {
      return
    }
    const started = performance.now()
    forgetKept()
    look()
    giveBack(means)
    // What is needed of it all the same is there again before the next event.
    look()
    if (tidied > 0) seldom.done(started)
    tidied = anonymous()
  }
}

/**
 * Makes a function that runs work that comes now and then and has time, as looks at intervals, but compiles nothing for it: V8
 * would keep that code, 2 MB after some hours. Work that took long the last time is compiled: with thousands of addresses that
 * saves more than it costs.
 */
export function sparing(): (work: () => void) => void {
  let took = 0
  return (work) => {
    const started = performance.now()
    if (took <= short) compileOnly('-*')
    try {
      work()
    } finally {
      compileOnly('*')
      took = performance.now() - started
    }
  }
}

/** By what functions are called. Which compilers there are at all, Node's version and its flags say, and are not asked. */
function compileOnly(names: '*' | '-*'): void {
  for (const compiler of compilers) setFlagsFromString(`--${compiler}-filter=${names}`)
}

/** Bytes that are in no file (proc_pid_status(5)). */
const anonymous = (): number => Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024

interface Means {
  /** V8's `gc`. */
  readonly collect: (options: { readonly type: 'minor' | 'major'; readonly flavor?: 'last-resort' }) => void
  /** Gives back what was allocated and freed, malloc_trim(3). */
  readonly trim: () => void
  /** madvise(2) with MADV_DONTNEED. */
  readonly drop: (mapping: Mapping) => void
}

/** V8's young generation and the compiler's memory: they would fill, page by page, for hours. */
function sweep({ collect, trim }: Means): void {
  collect({ type: 'minor' })
  trim()
}

function giveBack({ collect, trim, drop }: Means): void {
  const files = mappedFiles(readSmaps())
  // Code goes too, also V8's own of functions that ran a few times: most of it ran at the start and never again.
  const dropping = ['stress-flush-code', 'flush-baseline-code']
  for (const flag of dropping) setFlagsFromString(`--${flag}`)
  collect({ type: 'major', flavor: 'last-resort' })
  for (const flag of dropping) setFlagsFromString(`--no-${flag}`)
  for (const file of files) drop(file)
  trim()
}

function findMeans(): Means {
  // V8 answers each burst of events with a larger young generation, and a daemon has some for months: after 300 attached
  // and detached interfaces the process had 108 MB, and 82 with this. V8 reads it whenever it would grow.
  setFlagsFromString('--semi-space-growth-factor=1')
  // V8 would collect again 8 s later, by all its threads, to see whether more has become free: 80 wake-ups for nothing.
  setFlagsFromString('--memory-reducer-gc-count=0')
  setFlagsFromString('--expose-gc')
  const collect = process.getBuiltinModule('node:vm').runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  const libc = koffi.load(null)
  const madvise = libc.func('int madvise(uintptr_t address, size_t length, int advice)')
  return {
    collect,
    trim: trimmer(libc),
    drop: ({ start, bytes }) => void madvise(start, bytes, MADV_DONTNEED),
  }
}

/** musl has none, and needs none. */
function trimmer(libc: ReturnType<typeof koffi.load>): () => void {
  try {
    const trim = libc.func('int malloc_trim(size_t pad)')
    return () => void trim(0)
  } catch {
    return () => {}
  }
}

const setFlagsFromString = (flag: string): void => process.getBuiltinModule('node:v8').setFlagsFromString(flag)

function readSmaps(): string {
  try {
    return readFileSync('/proc/self/smaps', 'latin1')
  } catch {
    // A kernel without it (CONFIG_PROC_PAGE_MONITOR): nothing is known that could be given back.
    return ''
  }
}

export interface Mapping {
  readonly start: number
  readonly bytes: number
}

/**
 * The parts of smaps (proc_pid_smaps(5)) that are as they are in their files, code and constants: half of the process, most
 * of it used once, at the start. What was written to, as the linker's relocations, is not among them: it would be lost.
 */
export function mappedFiles(smaps: string): Mapping[] {
  return smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).flatMap((entry) => {
    const [, start, end] = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p [0-9a-f]+ \S+ [1-9]\d* +\//.exec(entry) ?? []
    const size = (name: string) => Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(entry)?.[1]) * 1024
    if (start === undefined || end === undefined || size('Anonymous') !== 0 || !(size('Rss') >= worthIt)) return []
    const from = Number.parseInt(start, 16)
    return [{ start: from, bytes: Number.parseInt(end, 16) - from }]
  })
}
