import { writeFileSync } from 'node:fs'
import { loadConfig } from '../config/load.ts'
import { settingsOf } from '../config/settings.ts'
import { ExitError, exit } from '../exit.ts'
import { accountJson, arrivalJson } from '../explain/json.ts'
import { readWords, type Subject, subjectsOf, type Typed } from '../explain/request.ts'
import { drawWays, panelsOf } from '../explain/svg.ts'
import { accountLines, arrivalLines, type Telling } from '../explain/text.ts'
import { wordsOf } from '../explain/words.ts'
import { knowledgeOf } from '../instance/knowledge-report.ts'
import { readReport } from '../instance/report.ts'
import { Inquiry } from '../kernel/inquiry.ts'
import { type Account, accountFor, type World, worldOf } from '../policy/explain/account.ts'
import { type Arrival, arrivalOf } from '../policy/explain/arrival.ts'
import { isDropped, type Passage } from '../policy/explain/passage.ts'
import { isOurRule } from '../policy/ownership.ts'
import type { Settings } from '../policy/settings.ts'
import { paint, wantsColour, widthOf } from '../terminal.ts'
import { print, printJson } from './output.ts'
import type { CommonOptions } from './session.ts'

interface ExplainOptions extends CommonOptions, Partial<Omit<Typed, 'source'>> {
  readonly all?: boolean
  /** A file; true: standard output. */
  readonly svg?: string | true
}

/** Times that everything is read anew where model and kernel differ: what was read may be of before a change. */
const lookAgain = 3

/** Tells by which rule, table and route packets leave, and why, and holds the kernel's own answer against it. */
export async function explain(options: ExplainOptions, words: readonly string[]): Promise<number> {
  const typed = readWords(words, typedOptions(options))
  const daemon = await readReport()
  const config = await loadConfig(options.config)
  const settings = settingsOf(config, [], daemon ? knowledgeOf(daemon.knowledge) : undefined)
  const inquiry = new Inquiry()
  try {
    return tell(inquiry, settings, typed, options)
  } finally {
    inquiry.close()
  }
}

function typedOptions({
  to,
  protocol,
  fromPort,
  toPort,
  mark,
  oif,
  in: entrance,
  uid,
  tos,
}: ExplainOptions): Partial<Typed> {
  const given = { to, protocol, fromPort, toPort, mark, oif, in: entrance, uid, tos }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

function tell(inquiry: Inquiry, settings: Settings, typed: Typed, options: ExplainOptions): number {
  const { world, subjects, told } = settled(inquiry, settings, typed)
  const words = wordsOf(world.fib)
  if (options.svg !== undefined) {
    const panels = told.flatMap((one, i) => panelsOf(one, subjects[i]?.towards ?? ''))
    writePicture(drawWays(panels, world, words, options.all === true), options.svg)
  } else if (options.json) {
    printJson({
      explanations: told.map((one, i) =>
        'inward' in one ? arrivalJson(one, words) : accountJson(one, subjects[i]?.towards, words),
      ),
    })
  } else {
    const telling: Telling = {
      words,
      styles: paint(wantsColour(process.stdout)),
      all: options.all === true,
      isOurs: (rule) => isOurRule(settings, rule),
      width: widthOf(process.stdout),
    }
    for (const [i, one] of told.entries()) {
      if (i > 0) print()
      const lines =
        'inward' in one ? arrivalLines(one, telling) : accountLines(one, subjects[i]?.towards ?? '', telling)
      for (const line of lines) print(line)
    }
  }
  return told.every(isGood) ? exit.ok : exit.failed
}

/** @throws {ExitError} where the file can't be written */
function writePicture(picture: string, file: string | true): void {
  if (file === true || file === '-') {
    process.stdout.write(picture)
    return
  }
  try {
    writeFileSync(file, picture)
  } catch (error) {
    throw new ExitError(exit.failed, `the picture can't be written: ${(error as Error).message}`)
  }
}

/** Reads the kernel and accounts for the packets; once more where the kernel says otherwise, which may be a moment's. */
function settled(inquiry: Inquiry, settings: Settings, typed: Typed) {
  for (let tries = 1; ; tries++) {
    const world = worldOf(inquiry.picture(), settings)
    const subjects = subjectsOf(world, typed, (packet) => inquiry.sourceFor(packet))
    const told = subjects.map((subject) => accountOf(inquiry, world, subject))
    if (tries === lookAgain || told.every((one) => accountsOf(one).every(({ agrees }) => agrees))) {
      return { world, subjects, told }
    }
  }
}

function accountOf(inquiry: Inquiry, world: World, { packet }: Subject): Account | Arrival {
  const entrance = world.fib.links.get(packet.iif ?? 0)
  return entrance ? arrivalOf(world, packet, entrance, inquiry) : accountFor(world, packet, inquiry.wayOf(packet))
}

/** What of it the model and the kernel can be compared by: of a packet that rp_filter drops, the kernel tells no way. */
const accountsOf = (one: Account | Arrival): readonly Account[] =>
  'inward' in one ? [...comparable(one.inward), ...(one.passage ? comparable(one.passage) : [one.answer])] : [one]

const comparable = ({ account, ...passage }: Passage): readonly Account[] => (isDropped(passage) ? [] : [account])

const isGood = (one: Account | Arrival): boolean =>
  accountsOf(one).every(({ agrees, unled }) => agrees && unled === undefined) &&
  ('inward' in one
    ? one.answer.symmetry.verdict !== 'no' &&
      ![one.inward, one.passage].some((passage) => passage && isDropped(passage))
    : one.symmetry.verdict !== 'no')
