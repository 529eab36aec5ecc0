import type { Check, Evidence } from '../evidence.ts'
import { enabledBy, enabledGlobs, type Files, linesLike, pathsLike } from '../files.ts'
import type { Finding } from '../finding.ts'
import { assignments, booleanOf, configurationFiles, configurationGlobs } from '../ini.ts'

/** The keys that keep networkd to its own. */
const keys = ['ManageForeignRoutingPolicyRules', 'ManageForeignRoutes'] as const
type Key = (typeof keys)[number]

/** What networkd deletes of others, and the keys that keep it from that; none where nothing does, but in a later version. */
interface Habit {
  readonly deletes: string
  readonly keys: readonly Key[]
  readonly mended: number
}

/**
 * By the version of systemd, as far as its pull requests 14858, 19106, 19287 and 20656 tell; only the first number of it is
 * seen. Until 246 and 249 a key lacks. 247.4 and the last releases of 247 and 248 are taken for 247.3, which Debian 11 has,
 * and for 248.3. 249.0 to 249.4 heed the key of routes for rules, too: with both all is well.
 */
function habitOf(version = Number.POSITIVE_INFINITY): Habit {
  if (version < 248) return { deletes: 'routes', keys: version < 246 ? [] : ['ManageForeignRoutes'], mended: 246 }
  return { deletes: 'rules and routes', keys: version < 249 ? [] : keys, mended: 249 }
}

const dirname = '/etc/systemd/networkd.conf.d'

const units = ['systemd-networkd.service', 'systemd-networkd.socket', 'dbus-org.freedesktop.network1.service']

/**
 * systemd-networkd deletes the rules and routes of others whenever it configures an interface, unless it is told not to.
 * netplan makes it do so at every `netplan apply`.
 */
export const networkd: Check = {
  reads: [
    ...configurationGlobs('networkd.conf'),
    // Where the keys are put by mistake.
    'etc/systemd/networkd.conf.d/*',
    ...['etc', 'run', 'usr/lib'].map((folder) => `${folder}/systemd/network/*`),
    ...units.flatMap(enabledGlobs),
    'etc/systemd/system/dbus-org.freedesktop.network1.service',
    // The library has the version in its name; Debian keeps it in a folder of the architecture.
    'usr/lib/systemd/libsystemd-shared-*.so',
    'usr/lib/*-linux-*/systemd/libsystemd-shared-*.so',
    'lib/systemd/libsystemd-shared-*.so',
    'etc/netplan/*.yaml',
    'run/netplan/*.yaml',
    'usr/lib/netplan/*.yaml',
  ],
  find: (evidence) => {
    const shown = [...usersOf(evidence).slice(0, 2), ...netplanFiles(evidence.files).slice(0, 1)]
    return shown.length === 0 ? [] : verdict(evidence, shown)
  },
}

/** What shows that networkd configures interfaces here, besides netplan. */
const usersOf = ({ processes, files }: Evidence): string[] => [
  ...processes.filter(({ name }) => name === 'systemd-network').map(({ pid }) => `process ${pid} is systemd-networkd`),
  ...units.flatMap((unit) => enabledBy(files, unit)),
]

