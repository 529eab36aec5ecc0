import type { Assessment } from '../assess.ts'
import { differences } from '../policy/differences.ts'
import { type EniFacts, type Knowledge, numbersOf } from '../policy/knowledge.ts'
import type { Settings } from '../policy/settings.ts'
import { formatPrefix } from '../state/prefix.ts'

/** What the metadata tells of an ENI, and what the kernel has differently, for `status --json`. */
export function metadataJson({ snapshot, desired }: Assessment, settings: Settings, mac: string) {
  const { knowledge } = settings
  const facts = knowledge.enis.get(mac)
  if (!facts) {
    return {}
  }
  const differing = differences(snapshot, desired, settings).find(({ eni }) => eni.link.mac === mac)
  return {
    eni: {
      ...(facts.id ? { id: facts.id } : {}),
      ...numbersOf(knowledge, mac),
      primary: mac === knowledge.primaryMac,
      subnets: facts.subnets.map(formatPrefix),
      vpc: facts.vpc.map(formatPrefix),
      delegated: facts.delegated.map(formatPrefix),
      addresses: listed(facts),
      differs: { missing: differing?.missing ?? [], unlisted: differing?.unlisted ?? [] },
    },
  }
}

const listed = ({ addresses }: EniFacts): readonly string[] => [
  ...(addresses[4]?.latest ?? []),
  ...(addresses[6]?.latest ?? []),
]

/** How much the metadata has told, in some words. */
export function metadataText({ expected, enis }: Knowledge): string {
  if (!expected) {
    return 'off'
  }
  return enis.size === 0
    ? 'nothing known: no answer, or no document of an ENI so far'
    : `${enis.size} ${enis.size === 1 ? 'ENI' : 'ENIs'} known`
}

export const metadataHeader = ['INTERFACE', 'ENI ID', 'CARD', 'DEVICE', 'SUBNET', 'DELEGATED', 'DIFFERS']

/** A row for each ENI that the metadata knows, under `metadataHeader`. */
export function metadataRows({ snapshot, desired }: Assessment, settings: Settings): string[][] {
  const { knowledge } = settings
  const differing = differences(snapshot, desired, settings)
  return desired.enis.flatMap(({ eni: { link } }) => {
    const facts = knowledge.enis.get(link.mac)
    if (!facts) {
      return []
    }
    const numbers = numbersOf(knowledge, link.mac)
    const { missing = [], unlisted = [] } = differing.find(({ eni }) => eni.link === link) ?? {}
    const differs = [
      ...missing.map((address) => `lacks ${address}`),
      ...unlisted.map((address) => `unlisted ${address}`),
    ]
    return [
      [
        link.name,
        facts.id ?? '-',
        String(numbers?.card ?? '-'),
        String(numbers?.device ?? '-'),
        facts.subnets.map(formatPrefix).join(' ') || '-',
        facts.delegated.map(formatPrefix).join(' ') || '-',
        differs.join(', ') || '-',
      ],
    ]
  })
}
