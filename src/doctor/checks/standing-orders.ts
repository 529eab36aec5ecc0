import { canonicalAddress } from '../../state/ip.ts'
import { contains } from '../../state/prefix.ts'
import { addressesOf, managed } from '../enis.ts'
import type { Check, KernelState } from '../evidence.ts'
import { linesLike, pathsLike } from '../files.ts'
import type { Finding } from '../finding.ts'

/** Scripts and files of network programs in which people keep rules. */
const places = [
  'etc/rc.local',
  'etc/rc.d/rc.local',
  'etc/network/interfaces',
  'etc/network/interfaces.d/*',
  'etc/network/if-up.d/*',
  'etc/networkd-dispatcher/*.d/*',
  'etc/NetworkManager/dispatcher.d/*',
  'etc/NetworkManager/system-connections/*',
  'etc/sysconfig/network-scripts/rule*',
  'etc/dhcp/dhclient-exit-hooks.d/*',
  'etc/systemd/network/*.network',
  'etc/systemd/network/*.network.d/*.conf',
  'etc/netplan/*.yaml',
  'run/netplan/*.yaml',
  'usr/lib/netplan/*.yaml',
  'etc/cron.d/*',
  'etc/systemd/system/*.service',
  'usr/local/bin/*',
  'usr/local/sbin/*',
]

/** `ip rule add from A`, `from A lookup T` of rule-eth1, `From=A`, `from: A` (also in YAML's flow style and in JSON), `routing-rule1=priority 5 from A`. */
const rule =
  /\bip\b.*\brule add\b.*\bfrom (?<typed>[0-9a-fA-F.:]+)|^(?:\S+ +)*from (?<listed>[0-9a-fA-F.:]+)\S* .*\b(?:lookup|table)\b|^From=(?<networkd>[0-9a-fA-F.:]+)|(?:^-? ?|[{,] *)["']?from["']?: *['"]?(?<netplan>[0-9a-fA-F.:]+)|^routing-rule\d+=.*from (?<keyfile>[0-9a-fA-F.:]+)/

/** Rules for ENIs' addresses that somebody has put into a file: they come back at every boot, right or wrong. */
export const standingOrders: Check = {
  reads: places,
  find: ({ files, kernel }) => {
    if (!kernel) {
      return []
    }
    // cloud-init's own are told by another check.
    const paths = pathsLike(files, new RegExp(`^/(${places.map(asRegExp).join('|')})$`)).filter(
      (path) => !path.includes('cloud-init'),
    )
    const scripts = paths.filter((path) => hooks.test(path)).flatMap((path) => linesLike(files, path, generic))
    const lines = paths.flatMap((path) => linesLike(files, path, rule)).filter((line) => concerns(line, kernel))
    const all = [...scripts, ...lines]
    return all.length === 0 ? [] : [finding(all, kernel)]
  },
}

/** A hook that network programs run, whose address stands in a variable: it makes a rule for every interface. */
const generic = /\bip\b.*\brule add\b.*\bfrom ["']?\$/
const hooks = /\/(if-up\.d|networkd-dispatcher|dispatcher\.d|dhclient-exit-hooks\.d)\//

const asRegExp = (glob: string): string => glob.replaceAll('.', '\\.').replaceAll('*', '[^/]*')

const addressIn = (line: string): string => {
  const groups = rule.exec(line.replace(/^\S+:\d+: /, ''))?.groups ?? {}
  return canonicalAddress(Object.values(groups).find((value) => value !== undefined) ?? '') ?? ''
}

/** An address of an ENI's subnet, the ENI's own or a mistyped one. */
const concerns = (line: string, kernel: KernelState): boolean => {
  const address = addressIn(line)
  return managed(kernel).some((plan) =>
    addressesOf(kernel, plan).some(({ onLink }) => address !== '' && contains(onLink, address)),
  )
}

function finding(lines: readonly string[], kernel: KernelState): Finding {
  const own = new Set(kernel.all.addresses.map(({ address }) => address))
  const strange = [...new Set(lines.map(addressIn))].filter((address) => address !== '' && !own.has(address))
  return {
    severity: 'warning',
    id: 'rules-in-files',
    what: `rules for network interfaces are kept by hand in files${strange.length > 0 ? `, one of them for ${strange[0]}, which no interface has` : ''}: they come back at every boot, in front of the daemon's`,
    evidence: lines.slice(0, 6),
    cure: 'take these lines out: the daemon makes the rules that are needed',
  }
}
