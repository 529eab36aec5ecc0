import { stripVTControlCharacters, styleText } from 'node:util'

type Style = (text: string) => string

/** May the stream be coloured? Only a terminal, and not where NO_COLOR (no-color.org) says otherwise. */
export const wantsColour = (stream: { readonly isTTY?: boolean }): boolean =>
  stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb'

/** Styles for text; without colour they change nothing. */
export function paint(colour: boolean): Record<'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan', Style> {
  const style =
    (name: Parameters<typeof styleText>[0]): Style =>
    (text) =>
      colour ? styleText(name, text, { validateStream: false }) : text
  return {
    bold: style('bold'),
    dim: style('dim'),
    red: style('red'),
    green: style('green'),
    yellow: style('yellow'),
    cyan: style('cyan'),
  }
}

/** Characters that fit on a line of the terminal; undefined where it is none: what goes to a file or a program is not folded. */
export function widthOf({
  isTTY,
  columns,
}: {
  readonly isTTY?: boolean
  readonly columns?: number
}): number | undefined {
  return isTTY ? Number(process.env.COLUMNS) || columns || 80 : undefined
}

/** Below this a line would hold a word at most. */
const narrowest = 40

/**
 * The words as lines of the width, further ones indented by so many blanks; of no width, as one line. A word that is longer
 * than a line is not cut: the terminal breaks it by itself, and what is copied from there is still one.
 */
export function fold(words: readonly string[], width: number | undefined, indent: number): string[] {
  const lines: string[] = []
  for (const word of words) {
    const line = lines.at(-1)
    const fits =
      line !== undefined && (width === undefined || visible(line) + 1 + visible(word) <= Math.max(width, narrowest))
    if (fits) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(line === undefined ? word : ' '.repeat(indent) + word)
  }
  return lines
}

/** A text of words, folded: its first line behind `front`, the further ones indented as far, or by so many blanks. */
export function foldText(text: string, width: number | undefined, front = '', indent = visible(front)): string[] {
  const [first, ...words] = text.split(' ')
  return fold([`${front}${first}`, ...words], width, indent)
}

/** Characters without colour codes. */
export const visible = (text: string): number => stripVTControlCharacters(text).length

/** Rows as aligned columns, two spaces apart; nothing trails. Widths count characters without colour codes. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const count = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, i) => Math.max(...rows.map((row) => visible(row[i] ?? ''))))
  return rows.map((row) =>
    row
      .map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - visible(cell)))
      .join('  ')
      .trimEnd(),
  )
}
