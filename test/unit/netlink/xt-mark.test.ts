import { expect, test } from 'vitest'
import { bitsTouched } from '../../../src/netlink/xt-mark.ts'

/** Numbers of 32 bits, then bytes, padded as the kernel pads its structs. */
function struct(words: readonly number[], bytes: readonly number[] = []): Buffer {
  const buffer = Buffer.alloc(4 * words.length + (bytes.length > 0 ? 4 : 0))
  for (const [i, word] of words.entries()) buffer.writeUInt32LE(word, 4 * i)
  buffer.set(bytes, 4 * words.length)
  return buffer
}

const [set, save] = [0, 1]

/** xt_connmark_tginfo1 ends with the mode, xt_connmark_tginfo2 with a shift's direction and width before it. */
test.each([
  { name: 'sets bits', revision: 1, info: struct([0x10, 0x30, 0xffffffff], [set]), bits: 0x30 },
  { name: 'sets bits', revision: 2, info: struct([0x10, 0x30, 0xffffffff], [0, 0, set]), bits: 0x30 },
  { name: 'sets bits after a shift to the right', revision: 2, info: struct([1, 3, 0xffffffff], [1, 4, set]), bits: 3 },
  { name: 'saves bits of the packet mark', revision: 1, info: struct([0, 0xff, 0x4000000], [save]), bits: 0x40000ff },
  { name: 'saves bits of it', revision: 2, info: struct([0, 0xff, 0x4000000], [0, 0, save]), bits: 0x40000ff },
])('CONNMARK of revision $revision that $name touches $bits', ({ revision, info, bits }) => {
  expect(bitsTouched({ kind: 'target', name: 'CONNMARK', revision, info })).toBe(bits)
})

test("ebtables' mark target changes every bit", () => {
  expect(bitsTouched({ kind: 'target', name: 'mark', revision: 0, info: struct([1, 0]) })).toBe(0xffffffff)
})
