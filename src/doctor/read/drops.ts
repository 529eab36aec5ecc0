import type { Drop } from '../evidence.ts'

/** A line of a listing of nftables without what the rule has counted, which tells nobody anything here; and its handle. */
export function ruleText(line: string): { readonly text: string; readonly handle: string } {
  const [, text = '', handle = ''] = /^\s*(.*?)(?: # handle (\d+))?$/.exec(line) ?? []
  return { text: text.replace(/ ?\bcounter packets \d+ bytes \d+/, ''), handle }
}

/** From the listing of `nft --handle list ruleset`: rules that end in drop or reject; which of them are the first word. */
export function dropsOfNft(listing: string): Drop[] {
  const found: Drop[] = []
  let [table, chain, accepts] = ['', '', false]
  let hook: Drop['hook']
  for (const { text: line, handle } of listing.split('\n').map(ruleText)) {
    const [, kind, name = '', more = ''] = /^(table|chain) (\S+) ?(\S*)/.exec(line) ?? []
    if (kind === 'table') table = `${name} ${more}`
    if (kind === 'chain') [chain, hook, accepts] = [name, undefined, false]
    hook = hookOf(/^type filter hook (\w+) /.exec(line)?.[1]) ?? hook
    // What has no handle is no rule: the policy of a chain, an element of a map.
    if (handle !== '' && / (drop|reject)\b[^"]*$/.test(` ${line.replace(/ comment ".*"$/, '')}`)) {
      found.push({
        text: `nft table ${table} chain ${chain}: ${line}`,
        removal: `nft delete rule ${table} ${chain} handle ${handle}`,
        addresses: addressesIn(line),
        ...(hook && !accepts ? wholeOfNft(line, hook) : {}),
      })
    }
    accepts ||= leavesAWay(line)
  }
  return found
}

/** From the listing of iptables-legacy-save, or ip6tables-legacy-save. */
export function dropsOfIptables(listing: string, family: 4 | 6): Drop[] {
  const tool = family === 4 ? 'iptables-legacy' : 'ip6tables-legacy'
  let table = ''
  const open = new Set<string>()
  return listing.split('\n').flatMap((line): Drop[] => {
    table = /^\*(\S+)/.exec(line)?.[1] ?? table
    const [, chain = '', rule = ''] = /^-A (\S+) (.*)$/.exec(line) ?? []
    const hook = hookOf(chain.toLowerCase())
    const whole = hook && !open.has(chain) ? wholeOfIptables(rule, hook) : {}
    if (/ -[jg] (?!DROP|REJECT|LOG)/.test(` ${rule}`) && !/^-i lo /.test(rule)) open.add(chain)
    return / -j (DROP|REJECT)\b/.test(` ${rule}`)
      ? [
          {
            text: `${tool} -t ${table} ${line}`,
            removal: `${tool} -t ${table} -D ${chain} ${rule}`,
            addresses: addressesIn(rule),
            ...whole,
          },
        ]
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
