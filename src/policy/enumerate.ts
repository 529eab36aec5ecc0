/** `a, b, c and 14 more` */
export const enumerate = (words: readonly string[], most = 4): string =>
  words.length <= most ? words.join(', ') : `${words.slice(0, most - 1).join(', ')} and ${words.length - most + 1} more`
