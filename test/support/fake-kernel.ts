import type { ChangeResult, Hint, InterestOf, Kernel, Relevance } from '../../src/kernel/port.ts'
import type { Answer } from '../../src/policy/outcome.ts'
import type { Question } from '../../src/policy/questions.ts'
import type { EventSketch } from '../../src/policy/relevance.ts'
import type { Change } from '../../src/state/change.ts'
import type { Family } from '../../src/state/ip.ts'
import type { Route } from '../../src/state/route.ts'
import type { Rule } from '../../src/state/rule.ts'
import type { Snapshot } from '../../src/state/snapshot.ts'
import { applyChange, lookup, readOf } from './fake-kernel-model.ts'
import { planLines, routeLine, ruleLine, snapshot } from './snapshot.ts'
import { parseRoute, parseRule } from './snapshot-parse.ts'

const refusals: readonly string[] = ['unreachable', 'blackhole', 'prohibit']

/** A kernel in memory. Others write to it with `type` and `take`; its faults are fields to set. */
export class FakeKernel implements Kernel {
  /** errno's name with which a change is refused. */
  refuses: (change: Change) => string | undefined = () => undefined
  /** Changes of which the answer is lost, done or not. */
  mute: (change: Change) => boolean = () => false
  /** Runs after every batch: somebody who undoes what was done. */
  afterApply: () => void = () => {}
  /** Thrown whenever the kernel is read, while it is set. */
  failure: Error | undefined
  /** Every observation is torn, and lacks these lines. */
  tears: readonly string[] | undefined
  /** Looks so far, and how many of them were thorough. */
  observations = 0
  thoroughLooks = 0
  closed = false
  /** Nothing arrives at the socket that hears events. */
  deaf = false
  /** What was done so far, one plan a batch. */
  readonly batches: string[][] = []

  #text: string
  #state: Snapshot
  #relevance: Relevance = () => undefined
  #onHint: (hint: Hint) => void = () => {}
  #due: Hint | undefined

  /** `text` as for `snapshot`. */
  constructor(text: string) {
    this.#text = text
    this.#state = snapshot(text)
  }

  /** Everything that is there, interest or not. */
  get state(): Snapshot {
    return this.#state
  }

