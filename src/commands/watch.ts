import { type Assessment, assess } from '../assess.ts'
import { exit } from '../exit.ts'
import { readReport } from '../instance/report.ts'
import { Counters } from '../kernel/counters.ts'
import { urgencyOf } from '../policy/relevance.ts'
import type { Tables } from '../policy/tables.ts'
import { paint, wantsColour } from '../terminal.ts'
import { differences } from '../watch/differences.ts'
import { Display } from '../watch/display.ts'
import { screenLines } from '../watch/screen.ts'
import { type Counts, type Happening, ratesOf, type View, verdictOf } from '../watch/view.ts'
import { print } from './output.ts'
import { type CommonOptions, type Session, withSession } from './session.ts'

/** ms between two drawings where nothing happens: of counters, and of what the daemon says. */
const interval = 1_000
/** ms between two looks at the kernel where no event calls for one. */
const slowInterval = 15_000
/** ms between two looks at least: on a busy host events come by the thousand. */
const pause = 100
/** And this many times what the last look took: with thousands of addresses a fifth of a processor at most. */
const rest = 4
/** Changes that are remembered. */
const memory = 500

/** A live view in a terminal; elsewhere a line for each change. */
export const watch = (options: CommonOptions): Promise<number> =>
  withSession(options, async (session) => {
    const counters = new Counters()
    try {
      return process.stdout.isTTY && !options.json
        ? await onScreen(session, counters)
        : await inLines(session, counters, options.json === true)
    } finally {
      counters.close()
    }
  })

async function onScreen(session: Session, counters: Counters): Promise<number> {
  const ended = open()
  const quits = ['q', 'Q', '\u0003', '\u0004']
  const display = new Display(process.stdout, process.stdin, (key) => {
    if (quits.includes(key)) ended.resolve()
  })
  const styles = paint(wantsColour(process.stdout))
  let last: View | undefined
  const draw = () => {
    if (last) display.draw(screenLines(last, session.settings, styles, display.width, display.height))
  }
  display.onResize(draw)
  const stop = follow(session, counters, ended.reject, (view) => {
    last = view
    draw()
  })
  try {
    await Promise.race([ended.promise, signalled()])
  } finally {
    stop()
    display.close()
  }
  return exit.ok
}

async function inLines(session: Session, counters: Counters, json: boolean): Promise<number> {
  const failed = open()
  let state = ''
  const tell = (at: Date, event: 'state' | 'change', what: string) =>
    print(json ? JSON.stringify({ at: at.toISOString(), event, what }) : `${at.toISOString()}  ${what}`)
  const stop = follow(session, counters, failed.reject, (view) => {
    for (const { at, what } of view.fresh) tell(at, 'change', what)
    const now = stateText(view)
    if (now !== state) tell(view.at, 'state', now)
    state = now
  })
  try {
    await Promise.race([failed.promise, signalled()])
  } finally {
    stop()
  }
  return exit.ok
}

function stateText({ assessment, daemon }: View): string {
  const { desired, pending, problems } = assessment
  const health = verdictOf(assessment)
  const what = health === 'pending' ? `${pending.length} changes pending` : health
  const errors = problems.filter(({ severity }) => severity === 'error').map(({ problem }) => problem)
  return [`${what}, ${desired.enis.length} ENIs, ${daemon ? 'the daemon runs' : 'no daemon'}`, ...errors].join('; ')
}

/** Looks at every event and now and then, counts once a second, and hands over what is seen; returns what ends it. */
function follow(
  session: Session,
  counters: Counters,
  fail: (error: unknown) => void,
  show: (view: View) => void,
): () => void {
  let happenings: readonly Happening[] = []
  let before: { at: number; counts: Counts } | undefined
  let rates: View['rates'] = new Map()
  let assessment: Assessment | undefined
  let timer: NodeJS.Timeout | undefined
  let touched = true
  let told = ''
  let looked = { at: 0, took: 0 }
  let stopped = false

  /** What changed since the last look at the kernel, which is over where neither events nor the daemon call for another. */
  const lookAtKernel = (tables: Tables): Happening[] => {
    const start = performance.now()
    const known = JSON.stringify([...tables])
    if (assessment && !touched && known === told && start - looked.at < slowInterval) {
      return []
    }
    touched = false
    told = known
    const last = assessment
    const next = assess(session.kernel, session.settings, tables)
    assessment = next
    looked = { at: start, took: performance.now() - start }
    const at = new Date()
    return last ? differences(last.snapshot, next.snapshot).map((what) => ({ at, what })) : []
  }
  const look = async () => {
    const daemon = await readReport()
    if (stopped) return
    const tables = new Map((daemon?.tables ?? []).map(({ linkIndex, mac, table }) => [linkIndex, { mac, table }]))
    const fresh = lookAtKernel(tables.size > 0 ? tables : session.tables)
    happenings = [...happenings, ...fresh].slice(-memory)
    const now = performance.now()
    if (!before || now - before.at >= interval - pause) {
      const counts = counters.read()
      rates = before ? ratesOf(before.counts, counts, (now - before.at) / 1000) : rates
      before = { at: now, counts }
    }
    if (assessment) show({ at: new Date(), assessment, daemon, rates, happenings, fresh })
  }
  const lookIn = (delay: number) => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      timer = undefined
      look().then(() => stopped || timer || lookIn(interval), fail)
    }, delay)
  }
  const enis = () => new Set(assessment?.desired.enis.map(({ eni }) => eni.link.index))
  session.kernel.watch(
    (event) => urgencyOf(event, enis(), session.settings),
    () => {
      touched = true
      const { at, took } = looked
      lookIn(Math.max(0, at + took + Math.max(pause, rest * took) - performance.now()))
    },
  )
  lookIn(0)
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}

interface Open {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** A promise that is settled from outside. */
function open(): Open {
  let settle: Omit<Open, 'promise'> | undefined
  const promise = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, ...(settle as unknown as Omit<Open, 'promise'>) }
}

const signalled = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
  })
