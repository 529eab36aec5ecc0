import { defaults } from '../../config/defaults.ts'
import { differences } from '../../policy/differences.ts'
import { enumerate } from '../../policy/enumerate.ts'
import { networkPlugin } from '../../policy/hands-off.ts'
import { isRoutable } from '../../state/address.ts'
import { families, familyOf } from '../../state/ip.ts'
import { type Link, linkWord } from '../../state/link.ts'
import { hostPrefix, prefixKey } from '../../state/prefix.ts'
import type { Check, Drop, Evidence, KernelState, MetadataProbe } from '../evidence.ts'
import type { Finding } from '../finding.ts'

/** The machine's maker, as its firmware tells. */
const vendor = 'sys/class/dmi/id/sys_vendor'
/** The instance's id on Nitro, where it is to be had when the metadata is off. */
const asset = 'sys/class/dmi/id/board_asset_tag'

/** The instance metadata service, as far as two requests tell. */
export const metadata: Check = {
  reads: [vendor, asset],
  find: (evidence) => {
    const { metadata: probe, config, kernel, settings } = evidence
    const fault = probe && faultOf(probe, evidence)
    const severity = config.metadata.mode === 'required' ? 'error' : 'warning'
    return fault ? [{ severity, ...fault }] : kernel ? [...unlisted(kernel, settings), ...absent(kernel, settings)] : []
  },
}

/** Addresses that the VPC has not given to the ENI: it drops what they send. */
const unlisted = ({ all, assessment }: KernelState, settings: Evidence['settings']): Finding[] =>
  differences(all, assessment.desired, settings)
    .filter((difference) => difference.unlisted.length > 0)
    .map((difference) => ({
      severity: 'warning',
      id: 'address-not-of-the-vpc',
      what: `${difference.eni.link.name} has ${enumerate(difference.unlisted)}, which the VPC has not given to it: what is sent from there is dropped`,
      evidence: [`addresses of ${difference.eni.link.mac} as the instance metadata lists them`],
      cure: `${difference.unlisted.map((address) => removal(all, address, difference.eni.link)).join('; ')}, or: ${assignment(difference.unlisted, eniWord(difference.eni.link.mac, settings))}`,
    }))

/** The ENI's id as a word for a shell, which asks for it where its document has not come. */
const eniWord = (mac: string, { knowledge }: Evidence['settings']): string =>
  knowledge.enis.get(mac)?.id ??
  `$(aws ec2 describe-network-interfaces --filters Name=mac-address,Values=${mac} --query 'NetworkInterfaces[].NetworkInterfaceId' --output text)`

/** The same of the instance: its firmware has it, and cloud-init has written it down. */
function instanceWord(files: Evidence['files']): string {
  const tag = files.get(`/${asset}`)?.trim() ?? ''
  return /^i-[0-9a-f]+$/.test(tag) ? tag : '$(cat /var/lib/cloud/data/instance-id)'
}

/** What gives the addresses to the ENI. */
const assignment = (addresses: readonly string[], id: string): string =>
  families
    .map((family) => ({ family, own: addresses.filter((address) => familyOf(address) === family) }))
    .filter(({ own }) => own.length > 0)
    .map(({ family, own }) => {
      const [verb, option] =
        family === 4
          ? ['assign-private-ip-addresses', '--private-ip-addresses']
          : ['assign-ipv6-addresses', '--ipv6-addresses']
      return `aws ec2 ${verb} --network-interface-id ${id} ${option} ${own.join(' ')}`
    })
    .join('; ')

/** With its prefix length: ip(8) warns of a deletion without. */
function removal({ addresses }: KernelState['all'], address: string, { index, name }: Link): string {
  const length = addresses.find((own) => own.address === address && own.linkIndex === index)?.onLink.length ?? 0
  return `ip address del ${address}/${length} dev ${linkWord(name)}`
}

