import { ipCommand } from '../../state/ip.ts'
import { linkWord } from '../../state/link.ts'
import { formatRule, type Rule } from '../../state/rule.ts'
import { ownerOf } from '../enis.ts'
import type { Check, Evidence } from '../evidence.ts'
import { enabledBy, enabledGlobs, type Files, linesLike, pathsLike } from '../files.ts'
import type { Finding } from '../finding.ts'
import { agentOf } from '../foreign-rules.ts'

const nmUnits = ['nm-cloud-setup.timer', 'nm-cloud-setup.service']
const ec2Units = ['policy-routes@*.service', 'refresh-policy-routes@*.timer']

const ec2Files = [
  'usr/bin/setup-policy-routes',
  'usr/lib/systemd/system/policy-routes@.service',
  'etc/systemd/system/policy-routes@.service',
  'usr/lib/systemd/system/refresh-policy-routes@.timer',
  'etc/sysconfig/network-scripts/ec2net-functions',
  'var/lib/dpkg/info/amazon-ec2-net-utils.list',
]

/** Other programs that route ENIs by policy: two of them do not do it better, they undo each other's work. */
export const cloudAgents: Check = {
  reads: [
    ...nmUnits.flatMap(enabledGlobs),
    ...ec2Units.flatMap(enabledGlobs),
    ...['etc', 'run', 'usr/lib', 'lib'].map((folder) => `${folder}/udev/rules.d/*`),
    ...ec2Files,
    'run/systemd/network/*.network.d/*.conf',
    'var/lib/cloud/instance/user-data.txt',
    'var/lib/cloud/instance/cloud-config.txt',
    'etc/network/interfaces.d/*cloud-init*',
    'etc/NetworkManager/system-connections/cloud-init-*',
    'run/cloud-init/hotplug.enabled',
    'etc/cloud/cloud-init.disabled',
    'etc/cloud/cloud.cfg',
    'etc/cloud/cloud.cfg.d/*.cfg',
    'etc/netplan/*.yaml',
    'run/netplan/*.yaml',
    'etc/systemd/network/*.network',
    'run/systemd/network/*.network',
  ],
  find: (evidence) => [
    ...nmCloudSetup(evidence),
    ...ec2NetUtils(evidence),
    ...cloudInitHotplug(evidence),
    ...cloudInitRules(evidence),
  ],
}

type Agent = NonNullable<ReturnType<typeof agentOf>>

const rulesOf = (agent: Agent, kernel: Evidence['kernel']): Rule[] =>
  (kernel?.all.rules ?? []).filter((rule) => agentOf(rule) === agent)

const ruleText = (rule: Rule): string => `${ipCommand(rule)} rule ${formatRule(rule)}`

/** Names of the ENIs that it has rules for. */
const linksOf = (agent: Agent, kernel: Evidence['kernel']): string[] => [
  ...new Set(
    rulesOf(agent, kernel).flatMap(
      ({ source }) => (kernel && ownerOf(kernel, source?.address ?? ''))?.eni.link.name ?? [],
    ),
  ),
]

function nmCloudSetup({ files, kernel }: Evidence): Finding[] {
  const enabled = nmUnits.flatMap((unit) => enabledBy(files, unit))
  const reapply = linksOf('nm-cloud-setup', kernel).map((name) => `; nmcli device reapply ${linkWord(name)}`)
  const evidence = [...enabled, ...rulesOf('nm-cloud-setup', kernel).slice(0, 2).map(ruleText)]
  return evidence.length === 0
    ? []
    : [
        {
          severity: 'warning',
          id: 'nm-cloud-setup',
          what: 'nm-cloud-setup routes network interfaces by rules of its own, every five minutes, for IPv4 alone',
          evidence,
          cure: `systemctl disable --now nm-cloud-setup.timer nm-cloud-setup.service${reapply.join('')}`,
        },
      ]
}

/**
 * A udev rule starts it for every interface; one of the same name in /etc that is empty switches it off. Its rules in the
 * kernel have one number for priority and table, 10000 + 100 · card + device.
 */
function ec2NetUtils({ files, kernel }: Evidence): Finding[] {
  const rules = rulesOf('ec2-net-utils', kernel)
  const udev = udevRules(files, /(vpc-policy-routes|ec2-network-interfaces|ec2-vpcutils)\.rules$/)
  const units = pathsLike(files, /\/systemd\/system\/[^/]+\.(wants|requires)\/(refresh-)?policy-routes@/)
  const dropIns = pathsLike(files, /^\/run\/systemd\/network\/70-[^/]*\.network\.d\//).filter(
    (path) => linesLike(files, path, /^\[RoutingPolicyRule\]/).length > 0,
  )
  const switchedOff = pathsLike(files, /\/99-vpc-policy-routes\.rules$/).length > 0 && udev.length === 0
  const programs = switchedOff
    ? []
    : pathsLike(
        files,
        /setup-policy-routes$|system\/(refresh-)?policy-routes@\.(service|timer)$|ec2net-functions$|amazon-ec2-net-utils\.list$/,
      )
  const installed = [...udev, ...units, ...programs].length > 0
  const evidence = [...udev, ...units, ...dropIns, ...programs, ...rules.slice(0, 2).map(ruleText)]
  return evidence.length === 0
    ? []
    : [
        {
          severity: 'warning',
          id: 'ec2-net-utils',
          what: "amazon-ec2-net-utils routes network interfaces by rules of its own, in front of the daemon's; version 2 reloads networkd at each change",
          evidence: evidence.slice(0, 4),
          cure: [
            ...(installed ? [removerOf(files)] : []),
            ...dropIns.map((path) => `rm ${path}`),
            ...(dropIns.length > 0 ? ['systemctl restart systemd-networkd'] : []),
            ...rules.map((rule) => `${ipCommand(rule)} rule del ${formatRule(rule)}`),
          ].join('; '),
        },
      ]
}

