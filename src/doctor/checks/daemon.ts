import { formatFault } from '../../config/fault.ts'
import { enumerate } from '../../policy/enumerate.ts'
import { formatChange } from '../../state/change.ts'
import { linkNamer } from '../../state/snapshot.ts'
import { version } from '../../version.ts'
import { isMultihomed } from '../enis.ts'
import type { Check, Evidence } from '../evidence.ts'
import { enabledBy, enabledGlobs, pathsLike } from '../files.ts'
import type { Finding } from '../finding.ts'
import { wantOfShape } from './routing.ts'

const unit = 'eni-routed.service'
const unitFiles = /\/systemd\/system\/eni-routed\.service$/

/** Is the configuration right, does the daemon run, will it after the next boot, and can it do its work? */
export const daemon: Check = {
  reads: [
    `etc/systemd/system/${unit}`,
    `usr/lib/systemd/system/${unit}`,
    `lib/systemd/system/${unit}`,
    ...enabledGlobs(unit),
  ],
  find: (evidence) => [...configuration(evidence), ...presence(evidence), ...atBoot(evidence), ...work(evidence)],
}

const configuration = ({ configFaults }: Evidence): Finding[] =>
  configFaults.length === 0
    ? []
    : [
        {
          severity: 'error',
          id: 'configuration',
          what: 'the configuration has faults: the daemon does not start with it, and a running one keeps the last good one',
          evidence: configFaults.map(formatFault),
          cure: 'correct the file, then: systemctl restart eni-routed',
        },
      ]

/** What starts it: the unit where it is installed. */
export const startOf = (files: Evidence['files']): string =>
  pathsLike(files, unitFiles).length > 0
    ? 'systemctl enable --now eni-routed'
    : 'eni-routed run, or once: eni-routed apply'

function presence({ daemon: { state }, daemon: it, kernel, files }: Evidence): Finding[] {
  const installed = pathsLike(files, unitFiles).length > 0
  if (state === 'silent') {
    return [
      {
        severity: 'error',
        id: 'daemon-silent',
        what: `the daemon (process ${'pid' in it ? it.pid : '?'}) does not answer: it hangs or is stopped, and repairs nothing`,
        evidence: [`process ${'pid' in it ? it.pid : '?'} has the lock of this network namespace`],
        cure: 'systemctl restart eni-routed',
      },
    ]
  }
  if (state === 'running' || !isMultihomed(kernel)) {
    return []
  }
  const start = startOf(files)
  const wrong = wantOfShape(kernel)
  if (wrong.length > 0) {
    return [
      {
        severity: 'error',
        id: 'daemon-absent',
        what: 'the daemon does not run, and packets leave by the wrong interface: replies are dropped by the VPC',
        evidence: wrong,
        cure: start,
      },
    ]
  }
  const died = 'died' in it ? it.died : undefined
  const end = died === undefined ? [] : [`process ${died}, the last daemon, was killed or crashed`]
  return installed || end.length > 0
    ? [
        {
          severity: 'warning',
          id: 'daemon-absent',
          what: 'the daemon does not run any more, or not yet: the next change of an interface breaks the routing',
          evidence: [...end, ...pathsLike(files, unitFiles)],
          cure: start,
        },
      ]
    : []
}

/** Enabled, or nothing is there after a reboot. A unit in /etc that is empty is masked. */
function atBoot({ files, daemon: { state } }: Evidence): Finding[] {
  const [file] = pathsLike(files, unitFiles)
  if (file === undefined || enabledBy(files, unit).length > 0) {
    return []
  }
  const masked = files.get(`/etc/systemd/system/${unit}`) === ''
  if (!masked && state !== 'running') {
    // That it does not run was told, and the cure enables it.
    return []
  }
  return [
    {
      severity: 'warning',
      id: 'daemon-not-enabled',
      what: masked ? 'the unit is masked: the daemon can not be started' : 'the daemon will not start at the next boot',
      evidence: [masked ? `/etc/systemd/system/${unit} leads to /dev/null` : `no unit wants ${file}`],
      cure: `${masked ? 'systemctl unmask eni-routed && ' : ''}systemctl enable --now eni-routed`,
    },
  ]
}

function work({ daemon: it, kernel }: Evidence): Finding[] {
  if (it.state !== 'running') {
    return []
  }
  const { report } = it
  const contested = report.contested.map(
    ({ object, by, repairs }): Finding => ({
      severity: 'warning',
      id: 'contested',
      what: `another program keeps undoing what the daemon does: put back ${repairs} times`,
      evidence: [object, `last heard of: ${by}`],
      cure: 'eni-routed history tells when; stop the program that does so, or teach it to leave that alone',
    }),
  )
  const outdated: Finding[] =
    report.version === version
      ? []
      : [
          {
            severity: 'warning',
            id: 'daemon-version',
            what: `the daemon is version ${report.version}, this program ${version}: it was not restarted after an upgrade`,
            evidence: [`process ${report.pid} since ${report.since}`],
            cure: 'systemctl restart eni-routed',
          },
        ]
  return [...contested, ...outdated, ...pending(kernel)]
}

/** The observer has looked twice: what is pending here does not get done. */
function pending(kernel: Evidence['kernel']): Finding[] {
  const { pending: changes = [], snapshot } = kernel?.assessment ?? {}
  if (changes.length === 0 || !snapshot) {
    return []
  }
  const commands = changes.map((change) => formatChange(change, linkNamer(snapshot)))
  return [
    {
      severity: 'error',
      id: 'pending',
      what: `the daemon runs, and ${changes.length} changes are still pending: the kernel refuses them, or it uses another configuration`,
      evidence: [enumerate(commands, 5)],
      cure: 'journalctl -u eni-routed tells why; then: systemctl reload eni-routed',
    },
  ]
}
