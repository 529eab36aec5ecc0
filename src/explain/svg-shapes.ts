/** A part of a picture, and where it ends. */
export interface Picture {
  readonly body: string
  readonly bottom: number
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}
const quote = (value: string): string => value.replace(/[&<>"']/g, (character) => entities[character] ?? '')

export const text = (x: number, y: number, value: string, style: string): string =>
  `<text x="${x}" y="${y}" class="${style}">${quote(value)}</text>`

export const box = (x: number, y: number, width: number, height: number, style: string, title: string): string =>
  `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="8" class="${style}"><title>${quote(title.trim())}</title></rect>`

export const path = (d: string, style: string, arrow?: string): string =>
  `<path d="${d}" class="${style}"${arrow ? ` marker-end="url(#${arrow})"` : ''}/>`

/** Lines of at most `most` characters, broken at blanks; a longer word is broken anywhere. */
export function wrap(value: string, most: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of value.split(' ').flatMap((long) => long.match(new RegExp(`.{1,${most}}`, 'gu')) ?? [''])) {
    if (line !== '' && line.length + 1 + word.length > most) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}

/** The whole document. Colours follow the reader's scheme, light or dark. */
export const document = (width: number, height: number, title: string, description: string, body: string): string => `\
<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title description">
<title id="title">${quote(title)}</title>
<desc id="description">${quote(description)}</desc>
<style>${style}</style>
<defs>
${['good', 'bad'].map((name) => `<marker id="${name}" viewBox="0 0 10 10" refX="5" refY="5" markerWidth="10" markerHeight="10" markerUnits="userSpaceOnUse" orient="auto"><path d="M 0 0 L 10 5 L 0 10 z" class="${name}-fill"/></marker>`).join('\n')}
</defs>
<rect width="100%" height="100%" class="page"/>
${body}
</svg>
`

const style = `
text { font: 13px system-ui, "DejaVu Sans", sans-serif; fill: #1f2430; }
.mono { font: 12px ui-monospace, "DejaVu Sans Mono", monospace; }
.head { font-weight: 600; font-size: 15px; }
.label { font-weight: 600; }
.dim, .missed-text { fill: #667085; }
.end { text-anchor: end; }
.good-text, .taken-text { fill: #067647; }
.bad-text, .refused-text, .bare-text { fill: #b42318; }
.page { fill: #ffffff; }
.rule, .card { fill: #f5f7fa; stroke: #ccd3de; stroke-width: 1; }
.missed { fill: #ffffff; stroke-dasharray: 3 3; }
.taken { fill: #e7f6ee; stroke: #067647; stroke-width: 2; }
.refused { fill: #fdeceb; stroke: #b42318; stroke-width: 2; }
.bare { fill: #fdeceb; stroke: #b42318; stroke-dasharray: 6 4; }
.flow { stroke: #98a2b3; stroke-width: 1.5; fill: none; }
.way { stroke-width: 2.5; fill: none; stroke-linejoin: round; }
.way.good { stroke: #067647; }
.way.bad { stroke: #b42318; }
.way.dashed { stroke-dasharray: 6 4; }
.good-fill { fill: #067647; }
.bad-fill { fill: #b42318; }
@media (prefers-color-scheme: dark) {
text { fill: #e6e9ef; }
.dim, .missed-text { fill: #98a2b3; }
.good-text, .taken-text { fill: #5fd39a; }
.bad-text, .refused-text, .bare-text { fill: #ff8f85; }
.page { fill: #14171d; }
.rule, .card { fill: #1e232c; stroke: #3a4352; }
.missed { fill: #14171d; }
.taken { fill: #12301f; stroke: #5fd39a; }
.refused, .bare { fill: #391a18; stroke: #ff8f85; }
.flow { stroke: #667085; }
.way.good { stroke: #5fd39a; }
.way.bad { stroke: #ff8f85; }
.good-fill { fill: #5fd39a; }
.bad-fill { fill: #ff8f85; }
}
`
