import { expect, test } from 'vitest'
import { ExitError } from '../../../src/exit.ts'
import { readWords } from '../../../src/explain/request.ts'

test.each(['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf'])(
  '%s is the name of a source, and no keyword',
  (word) => {
    expect(readWords([word, 'to', '10.0.0.1'], {})).toEqual({ source: word, to: '10.0.0.1' })
  },
)

test.each([
  { words: ['eth1', 'to'], says: '"to" needs a value after it' },
  { words: ['a', 'b', 'c'], says: '"c" is not understood' },
  { words: [], says: 'whose packets?' },
])('$words: $says', ({ words, says }) => {
  expect(() => readWords(words, {})).toThrow(ExitError)
  expect(() => readWords(words, {})).toThrow(says)
})
