import type { Drop } from '../evidence.ts'

/** A listing of nftables says of every rule what it has counted, which tells nobody anything here. */
export const withoutCounter = (line: string): string => line.replace(/ ?\bcounter packets \d+ bytes \d+/, '')

/** From the listing of `nft list ruleset`: rules that end in drop or reject and are the first word on what they select. */
export function dropsOfNft(listing: string): Drop[] {
  const found: Drop[] = []
  let [table, chain, accepts] = ['', '', false]
  let hook: Drop['hook']
  for (const line of listing.split('\n').map((text) => withoutCounter(text.trim()))) {
    const [, kind, name = '', more = ''] = /^(table|chain) (\S+) ?(\S*)/.exec(line) ?? []
    if (kind === 'table') table = `${name} ${more}`
    if (kind === 'chain') [chain, hook, accepts] = [name, undefined, false]
    hook = hookOf(/^type filter hook (\w+) /.exec(line)?.[1]) ?? hook
    if (/ (drop|reject)\b[^"]*$/.test(` ${line}`) && !line.startsWith('type ')) {
      const text = `nft table ${table} chain ${chain}: ${line}`
      found.push({ text, addresses: addressesIn(line), ...(hook && !accepts ? wholeOfNft(line, hook) : {}) })
    }
    accepts ||= leavesAWay(line)
  }
  return found
}

/** From the listing of iptables-save. */
export function dropsOfIptables(listing: string): Drop[] {
  const open = new Set<string>()
  return listing.split('\n').flatMap((line): Drop[] => {
    const [, chain = '', rule = ''] = /^-A (\S+) (.*)$/.exec(line) ?? []
    const hook = hookOf(chain.toLowerCase())
    const whole = hook && !open.has(chain) ? wholeOfIptables(rule, hook) : {}
    if (/ -[jg] (?!DROP|REJECT|LOG)/.test(` ${rule}`) && !/^-i lo /.test(rule)) open.add(chain)
    return / -j (DROP|REJECT)\b/.test(` ${rule}`)
      ? [{ text: `iptables ${line}`, addresses: addressesIn(rule), ...whole }]
      : []
  })
}

/** What passes there before the routing of a packet that comes in counts as input. */
const hookOf = (name: string | undefined): Drop['hook'] =>
  name === 'output' ? 'output' : name === 'input' || name === 'prerouting' ? 'input' : undefined

/** Some packets of every interface pass on, so that the rest may be dropped with intent. */
const leavesAWay = (line: string): boolean =>
  /\b(accept|jump|goto|vmap)\b/.test(line) && !/^(type|chain|table) |iif(name)? "?lo"? /.test(line)

/** A rule that selects by one link, or by one of the host's addresses, and by nothing else. */
function wholeOfNft(line: string, hook: NonNullable<Drop['hook']>): Pick<Drop, 'hook' | 'link'> {
  const verdict = '(?:drop|reject(?: with .*)?)(?: comment ".*")?$'
  const link = new RegExp(`^${hook === 'input' ? 'iif' : 'oif'}(?:name)? "?([^\\s"]+)"? ${verdict}`).exec(line)?.[1]
  const address = new RegExp(`^ip6? ${hook === 'input' ? 'daddr' : 'saddr'} [^\\s!]+ ${verdict}`).test(line)
  return link !== undefined ? { hook, link } : address ? { hook } : {}
}

function wholeOfIptables(rule: string, hook: NonNullable<Drop['hook']>): Pick<Drop, 'hook' | 'link'> {
  const verdict = '(?:-m comment --comment .* )?-j (?:DROP|REJECT)\\b'
  const link = new RegExp(`^${hook === 'input' ? '-i' : '-o'} (\\S+) ${verdict}`).exec(rule)?.[1]
  const address = new RegExp(`^${hook === 'input' ? '-d' : '-s'} \\S+ ${verdict}`).test(rule)
  return link !== undefined ? { hook, link } : address ? { hook } : {}
}

/** IPv4 and IPv6 addresses of hosts; a prefix holds more than one. */
const addressesIn = (rule: string): string[] =>
  [
    ...rule.matchAll(/(?<=(?:^|\s)(?:daddr|saddr|-d|-s) (?:\{[^}]*)?)([0-9a-fA-F.:]{3,})(?:\/(32|128))?(?![\w/.:])/g),
  ].map(([, address = '']) => address)
