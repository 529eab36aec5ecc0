import { mailDate, type Origin } from './origin.ts'

const unreleased = 'Unreleased'

export interface Release {
  readonly version: string
  /** Markdown, as CHANGELOG.md has it. */
  readonly notes: string
}

/** The chapters of CHANGELOG.md, newest first: `## 1.2.3`, perhaps with a date behind it, or `## Unreleased`. */
export function releases(changelog: string): Release[] {
  return changelog
    .split(/^## /m)
    .slice(1)
    .map((chapter) => {
      const [title = '', ...lines] = chapter.split('\n')
      return { version: title.trim().split(' ')[0]!, notes: `${lines.join('\n').trim()}\n` }
    })
}

/** The notes of a version; before it has a chapter of its own, what is unreleased. @throws where there is neither */
export function releaseNotes(changelog: string, version: string): string {
  const all = releases(changelog)
  const found = all.find((release) => release.version === version) ?? all.find((one) => one.version === unreleased)
  if (!found) {
    throw new Error(`CHANGELOG.md has neither a chapter "## ${version}" nor "## ${unreleased}"`)
  }
  return found.notes
}

/** Debian's form (deb-changelog(5)) of a version's notes. */
export function debianChangelog(origin: Origin, notes: string, maintainer: string): string {
  const { name, version, release, epoch } = origin
  const body = bullets(notes).map((bullet) => `  * ${folded(bullet, 74).join('\n    ')}`)
  return `${name} (${version}-${release}) stable; urgency=medium\n\n${body.join('\n')}\n\n -- ${maintainer}  ${mailDate(epoch)}\n`
}

/** What RPM wants behind %changelog. A per cent sign would begin a macro. */
export function rpmChangelog(origin: Origin, notes: string, maintainer: string): string {
  const { version, release, epoch } = origin
  const [weekday, day, month, year] = mailDate(epoch).replace(',', '').split(' ')
  const body = bullets(notes).map((bullet) => `- ${folded(bullet, 76).join('\n  ').replaceAll('%', '%%')}`)
  return `* ${weekday} ${month} ${day} ${year} ${maintainer} - ${version}-${release}\n${body.join('\n')}\n`
}

/** The list entries of Markdown, each in one line. */
function bullets(notes: string): string[] {
  const list: string[] = []
  for (const line of notes.split('\n')) {
    if (line.startsWith('- ')) {
      list.push(line.slice(2))
    } else if (line.startsWith('  ')) {
      list.push(`${list.pop() ?? ''} ${line.trim()}`)
    }
  }
  return list.length > 0 ? list : ['New version.']
}

/** Lines of at most so many characters, broken at spaces. */
export const folded = (line: string, width: number): string[] =>
  line.match(new RegExp(`.{1,${width}}(?=\\s|$)|\\S+`, 'g'))?.map((part) => part.trim()) ?? []
