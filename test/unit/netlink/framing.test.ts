import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NetlinkError } from '../../../src/netlink/errors.ts'
import { eachMessage, frameBytes, type Request, writeFrame } from '../../../src/netlink/framing.ts'

const request: fc.Arbitrary<Request> = fc.record({
  type: fc.integer({ min: 16, max: 200 }),
  flags: fc.integer({ min: 0, max: 0xfff }),
  payload: fc.uint8Array({ maxLength: 40 }),
})

test('requests of any length are found again in one datagram', () => {
  fc.assert(
    fc.property(fc.array(request, { maxLength: 5 }), (requests) => {
      const datagram = Buffer.alloc(
        requests.reduce((sum, each) => sum + frameBytes(each), 0),
        0xff,
      )
      requests.reduce((at, each, i) => writeFrame(datagram, at, each, i + 1), 0)
      const found: unknown[] = []
      const whole = eachMessage(datagram, ({ payload, ...message }) =>
        found.push({ ...message, payload: [...payload] }),
      )
      expect(whole).toBe(true)
      expect(found).toEqual(
        requests.map(({ type, flags, payload }, i) => ({
          ...{ type, flags: flags | 1, sequence: i + 1, portId: 0, payload: [...payload] },
        })),
      )
    }),
  )
})

test.each([
  { name: 'ends inside a header', bytes: '10000000' },
  { name: 'ends inside a message', bytes: '20000000 1000 0000 01000000 00000000' },
  { name: 'has a length below the header', bytes: '08000000 1000 0000 01000000 00000000' },
  { name: 'has a length of all ones', bytes: 'ffffffff 1000 0000 01000000 00000000' },
])('a datagram that $name is not whole', ({ bytes }) => {
  expect(eachMessage(Buffer.from(bytes.replaceAll(' ', ''), 'hex'), () => {})).toBe(false)
})

test.each([
  [3, 'ESRCH'],
  [11, 'EAGAIN'],
  [95, 'EOPNOTSUPP'],
  [97, 'EAFNOSUPPORT'],
  [101, 'ENETUNREACH'],
  [524, 'errno 524'],
])('errno %i is %s', (errno, code) => expect(new NetlinkError({ operation: 'x', errno }).code).toBe(code))
