import type { Check, Evidence } from '../evidence.ts'
import { pathsLike } from '../files.ts'
import type { Finding } from '../finding.ts'

/** Options of the kernel's configuration, with what lacks without them. */
const options: Readonly<Record<string, string>> = {
  CONFIG_IP_MULTIPLE_TABLES: 'policy routing for IPv4',
  CONFIG_IPV6_MULTIPLE_TABLES: 'policy routing for IPv6',
  CONFIG_IP_ADVANCED_ROUTER: 'routing by more than the destination',
}
/** Rules carry a protocol number since 4.17, by which the program knows its own. */
const oldest = [4, 17] as const

/** What the kernel must be able to do. */
export const kernelFeatures: Check = {
  reads: ['proc/sys/kernel/osrelease', 'boot/config-*'],
  find: (evidence) => [...refused(evidence), ...tooOld(evidence), ...switchedOff(evidence)],
}

const refused = ({ kernelRefusal }: Evidence): Finding[] =>
  kernelRefusal
    ? [
        {
          severity: 'error',
          id: 'kernel-refuses',
          what: 'the kernel refuses to tell its rules and routes',
          evidence: [`${kernelRefusal.code}: ${kernelRefusal.message}`],
          cure: 'a kernel with policy routing (CONFIG_IP_MULTIPLE_TABLES, CONFIG_IPV6_MULTIPLE_TABLES) is needed',
        },
      ]
    : []

const releaseOf = ({ files }: Evidence): string => files.get('/proc/sys/kernel/osrelease')?.trim() ?? ''

function tooOld(evidence: Evidence): Finding[] {
  const release = releaseOf(evidence)
  const [, major = Number.NaN, minor = Number.NaN] = (/^(\d+)\.(\d+)/.exec(release) ?? []).map(Number)
  return major < oldest[0] || (major === oldest[0] && minor < oldest[1])
    ? [
        {
          severity: 'error',
          id: 'kernel-too-old',
          what: `Linux ${release} does not mark rules with a protocol, by which the program tells its own (${oldest.join('.')} and newer do)`,
          evidence: ['/proc/sys/kernel/osrelease'],
          cure: 'boot a newer kernel',
        },
      ]
    : []
}

/** Only the configuration of the kernel that runs counts. */
function switchedOff(evidence: Evidence): Finding[] {
  const [path] = pathsLike(evidence.files, /^\/boot\/config-/).filter(
    (found) => found === `/boot/config-${releaseOf(evidence)}`,
  )
  return Object.entries(path === undefined ? {} : options)
    .filter(([option]) => evidence.files.get(path as string)?.includes(`# ${option} is not set`))
    .map(([option, lacking]) => ({
      severity: 'error',
      id: 'kernel-feature-missing',
      what: `the kernel was built without ${lacking}`,
      evidence: [`${path}: # ${option} is not set`],
      cure: `boot a kernel with ${option}=y`,
    }))
}