  /** All rules and routes, as lines. */
  get lines(): string[] {
    return [...this.#state.rules.map(ruleLine), ...this.#state.routes.map((route) => routeLine(route, this.#state))]
  }

  observe(interestOf: InterestOf, thorough: boolean): Snapshot {
    this.observations++
    this.thoroughLooks += Number(thorough)
    if (this.failure) {
      throw this.failure
    }
    const { links, rules } = this.#state
    const read = readOf(this.#state, interestOf(links, rules))
    const missing = this.tears ?? []
    return {
      ...read,
      rules: rules.filter((rule) => !missing.includes(ruleLine(rule))),
      routes: read.routes.filter((route) => !missing.includes(routeLine(route, read))),
      torn: this.tears !== undefined,
    }
  }

  apply(changes: readonly Change[]): ChangeResult[] {
    this.batches.push(planLines(changes, this.#state))
    const results = changes.map((change) => this.#applyOne(change))
    this.afterApply()
    return results
  }

  #applyOne(change: Change): ChangeResult {
    const code = this.refuses(change)
    if (code) {
      return { done: false, code, message: '', ...(this.mute(change) && { unanswered: true }) }
    }
    const { snapshot: next, result } = applyChange(this.#state, change)
    this.#state = next
    return this.mute(change) ? { done: false, code: 'ENOBUFS', message: '', unanswered: true } : result
  }

  ask(question: Question): Answer {
    return lookup(this.#state, question)
  }

  refusingRoutes(family: Family): readonly Route[] {
    if (this.failure) {
      throw this.failure
    }
    return this.#state.routes.filter((route) => route.family === family && refusals.includes(route.type))
  }

  watch(relevance: Relevance, onHint: (hint: Hint) => void): void {
    this.#relevance = relevance
    this.#onHint = onHint
  }

  echo(heard: () => void): boolean {
    if (!this.deaf) {
      heard()
    }
    return true
  }

  close(): void {
    this.closed = true
  }

  /** Somebody types a line, `rule …` or `route …`. Routes are appended, whatever their key. */
  type(line: string): void {
    const object = this.#parse(line)
    this.#state =
      'priority' in object
        ? { ...this.#state, rules: [...this.#state.rules, object].sort((a, b) => a.priority - b.priority) }
        : { ...this.#state, routes: [...this.#state.routes, object] }
    this.notify(sketchOf(object), 'somebody typed a line')
  }

  /** Somebody takes away every rule and route whose line starts so. `silently`: no event tells. */
  take(start: string, silently = false): void {
    const { rules, routes } = this.#state
    const goes = (line: string) => line.startsWith(start)
    const taken = [...rules.filter((r) => goes(ruleLine(r))), ...routes.filter((r) => goes(routeLine(r, this.#state)))]
    this.#state = {
      ...this.#state,
      rules: rules.filter((rule) => !taken.includes(rule)),
      routes: routes.filter((route) => !taken.includes(route)),
    }
    for (const object of silently ? [] : taken) {
      this.notify(sketchOf(object), 'somebody took a line away')
    }
  }

  /** Links come, with their addresses and routes, in the lines of `snapshot`. */
  attach(lines: string): void {
    this.#text += `\n${lines}`
    const grown = snapshot(this.#text)
    const known = new Set(this.#state.links.map(({ index }) => index))
    const isNew = (index: number | undefined) => index !== undefined && !known.has(index)
    this.#state = {
      ...this.#state,
      links: [...this.#state.links, ...grown.links.filter(({ index }) => isNew(index))],
      addresses: [...this.#state.addresses, ...grown.addresses.filter(({ linkIndex }) => isNew(linkIndex))],
      routes: [...this.#state.routes, ...grown.routes.filter(({ nexthops }) => isNew(nexthops[0]?.oif))],
    }
    this.notify({ kind: 'link' }, 'a link came')
  }

  /** A link goes, with its addresses and routes; rules stay. */
  detach(name: string): void {
    const gone = this.#state.links.find((link) => link.name === name)?.index
    this.#state = {
      ...this.#state,
      links: this.#state.links.filter(({ index }) => index !== gone),
      addresses: this.#state.addresses.filter(({ linkIndex }) => linkIndex !== gone),
      routes: this.#state.routes.filter(({ nexthops }) => nexthops[0]?.oif !== gone),
    }
    this.notify({ kind: 'link' }, 'a link went')
  }

  rehearse(): void {}

  notify(event: EventSketch, what: string): void {
    const urgency = this.#relevance(event)
    if (urgency) {
      this.#deliver({ urgency, what, sighting: `${event.kind} changed` })
    }
  }

  /** The queue of events overflows. */
  loseEvents(): void {
    this.#deliver({ urgency: 'now', what: 'events were lost', sighting: 'events lost' })
  }

  /** What happens at one moment is one hint, the first urgent one, from a macrotask of its own. */
  #deliver(hint: Hint): void {
    if (!this.#due) {
      setImmediate(() => {
        const due = this.#due as Hint
        this.#due = undefined
        this.#onHint(due)
      })
    }
    if (!this.#due || (this.#due.urgency === 'soon' && hint.urgency === 'now')) {
      this.#due = hint
    }
  }

  #parse(line: string): Rule | Route {
    const [, six, kind, words] = /^(-6 )?(rule|route) (.*)$/.exec(line) as unknown as [
      string,
      string?,
      string?,
      string?,
    ]
    const linkIndex = (name: string) => this.#state.links.find((link) => link.name === name)?.index ?? 0
    const family = six ? 6 : undefined
    const split = (words as string).split(' ')
    return kind === 'rule' ? parseRule(split, family) : parseRoute(split, linkIndex, family)
  }
}

const sketchOf = (object: Rule | Route): EventSketch =>
  'priority' in object
    ? { kind: 'rule', table: object.table, priority: object.priority }
    : {
        kind: 'route',
        table: object.table,
        linkIndex: object.nexthops[0]?.oif,
        destinationLength: object.destination.length,
      }