/** netplan's files, unless they leave everything to NetworkManager. */
const netplanFiles = (files: Files): string[] => {
  const paths = pathsLike(files, /\/netplan\/[^/]+\.yaml$/).filter(
    (path) => linesLike(files, path, /\b(ethernets|wifis|bonds|bridges|vlans):/).length > 0,
  )
  const renderers = pathsLike(files, /\/netplan\/[^/]+\.yaml$/).flatMap((path) => linesLike(files, path, /\brenderer:/))
  return renderers.some((line) => /renderer: *['"]?NetworkManager/.test(line)) &&
    !renderers.some((line) => /renderer: *['"]?networkd/.test(line))
    ? []
    : paths
}

/** `shown`: by what it is there. */
function verdict({ files, changedAt, processes }: Evidence, shown: readonly string[]): Finding[] {
  const version = versionOf(files)
  const habit = habitOf(version?.number)
  const faults = habit.keys.map((key) => faultOf(files, key)).filter((fault) => fault !== undefined)
  if (version !== undefined && habit.keys.length === 0) {
    return [
      {
        severity: 'warning',
        id: 'networkd-too-old',
        what: `systemd-networkd ${version.number} can't be kept from deleting ${habit.deletes} of others (${habit.mended} and newer can): they are gone at every change of an interface until the daemon has put them back`,
        evidence: [version.path, ...shown],
        cure: `upgrade systemd to ${habit.mended} or newer, or configure the interfaces by another program; the daemon repairs meanwhile`,
      },
    ]
  }
  if (faults.length === 0) {
    return notYetRead(files, changedAt, processes)
  }
  const netplan = netplanFiles(files).length > 0 ? ', as at every "netplan apply"' : ''
  const settings = keys.map((key) => `${key}=no\\n`).join('')
  return [
    {
      severity: 'warning',
      id: 'networkd-foreign-rules',
      what: `systemd-networkd deletes ${habit.deletes} that it did not make whenever it configures an interface${netplan}`,
      evidence: [...faults, ...misplaced(files), ...shown],
      cure: `mkdir -p ${dirname} && printf '[Network]\\n${settings}' > ${dropInFor(files)} && systemctl restart systemd-networkd`,
    },
  ]
}

/** A drop-in that is read after whatever says otherwise, and that is not masked itself. */
function dropInFor(files: Files): string {
  const contrary = keys
    .flatMap((key) => assignments(files, 'networkd.conf', 'Network', key))
    .filter(({ path, value }) => path.includes('.conf.d/') && booleanOf(value) !== false)
    .map(({ path }) => path.slice(path.lastIndexOf('/') + 1))
  const own = '10-eni-routed.conf'
  const usable = contrary.every((name) => name <= own) && files.get(`${dirname}/${own}`) !== ''
  return `${dirname}/${usable ? own : 'zz-eni-routed.conf'}`
}

/** Lines that set a key where networkd does not read it: in another section, in no section, in a .network file. */
function misplaced(files: Files): string[] {
  const places = pathsLike(files, /^\/(etc|run|usr\/lib)\/systemd\/(network|networkd\.conf\.d)\/|\/networkd\.conf$/)
  const read = configurationFiles(files, 'networkd.conf')
  const counted = new Set(
    keys.flatMap((key) =>
      assignments(files, 'networkd.conf', 'Network', key).map(({ path, line }) => `${path}:${line}:`),
    ),
  )
  return places.flatMap((path) =>
    linesLike(files, path, new RegExp(`^(${keys.join('|')})\\s*=`))
      .filter((line) => !counted.has(line.split(' ')[0] as string))
      .map((line) =>
        read.includes(path)
          ? `${line} (not under [Network], where alone networkd reads it)`
          : `${line} (networkd reads it in networkd.conf and networkd.conf.d/*.conf alone)`,
      ),
  )
}

/** ms; /proc counts starts in ticks, and a file that is written just before a start may seem younger. */
const slack = 2_000

/** networkd reads its configuration when it starts: one that has run since before knows nothing of the drop-in. */
function notYetRead(files: Files, changedAt: Evidence['changedAt'], processes: Evidence['processes']): Finding[] {
  const running = processes.find(({ name }) => name === 'systemd-network')
  const [path] = keys
    .flatMap((key) => assignments(files, 'networkd.conf', 'Network', key).slice(-1))
    .map((last) => last.path)
  const changed = changedAt.get(path ?? '')
  if (!running || path === undefined || changed === undefined || changed < running.startedAt + slack) {
    return []
  }
  return [
    {
      severity: 'warning',
      id: 'networkd-not-restarted',
      what: 'systemd-networkd has run since before it was told to leave the rules and routes of others alone',
      evidence: [
        `process ${running.pid} started at ${new Date(running.startedAt).toISOString()}`,
        `${path} is from ${new Date(changed).toISOString()}`,
      ],
      cure: 'systemctl restart systemd-networkd, or reboot',
    },
  ]
}

/** Why the key does not say no; undefined where it does. */
function faultOf(files: Files, key: Key): string | undefined {
  const found = assignments(files, 'networkd.conf', 'Network', key)
  const valid = found.filter(({ value }) => booleanOf(value) !== undefined)
  const last = valid.at(-1) ?? found.at(-1)
  if (last && booleanOf(last.value) === false) {
    return undefined
  }
  return last
    ? `${last.path}:${last.line}: ${key}=${last.value}`
    : `${key} is yes, its default: no file of networkd.conf sets it under [Network]`
}

function versionOf(files: Files): { number: number; path: string } | undefined {
  const [path] = pathsLike(files, /\/libsystemd-shared-\d+[^/]*\.so$/)
  const number = Number(/shared-(\d+)/.exec(path ?? '')?.[1])
  return path === undefined ? undefined : { number, path }
}
