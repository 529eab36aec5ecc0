import { hex, type MarkTable } from '../state/marking.ts'

/** The marks of one ENI, both inside the mask. */
export interface EniMarks {
  readonly link: string
  /** Of its connections, and of their replies. */
  readonly reply: number
  /** Of packets that came in by it and were redirected. */
  readonly arrival: number
  /** It carries packets of other hosts: those are noted only where they were redirected. */
  readonly transit: boolean
}

/**
 * The table that ties a forwarded connection to the ENI it came in on. `forward` notes the ENI in the connection's mark;
 * `prerouting` copies it to replies, whichever link they come from, before they are routed. Redirected IPv4 packets are
 * marked as they come in too: strict rp_filter asks for the way back from the address that they were redirected to, which
 * no rule by source knows. That comes after DNAT (-100), so what stays on the host is not touched at all. Nor is what is
 * forwarded without DNAT from one of all ENIs (`enis`) to another, or by an ENI that carries packets of other hosts: an
 * appliance's transit, which main routes both ways. What a container opens to the client because of such a connection
 * (active FTP) has its mark from the start, by conntrack, and its source will be the address that the client spoke to.
 */
export function markTable(marks: readonly EniMarks[], enis: readonly string[], mask: number): MarkTable {
  const kept = hex(~mask)
  const set = (what: 'ct' | 'meta', mark: number) => `${what} mark set ${what} mark & ${kept} | ${hex(mark)}`
  const byLink = (chain: string, which = marks) =>
    `iif vmap ${mapping(which.map((mark) => [`"${mark.link}"`, `${chain}-${marks.indexOf(mark)}`]))}`
  const byMark = `ct mark & ${hex(mask)} vmap ${mapping(marks.map(({ reply }, i) => [hex(reply), `reply-${i}`]))}`
  const unredirected = marks.filter(({ transit }) => !transit)
  const note = [
    `ct direction original ct status dnat ${byLink('note')}; `,
    ...(unredirected.length === 0
      ? []
      : [`ct direction original oif != ${links(enis)} ${byLink('note', unredirected)}; `]),
  ]
  const related = `ct direction original ct status expected iif != ${links(enis)} ${byMark}`
  return {
    chains: [
      ...marks.flatMap(({ reply, arrival }, i) => [
        `chain arrival-${i} { ${set('meta', arrival)}; }`,
        `chain reply-${i} { ${set('meta', reply)}; }`,
        `chain note-${i} { ct mark & ${hex(mask)} != ${hex(reply)} ${set('ct', reply)}; }`,
      ]),
      `chain prerouting { type filter hook prerouting priority -90; policy accept; ct direction reply ${byMark}; ${related}; ct direction original ct status dnat meta nfproto ipv4 ${byLink('arrival')}; }`,
      `chain forward { type filter hook forward priority -150; policy accept; ${note.join('')}}`,
    ],
  }
}

/** nft takes a set of one for a plain value. */
const links = (names: readonly string[]): string => {
  const sorted = names.map((name) => `"${name}"`).sort()
  return sorted.length === 1 ? String(sorted[0]) : `{ ${sorted.join(', ')} }`
}

/** Sorted: the kernel gives the elements back in an order of its own. */
const mapping = (entries: readonly (readonly [string, string])[]): string =>
  `{ ${entries
    .map(([key, chain]) => `${key} : goto ${chain}`)
    .sort()
    .join(', ')} }`
