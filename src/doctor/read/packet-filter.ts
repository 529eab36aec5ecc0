import { execFileSync } from 'node:child_process'
import type { Drop, Redirection } from '../evidence.ts'
import { dropsOfIptables, dropsOfNft, ruleText } from './drops.ts'

/** ms; a ruleset of 100,000 rules takes some seconds. */
const patience = 10_000
const environment = { PATH: '/usr/sbin:/sbin:/usr/bin:/bin', LC_ALL: 'C' }

export interface PacketFilter {
  readonly redirections: readonly Redirection[]
  readonly drops: readonly Drop[]
}

/**
 * Rules of the packet filter that redirect connections or drop packets: nftables, what iptables-nft put there, and
 * iptables-legacy. undefined where none of the tools may look.
 */
export const readPacketFilter = (): PacketFilter | undefined =>
  packetFilterOf(
    output('nft', ['--terse', '--handle', 'list', 'ruleset']),
    // Without a table's name they show what is loaded, and load nothing themselves.
    output('iptables-legacy-save', []),
    output('ip6tables-legacy-save', []),
  )

/** From the listings; undefined is one that could not be had. */
export function packetFilterOf(
  nft: string | undefined,
  legacy4: string | undefined,
  legacy6: string | undefined,
): PacketFilter | undefined {
  if ([nft, legacy4, legacy6].every((listing) => listing === undefined)) {
    return undefined
  }
  return {
    redirections: [
      ...redirectionsOfNft(nft ?? ''),
      ...redirectionsOfIptables(legacy4 ?? '', 4),
      ...redirectionsOfIptables(legacy6 ?? '', 6),
    ],
    drops: [...dropsOfNft(nft ?? ''), ...dropsOfIptables(legacy4 ?? '', 4), ...dropsOfIptables(legacy6 ?? '', 6)],
  }
}

/** What the tool prints; undefined where it is missing or refused. */
function output(tool: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(tool, args, {
      env: environment,
      encoding: 'utf8',
      timeout: patience,
      maxBuffer: 256 << 20,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  } catch {
    return undefined
  }
}

/** From the listing of `nft --handle list ruleset`, one rule a line. What only the host's own connections meet is left out. */
export function redirectionsOfNft(listing: string): Redirection[] {
  const found: Redirection[] = []
  let family: Redirection['family']
  let table = ''
  let chain = ''
  let outgoing = false
  for (const { text: line } of listing.split('\n').map(ruleText)) {
    const [, kind, name = '', more = ''] = /^(table|chain) (\S+) ?(\S*)/.exec(line) ?? []
    if (kind === 'table') table = `${name} ${more}`
    if (kind === 'table') family = name === 'ip' ? 4 : name === 'ip6' ? 6 : undefined
    if (kind === 'chain') [chain, outgoing] = [name, false]
    if (line.startsWith('type nat hook output ')) outgoing = true
    const target = /\bdnat (?:ip6? )?(?:to )?(?:addr )?\[?([0-9a-fA-F.:]+?)\]?(?::\d+(?:-\d+)?)?(?: |$)/.exec(line)?.[1]
    const redirects = /\bdnat\b|xt target "DNAT"/.test(line) && isElsewhere(target) && !kubernetesTarget.test(chain)
    if (!outgoing && (redirects || isNodePort(chain, line))) {
      const iif = /\biif(?:name)? "?([^\s"!={]+)"?/.exec(line)?.[1]
      const addresses = setOf(/\bip6? daddr (\{[^}]*\}|[^\s!]+)/.exec(line)?.[1])
      found.push({
        family,
        text: `nft table ${table} chain ${chain}: ${line}`,
        addresses,
        ...(iif ? { iif } : {}),
      })
    }
  }
  return found
}

/** From the listing of iptables-save, one rule a line. */
export const redirectionsOfIptables = (listing: string, family: 4 | 6): Redirection[] =>
  listing
    .split('\n')
    .map((line) => ({ line, chain: /^-A (\S+) /.exec(line)?.[1] ?? '' }))
    .filter(({ line, chain }) => {
      const target = /--to-destination \[?([0-9a-fA-F.:]+?)\]?(?::\d+)?(?:-\S+)?(?: |$)/.exec(line)?.[1]
      const redirects = / -j DNAT\b/.test(line) && isElsewhere(target) && !kubernetesTarget.test(chain)
      return chain !== 'OUTPUT' && (redirects || isNodePort(chain, line))
    })
    .map(({ line }) => {
      const destination = /(?<!! )-d (\S+)/.exec(line)?.[1]
      const iif = /(?<!! )-i (\S+)/.exec(line)?.[1]
      return {
        family,
        text: `${family === 4 ? 'iptables-legacy' : 'ip6tables-legacy'} -t nat ${line}`,
        addresses: setOf(destination),
        ...(iif ? { iif } : {}),
      }
    })

/** kube-proxy's last step, which says nothing of where a connection came to; what is published stands in KUBE-NODEPORTS. */
const kubernetesTarget = /^KUBE-SEP-/
const isNodePort = (chain: string, line: string): boolean =>
  chain === 'KUBE-NODEPORTS' && /\b(?:jump|-j) KUBE-(?:SVC|EXT|XLB)-/.test(line)

/** The host's own loopback, as of Docker's name server, is nowhere else. */
const isElsewhere = (target: string | undefined): boolean => target === undefined || !/^127\.|^::1$/.test(target)

/** `{ A, B }` or `A/32` as a list of addresses. */
const setOf = (text: string | undefined): string[] =>
  (text ?? '')
    .replace(/[{}]/g, '')
    .split(',')
    .map((address) => address.trim().replace(/\/(32|128)$/, ''))
    .filter((address) => address !== '')
