import { defaults } from '../../config/defaults.ts'
import { differences } from '../../policy/differences.ts'
import { enumerate } from '../../policy/enumerate.ts'
import { linkWord } from '../../state/link.ts'
import type { Check, Evidence, KernelState, MetadataProbe } from '../evidence.ts'
import type { Finding } from '../finding.ts'

/** The machine's maker, as its firmware tells. */
const vendor = 'sys/class/dmi/id/sys_vendor'

/** The instance metadata service, as far as two requests tell. */
export const metadata: Check = {
  reads: [vendor],
  find: (evidence) => {
    const { metadata: probe, config, kernel, settings } = evidence
    const fault = probe && faultOf(probe, isExpected(evidence))
    const severity = config.metadata.mode === 'required' ? 'error' : 'warning'
    return fault ? [{ severity, ...fault }] : kernel ? unlisted(kernel, settings) : []
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
      cure: `ip address del ${difference.unlisted[0]} dev ${linkWord(difference.eni.link.name)}, or give it to the ENI: aws ec2 assign-private-ip-addresses`,
    }))

/** Somewhere else than on EC2 nobody misses it, unless the configuration asks for it or it has answered before. */
const isExpected = ({ config, settings, kernel, files }: Evidence): boolean =>
  config.metadata.mode === 'required' ||
  config.metadata.endpoint !== defaults.metadata.endpoint ||
  settings.knowledge.enis.size > 0 ||
  files.get(`/${vendor}`)?.trim() === 'Amazon EC2' ||
  kernel?.assessment.desired.enis.some(({ eni }) => eni.onEc2) === true

/** Errors by which this host itself keeps the packet back: a route or rule, the packet filter. */
const ownRefusals: readonly (number | string)[] = ['EACCES', 'EINVAL', 'EPERM']

const answers = (status: number | string): boolean => typeof status === 'number' && status < 500

function faultOf(probe: MetadataProbe, expected: boolean): Omit<Finding, 'severity'> | undefined {
  const { endpoint, token, bare } = probe
  const evidence = [`PUT ${endpoint}/latest/api/token: ${token}`, `GET ${endpoint}/latest/meta-data/: ${bare}`]
  if (token === 200 || token === 404) {
    return undefined
  }
  if (token === 403) {
    return {
      id: 'metadata-off',
      what: 'the instance metadata service refuses: it is switched off for this instance, or a firewall on the way answers in its place',
      evidence,
      cure: 'aws ec2 modify-instance-metadata-options --instance-id ID --http-endpoint enabled, or set metadata.mode = "off"',
    }
  }
  if (answers(bare) && token === 'timeout') {
    return {
      id: 'metadata-hop-limit',
      what: 'the instance metadata service answers, but its tokens do not arrive: the hop limit of the instance is too small for where this runs (a container, a namespace)',
      evidence,
      cure: 'aws ec2 modify-instance-metadata-options --instance-id ID --http-put-response-hop-limit 2',
    }
  }
  if (!expected && !ownRefusals.includes(token)) {
    return undefined
  }
  return {
    id: 'metadata-unreachable',
    what: `the instance metadata service does not answer: interfaces are routed by what the kernel shows, and a bare one can't be configured`,
    evidence,
    cure: `ip route get 169.254.169.254 and the packet filter tell where it ends; where there is no service, set metadata.mode = "off"`,
  }
}
