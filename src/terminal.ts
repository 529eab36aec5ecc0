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

/** Rows as aligned columns, two spaces apart; nothing trails. Widths count characters without colour codes. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const visible = (text: string) => stripVTControlCharacters(text).length
  const count = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, i) => Math.max(...rows.map((row) => visible(row[i] ?? ''))))
  return rows.map((row) =>
    row
      .map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - visible(cell)))
      .join('  ')
      .trimEnd(),
  )
}