/** Addresses that the VPC has given to the ENI, and that nobody has configured: nothing answers there. Pods have their own. */
const absent = ({ all, assessment }: KernelState, settings: Evidence['settings']): Finding[] =>
  networkPlugin(all.links, all.rules)
    ? []
    : differences(all, assessment.desired, settings)
        // An ENI that is down or bare is told as a whole.
        .filter(({ eni, missing }) => missing.length > 0 && eni.link.up && hasAddress(all, eni.link.index))
        .map(({ eni, missing }) => ({
          severity: 'warning',
          id: 'address-not-configured',
          what: `${eni.link.name} lacks ${enumerate(missing)}, which the VPC has given to it: nothing answers there`,
          evidence: [`addresses of ${eni.link.mac} as the instance metadata lists them`],
          cure: `${missing.map((address) => `ip address add ${prefixKey(hostPrefix(address))} dev ${linkWord(eni.link.name)}`).join('; ')}, and the same where the interface is configured`,
        }))

const hasAddress = ({ addresses }: KernelState['all'], linkIndex: number): boolean =>
  addresses.some((address) => address.linkIndex === linkIndex && isRoutable(address))

/** Somewhere else than on EC2 nobody misses it, unless the configuration asks for it or it has answered before. */
const isExpected = ({ config, settings, kernel, files, drops }: Evidence): boolean =>
  config.metadata.mode === 'required' ||
  config.metadata.endpoint !== defaults.metadata.endpoint ||
  settings.knowledge.enis.size > 0 ||
  (drops ?? []).some(concernsMetadata) ||
  files.get(`/${vendor}`)?.trim() === 'Amazon EC2' ||
  kernel?.assessment.desired.enis.some(({ eni }) => eni.onEc2) === true

/** Errors by which this host itself keeps the packet back: a route or rule, the packet filter. */
const ownRefusals: readonly (number | string)[] = ['EACCES', 'EINVAL', 'EPERM']

const concernsMetadata = ({ addresses }: Drop): boolean => addresses.includes('169.254.169.254')

const answers = (status: number | string): boolean => typeof status === 'number' && status < 500

function faultOf(probe: MetadataProbe, all: Evidence): Omit<Finding, 'severity'> | undefined {
  const { endpoint, token, bare } = probe
  const modify = `aws ec2 modify-instance-metadata-options --instance-id ${instanceWord(all.files)}`
  const evidence = [`PUT ${endpoint}/latest/api/token: ${token}`, `GET ${endpoint}/latest/meta-data/: ${bare}`]
  if (token === 200 || token === 404) {
    return undefined
  }
  if (token === 403) {
    return {
      id: 'metadata-off',
      what: 'the instance metadata service refuses: it is switched off for this instance, or a firewall on the way answers in its place',
      evidence,
      cure: `${modify} --http-endpoint enabled, or set metadata.mode = "off"`,
    }
  }
  if (answers(bare) && token === 'timeout') {
    return {
      id: 'metadata-hop-limit',
      what: 'the instance metadata service answers, but its tokens do not arrive: the hop limit of the instance is too small for where this runs (a container, a namespace)',
      evidence,
      cure: `${modify} --http-put-response-hop-limit 2`,
    }
  }
  if (typeof token === 'number') {
    return {
      id: 'metadata-failing',
      what: `the instance metadata service answers with HTTP status ${token}: until it recovers, interfaces are routed by what the kernel shows`,
      evidence,
      cure: `wait, and ask again: curl -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' ${endpoint}/latest/api/token`,
    }
  }
  if (!isExpected(all) && !ownRefusals.includes(token)) {
    return undefined
  }
  const filters = (all.drops ?? []).filter(concernsMetadata)
  const host = new URL(endpoint).hostname
  const typed = endpoint !== defaults.metadata.endpoint ? ', or metadata.endpoint is mistyped' : ''
  return {
    id: 'metadata-unreachable',
    what: `the instance metadata service does not answer: interfaces are routed by what the kernel shows, and a bare one can't be configured`,
    evidence: [...evidence, ...filters.map(({ text }) => text)],
    cure:
      filters.length > 0
        ? filters.map(({ removal }) => removal).join('; ')
        : `ip route get ${host} and the packet filter tell where it ends${typed}; where there is no service, set metadata.mode = "off"`,
  }
}
