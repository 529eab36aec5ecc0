import { expect } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import { settingsOf } from '../../src/config/settings.ts'
import { checks, diagnose } from '../../src/doctor/checks.ts'
import type { Evidence } from '../../src/doctor/evidence.ts'
import type { Finding } from '../../src/doctor/finding.ts'
import { desiredState } from '../../src/policy/desired.ts'
import type { WrongOutcome } from '../../src/policy/outcome.ts'
import { globMatches } from '../../src/policy/pattern.ts'
import type { Change } from '../../src/state/change.ts'
import { knowing, type Told } from './knowledge.ts'
import { snapshot } from './snapshot.ts'

/** Two ENIs in one subnet, as a DHCP client leaves them. */
export const twoEnis = `
  link eth0 driver ena
  link eth1 driver ena
  addr 172.31.15.216/20 dev eth0
  addr 172.31.0.218/20 dev eth1
  route default via 172.31.0.1 dev eth0 metric 100
  route default via 172.31.0.1 dev eth1 metric 200
`

export interface Given {
  /** What the metadata tells of the links. */
  readonly told?: readonly Told[]
  /** By path, without the first slash; `''` is also what a link to /dev/null is. */
  readonly files?: Readonly<Record<string, string>>
  readonly kernel?: string
  readonly toml?: string
  /** What the kernel answers wrongly, and what our program would change. */
  readonly outcomes?: readonly WrongOutcome[]
  readonly pending?: readonly Change[]
  readonly other?: Partial<Evidence>
}

/** What a finding is, but for its words: its name, what shows it, and what ends it. */
export interface Found {
  readonly id: string
  readonly evidence: readonly string[]
  readonly cure: string
}
export interface Row extends Given {
  readonly name: string
  readonly finds: readonly Found[]
}

/** That all of it is found, and nothing else. */
export function expectExactly({ finds, name: _, ...given }: Row): void {
  expect(findingsOf(given).map(({ id, evidence, cure }) => ({ id, evidence, cure }))).toEqual(finds)
}

/** A host in which everything is as it should be, but for what is given. */
export function evidence({
  files = {},
  kernel = twoEnis,
  toml = '',
  told = [],
  outcomes = [],
  pending = [],
  other = {},
}: Given): Evidence {
  const config = parseConfig(toml, 'test.toml')
  const settings = told.length > 0 ? settingsOf(config, [], knowing(told)) : settingsOf(config)
  const all = snapshot(kernel)
  const desired = desiredState(all, settings, new Map())
  const assessment = { snapshot: all, desired, pending, outcomes, problems: [] }
  return {
    config,
    configFaults: [],
    settings,
    daemon: { state: 'absent' },
    kernel: { assessment, outcomes, all, refusing: [] },
    changedAt: new Map(Object.keys(files).map((path) => [`/${path}`, 0])),
    files: new Map(Object.entries(files).map(([path, text]) => [`/${path}`, text])),
    processes: [],
    wildcards: [],
    redirections: [],
    drops: [],
    wires: [],
    metadata: undefined,
    ...other,
  }
}

/** Findings that are errors, and those that are errors or warnings, as the circumstances are; all others are warnings. */
const errors = [
  ...['configuration', 'daemon-silent', 'pending', 'kernel-refuses', 'kernel-too-old', 'kernel-feature-missing'],
  ...['kernel-rule-missing', 'conntrack-missing', 'rp-filter-dnat', 'rp-filter-strict', 'duplicate-address', 'arp-off'],
  ...['wrong-way', 'no-router', 'table-wrong-interface'],
]
const either = ['conflict', 'daemon-absent', 'metadata-unreachable', 'table-empty', 'router-outside']

/** Findings that are graver, or less grave, than they ought to be while no rule of ours stands. */
export const misjudged = (findings: readonly Finding[]): string[] =>
  findings
    .filter(({ id, severity }) => !either.includes(id) && errors.includes(id) !== (severity === 'error'))
    .map(({ id, severity }) => `${severity} ${id}`)

/** What is found; a file that no check reads is a mistake of the test. */
export function findingsOf(given: Given): Finding[] {
  const unread = Object.keys(given.files ?? {}).filter((path) => !isRead(path))
  if (unread.length > 0) throw new Error(`no check reads ${unread.join(', ')}`)
  return diagnose(evidence(given))
}

const globs = checks.flatMap(({ reads }) => reads)
const isRead = (path: string): boolean =>
  globs.some((glob) => {
    const [parts, wanted] = [path.split('/'), glob.split('/')]
    return parts.length === wanted.length && wanted.every((part, i) => globMatches(part, parts[i] ?? ''))
  })
