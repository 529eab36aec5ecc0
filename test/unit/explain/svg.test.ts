import { describe, expect, test } from 'vitest'
import { drawWays } from '../../../src/explain/svg.ts'
import { wrap } from '../../../src/explain/svg-shapes.ts'
import { wordsOf } from '../../../src/explain/words.ts'
import { accountFor, worldOf } from '../../../src/policy/explain/account.ts'
import { plainPacket } from '../../../src/policy/fib/packet.ts'
import { applyAll } from '../../support/fake-kernel-model.ts'
import { changesOf, settings, snapshot } from '../../support/snapshot.ts'

/** A picture of the way of a packet from eth1's address, after a pass. */
function pictureOf(more = '', destination = '8.8.8.8') {
  const before = snapshot(`
    link eth0 driver ena
    addr 172.31.15.216/20 dev eth0
    route local 172.31.15.216 dev eth0 table local
    route default via 172.31.0.1 dev eth0 metric 100
    link eth1 driver ena
    addr 172.31.0.218/20 dev eth1
    route local 172.31.0.218 dev eth1 table local
    route default via 172.31.0.1 dev eth1 metric 200
    ${more}`)
  const { snapshot: seen } = applyAll(before, changesOf(before))
  const world = worldOf({ ...seen, deadRouters: new Set(), forwardsIpv6: false }, settings())
  const packet = { ...plainPacket, family: 4, source: '172.31.0.218', destination } as const
  const account = accountFor(world, packet, { error: 'ENETUNREACH', message: '' })
  return drawWays([{ account, title: 'the <Internet>' }], world, wordsOf(world.fib))
}

const attribute = (tag: string, name: string): number => Number(new RegExp(` ${name}="(-?[\\d.]+)"`).exec(tag)?.[1])

describe('the picture', () => {
  test('shows the way in one colour, the way without us in another, and a kernel that disagrees loudly', () => {
    const svg = pictureOf()
    expect(svg.match(/class="way good"/g)).toHaveLength(1)
    expect(svg.match(/class="way bad dashed"/g)).toHaveLength(1)
    expect(svg).toContain('THE KERNEL SAYS OTHERWISE')
    expect(svg).toMatch(/<title id="title">172\.31\.0\.218 to 8\.8\.8\.8, tcp<\/title>/)
  })

  test('escapes what stands in names and texts', () => {
    const svg = pictureOf('link a<b&"c\nroute 8.8.8.0/24 dev a<b&"c')
    expect(svg).toContain('a&lt;b&amp;&quot;c')
    expect(svg.replace(/<(\/?[a-z]+)([^<>]*)>/g, '')).not.toMatch(/[<>]/)
  })

  test('lets no text leave its box, nor boxes overlap', () => {
    const rules = Array.from(
      { length: 30 },
      (_, i) =>
        `rule priority ${100 + i} from 172.31.0.0/16 to 9.${i}.0.0/16 fwmark 0x1234/0xffff iif eth0 oif eth1 ipproto 6 sport 1000-2000 dport 3000-4000 lookup 100 protocol 4`,
    )
    const svg = pictureOf(
      `${rules.join('\n')}\nrule priority 50 nop from 172.31.0.218 to 8.0.0.0/8 ipproto 6 sport 0-65535 dport 0-65535 uidrange 0-4294967294`,
    )
    const right = Math.max(
      ...[...svg.matchAll(/<rect [^>]*class="rule[^>]*>/g)].map(
        ([tag]) => attribute(tag, 'x') + attribute(tag, 'width'),
      ),
    )
    // 12 pixels of DejaVu Sans Mono are 7.23 wide; what begins left of the boxes' end is a rule's.
    const overflowing = [...svg.matchAll(/(<text [^>]*class="mono[^>]*>)([^<]*)</g)].filter(([, tag, line]) => {
      const x = attribute(tag as string, 'x')
      const end = x + 7.23 * (line as string).replace(/&\w+;/g, '.').length
      return end > (x < right ? right : attribute(svg, 'width'))
    })
    expect(overflowing).toEqual([])
    const boxes = [...svg.matchAll(/<rect [^>]*class="rule[^>]*>/g)].map(([tag]) => tag)
    const tops = boxes.map((tag) => attribute(tag, 'y'))
    const bottoms = boxes.map((tag) => attribute(tag, 'y') + attribute(tag, 'height'))
    expect(tops.slice(1).every((top, i) => top >= (bottoms[i] as number))).toBe(true)
    expect(Math.max(...bottoms)).toBeLessThan(attribute(svg, 'height'))
    expect(svg).toMatch(/>3\d rules, for other packets</)
  })
})

test.each([
  ['a b c', 3, ['a b', 'c']],
  ['abcdefgh i', 3, ['abc', 'def', 'gh', 'i']],
  ['', 5, ['']],
])('wrap(%j, %i)', (text, most, lines) => {
  expect(wrap(text, most)).toEqual(lines)
})
