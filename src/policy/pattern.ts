import type { Link } from '../state/link.ts'

/**
 * How a pattern of `include` or `exclude` meets a link: `exact` by its whole name or MAC, `class` by a driver or a glob
 * with a literal start (`eth*`), `wild` by a glob that may start with anything; undefined where it does not.
 */
export type Match = 'exact' | 'class' | 'wild' | undefined

/**
 * A pattern is a link name, a glob over names (`*`, `?`), `mac:ADDRESS`, `driver:NAME`, or an ENI id (`eni-…`), which is
 * one more name of the link where it is known.
 */
export function matchLink(pattern: string, link: Link, eniId?: string): Match {
  if (pattern.startsWith('mac:')) {
    return pattern.slice(4).toLowerCase() === link.mac && link.mac !== '' ? 'exact' : undefined
  }
  if (pattern.startsWith('driver:')) {
    return pattern.slice(7) === (link.kind ?? link.driver) ? 'class' : undefined
  }
  const names = [link.name, ...link.altnames, ...(eniId ? [eniId] : [])]
  if (!/[*?]/.test(pattern)) {
    return names.includes(pattern) ? 'exact' : undefined
  }
  if (!names.some((name) => globMatches(pattern, name))) {
    return undefined
  }
  return /^[*?]/.test(pattern) ? 'wild' : 'class'
}

/** The closest of several patterns. */
export function bestMatch(patterns: readonly string[], link: Link, eniId?: string): Match {
  const matches = patterns.map((pattern) => matchLink(pattern, link, eniId))
  return (['exact', 'class', 'wild'] as const).find((kind) => matches.includes(kind))
}

export function globMatches(glob: string, name: string): boolean {
  // Two indexes and one point of return: linear in practice, and no pattern can make it explode as a regex might.
  let at = 0
  let star = -1
  let resume = 0
  for (let i = 0; i < name.length; ) {
    if (at < glob.length && glob[at] !== '*' && (glob[at] === '?' || glob[at] === name[i])) {
      at++
      i++
    } else if (glob[at] === '*') {
      star = at++
      resume = i
    } else if (star >= 0) {
      at = star + 1
      i = ++resume
    } else {
      return false
    }
  }
  return /^\**$/.test(glob.slice(at))
}
