import { expect, test } from 'vitest'
import { lineOf } from '../../../src/config/line.ts'

const text = `# [routing] of a comment is none
[interfaces]
include = [
  "eth*",
]
 "exclude" = []

[ routing ]
# protocol = 1
table-base = 5
  protocol=7
log.level = "info"
[deep.er]
x = { y = 1 }
`

test.each([
  { name: 'a key of a table', path: ['interfaces', 'include'], line: 3 },
  { name: 'an element of a list is where its list begins', path: ['interfaces', 'include', '0'], line: 3 },
  { name: 'a quoted key', path: ['interfaces', 'exclude'], line: 6 },
  { name: 'a key under a header with spaces', path: ['routing', 'protocol'], line: 11 },
  { name: 'a dotted key', path: ['routing', 'log', 'level'], line: 12 },
  { name: 'a key that is not set is where its table begins', path: ['routing', 'link-group'], line: 8 },
  { name: 'a table itself', path: ['routing'], line: 8 },
  { name: 'a key of a nested table', path: ['deep', 'er', 'x'], line: 14 },
  { name: 'a key of an inline table is where that is', path: ['deep', 'er', 'x', 'y'], line: 14 },
  { name: 'a table that is not there is nowhere', path: ['metadata', 'mode'], line: undefined },
])('$name: line $line', ({ path, line }) => {
  expect(lineOf(text, path)).toBe(line)
})
