import type { Picture } from '../fib/picture.ts'
import { isOurRoute, isOurRule, mayHaveGrouped, ourGroups } from '../ownership.ts'
import type { Settings } from '../settings.ts'

/** The picture as it would be after `cleanup`: our rules, routes and link groups taken away. */
export function withoutUs(picture: Picture, settings: Settings): Picture {
  const groups = ourGroups(settings)
  return {
    ...picture,
    links: picture.links.map((link) =>
      groups.has(link.group) && mayHaveGrouped(settings, link) ? { ...link, group: 0 } : link,
    ),
    rules: picture.rules.filter((rule) => !isOurRule(settings, rule)),
    routes: picture.routes.filter((route) => !isOurRoute(settings, route)),
  }
}
