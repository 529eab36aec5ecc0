import type { Check, Evidence } from '../evidence.ts'
import { enabledBy, enabledGlobs, type Files, linesLike, pathsLike } from '../files.ts'
import type { Finding } from '../finding.ts'
import { assignments, booleanOf, configurationFiles, configurationGlobs } from '../ini.ts'

/** The keys that keep networkd to its own, and the version of systemd that knows both. */
const keys = ['ManageForeignRoutingPolicyRules', 'ManageForeignRoutes'] as const
const knowsBoth = 249
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
    const user = userOf(evidence)
    return user.length === 0 ? [] : verdict(evidence, user)
  },
}

/** What shows that networkd configures interfaces here. */
function userOf({ processes, files }: Evidence): string[] {
  const running = processes
    .filter(({ name }) => name === 'systemd-network')
    .map(({ pid }) => `process ${pid} is systemd-networkd`)
  return [...running, ...units.flatMap((unit) => enabledBy(files, unit)), ...netplanFiles(files)]
}

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

function verdict({ files, changedAt, processes }: Evidence, user: readonly string[]): Finding[] {
  const version = versionOf(files)
  const faults = keys.map((key) => faultOf(files, key)).filter((fault) => fault !== undefined)
  const netplan = netplanFiles(files)
  if (version !== undefined && version.number < knowsBoth) {
    return [
      {
        severity: 'warning',
        id: 'networkd-too-old',
        what: `systemd-networkd ${version.number} can't be kept from deleting rules and routes of others (${knowsBoth} can): they are gone at every change of an interface until the daemon has put them back`,
        evidence: [version.path, ...user.slice(0, 2)],
        cure: `upgrade systemd to ${knowsBoth}.5 or newer, or configure the interfaces by another program; the daemon repairs meanwhile`,
      },
    ]
  }
  if (faults.length === 0) {
    return notYetRead(files, changedAt, processes)
  }
  const what =
    'systemd-networkd deletes rules and routes that it did not make, of every interface, whenever it configures one'
  const dropIn = dropInFor(files)
  const cure = `mkdir -p ${dirname} && printf '[Network]\\nManageForeignRoutingPolicyRules=no\\nManageForeignRoutes=no\\n' > ${dropIn}, then: systemctl restart systemd-networkd`
  return [
    {
      severity: 'warning',
      id: 'networkd-foreign-rules',
      what,
      evidence: [...faults, ...misplaced(files), ...user.slice(0, 2)],
      cure,
    },
    ...netplan
      .map(
        (path): Finding => ({
          severity: 'warning',
          id: 'netplan',
          what: 'netplan hands interfaces to systemd-networkd, which deletes the rules of others at every "netplan apply"',
          evidence: [path],
          cure: `the same drop-in, ${dropIn}`,
        }),
      )
      .slice(0, 1),
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
function faultOf(files: Files, key: (typeof keys)[number]): string | undefined {
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