/** By the package: that of Debian and Ubuntu, of Amazon Linux 2 and of its successor. */
const removerOf = (files: Files): string =>
  files.has('/var/lib/dpkg/info/amazon-ec2-net-utils.list')
    ? 'apt-get purge amazon-ec2-net-utils'
    : files.has('/etc/sysconfig/network-scripts/ec2net-functions')
      ? 'yum remove ec2-net-utils'
      : 'dnf remove amazon-ec2-net-utils'

/** Of two files with one name the stronger folder's counts (udev(7)). */
function udevRules(files: Files, name: RegExp): string[] {
  const byName = new Map<string, string>()
  for (const folder of ['/etc', '/run', '/usr/lib', '/lib']) {
    for (const path of pathsLike(files, new RegExp(`^${folder}/udev/rules\\.d/`)).filter((found) => name.test(found))) {
      const file = path.slice(path.lastIndexOf('/') + 1)
      if (!byName.has(file)) byName.set(file, path)
    }
  }
  return [...byName.values()].filter((path) => files.get(path)?.trim() !== '')
}

/** The hook's udev rule, the mark of newer versions, or the event in the configuration. */
function cloudInitHotplug({ files }: Evidence): Finding[] {
  const configured = pathsLike(files, /^\/etc\/cloud\/cloud\.cfg|^\/var\/lib\/cloud\/instance\//).flatMap((path) =>
    linesLike(files, path, /^updates:/).length === 0 ? [] : linesLike(files, path, /(?<![\w-])hotplug(?![\w-])/),
  )
  const hooks = [
    ...udevRules(files, /cloud-init-hook-hotplug\.rules$/),
    ...pathsLike(files, /^\/run\/cloud-init\/hotplug\.enabled$/),
  ]
  const evidence = [...hooks, ...configured]
  return evidence.length === 0 || leavesNetworkAlone(files)
    ? []
    : [
        {
          severity: 'warning',
          id: 'cloud-init-hotplug',
          what: 'cloud-init configures interfaces anew whenever one is attached: it rewrites the configuration of all of them and restarts their links',
          evidence,
          cure: [
            ...hooks.map(withoutHook),
            configured.length > 0
              ? 'take "hotplug" out of these lines'
              : `echo 'updates: {network: {when: [boot-new-instance]}}' > /etc/cloud/cloud.cfg.d/99-no-hotplug.cfg`,
          ].join('; '),
        },
      ]
}

/** One of the vendor's comes back with the next package: a link to /dev/null of its name is stronger (udev(7)). */
const withoutHook = (path: string): string =>
  /^\/(usr\/)?lib\//.test(path) ? `ln -sf /dev/null /etc/udev/rules.d/${path.split('/').at(-1)}` : `rm -f ${path}`

/** `network: {config: disabled}`, or no cloud-init at all: then it configures no interface, attached or not. */
const leavesNetworkAlone = (files: Files): boolean =>
  files.has('/etc/cloud/cloud-init.disabled') ||
  pathsLike(files, /^\/etc\/cloud\/cloud\.cfg/).some(
    (path) => linesLike(files, path, /\bconfig: *['"]?disabled/).length > 0,
  )

/** Rules that cloud-init wrote into the files of netplan or networkd at the first boot, and will never take away. */
function cloudInitRules({ files }: Evidence): Finding[] {
  const evidence = pathsLike(
    files,
    /\/(netplan|network|interfaces\.d|system-connections)\/[^/]*cloud-init[^/]*$/,
  ).flatMap((path) =>
    linesLike(
      files,
      path,
      /(^|[\s{,"'])routing-policy["']?:|^\[RoutingPolicyRule\]|\bip\b.*\brule add\b|^routing-rule\d+=/,
    ),
  )
  return evidence.length === 0
    ? []
    : [
        {
          severity: 'warning',
          id: 'cloud-init-policy-routing',
          what: 'cloud-init wrote rules for the interfaces of the first boot: they stay when an interface goes, and come back at every boot',
          evidence: evidence.slice(0, 4),
          cure: `take these lines out, and keep cloud-init from writing them anew: echo 'network: {config: disabled}' > /etc/cloud/cloud.cfg.d/99-disable-network-config.cfg; then: netplan apply, or restart what configures the interfaces`,
        },
      ]
}
