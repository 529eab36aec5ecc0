import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NLM_F, NLMSG, RTM } from '../../../src/netlink/constants.ts'
import { NetlinkError } from '../../../src/netlink/errors.ts'
import type { Message } from '../../../src/netlink/framing.ts'
import { setLinkGroup } from '../../../src/netlink/link.ts'
import { Payload } from '../../../src/netlink/payload.ts'
import { RequestSocket } from '../../../src/netlink/request.ts'
import { addRoute } from '../../../src/netlink/route-request.ts'
import { addRule, encodeRule } from '../../../src/netlink/rule-request.ts'
import type { Route } from '../../../src/state/route.ts'
import type { Rule } from '../../../src/state/rule.ts'
import { type Answer, ack, done, FakeTransport, message } from '../../support/netlink.ts'

const rule = (priority: number): Rule => ({ family: 4, priority, action: 'lookup', table: 20000, protocol: 213 })
const route = (octet: number): Route => ({
  ...{
    family: 4,
    table: 254,
    type: 'unicast',
    destination: { address: `10.${octet}.0.0`, length: 16 },
    tos: 0,
    metric: 0,
  },
  ...{ protocol: 4, scope: 253, nexthops: [{ oif: 3, onlink: false, weight: 1 }], metrics: {} },
})
const requests = (count: number) => Array.from({ length: count }, (_, i) => addRule(rule(i)))
const enobufs = new NetlinkError({ operation: 'receive', errno: 105 })

const open = (answer: (request: readonly Message[]) => readonly Answer[], options = {}) => {
  const transport = new FakeTransport(answer, options)
  return { transport, socket: new RequestSocket(transport, { timeout: 20 }) }
}

/** What a kernel answers that refuses some, by their places, and acknowledges what wants to be. */
const answers = (sent: readonly Message[], refused: Readonly<Record<number, number>> = {}): Buffer[] =>
  sent.flatMap(({ sequence, flags }, i) =>
    refused[i] !== undefined || (flags & NLM_F.ACK) !== 0 ? [ack(sequence, refused[i])] : [],
  )

const codes = (outcomes: readonly (NetlinkError | undefined)[]) => outcomes.map((error) => error?.code)

describe('batch', () => {
  test('every refusal is matched by its number', () => {
    const { socket } = open((sent) => answers(sent, { 0: 13, 2: 17 }))
    expect(codes(socket.batch(requests(4)))).toEqual(['EACCES', undefined, 'EEXIST', undefined])
  })

  test('the last request alone is to be acknowledged, and may be refused too', () => {
    const { socket, transport } = open((sent) => answers(sent, { 2: 17 }))
    expect(codes(socket.batch(requests(3)))).toEqual([undefined, undefined, 'EEXIST'])
    expect(transport.sent.flat().map(({ flags }) => flags & NLM_F.ACK)).toEqual([0, 0, NLM_F.ACK])
  })

  test('the answers of the next batch are its own', () => {
    const { socket } = open((sent) => answers(sent, sent.length === 3 ? { 1: 17 } : { 0: 3 }))
    expect(codes(socket.batch(requests(3)))).toEqual([undefined, 'EEXIST', undefined])
    expect(codes(socket.batch(requests(2)))).toEqual(['ESRCH', undefined])
  })

  test('an empty batch sends nothing', () => {
    const { socket, transport } = open(() => [])
    expect([socket.batch([]), transport.sent]).toEqual([[], []])
  })

  test.each([
    { name: 'answers were dropped', loss: () => enobufs },
    { name: 'an answer was cut off', loss: (sequence: number) => ({ bytes: ack(sequence, 17), truncated: true }) },
    { name: 'an answer makes no sense', loss: (sequence: number) => ack(sequence, 17).subarray(0, 30) },
  ])('$name: what has no answer has an unknown outcome, the others count', ({ loss }) => {
    const { socket } = open(([first, second, , fourth]) => [
      ack(first!.sequence, 17),
      loss(second!.sequence),
      ack(fourth!.sequence),
    ])
    const outcomes = socket.batch(requests(4))
    expect(codes(outcomes).filter((_, i) => i !== 1)).toEqual(['EEXIST', 'ENOBUFS', undefined])
    expect(outcomes[2]?.message).toBe('RTM_NEWRULE: ENOBUFS: outcome unknown: answers of the kernel are missing')
  })

  test('where the last answer was dropped too, nothing is waited for', () => {
    const { socket } = open(([first]) => [ack(first!.sequence, 17), enobufs])
    expect(codes(socket.batch(requests(3)))).toEqual(['EEXIST', 'ENOBUFS', 'ENOBUFS'])
  })

  test('no answer is a time-out, and the rest is not tried', () => {
    const { socket, transport } = open(() => [], { receiveQueueBytes: 4096 })
    expect(codes(socket.batch(requests(5)))).toEqual(Array(5).fill('ETIMEDOUT'))
    expect(transport.sent.map((messages) => messages.length)).toEqual([2])
  })

  test('no more is sent at once than the acknowledgements have room for', () => {
    const { socket, transport } = open((sent) => answers(sent), {
      receiveQueueBytes: 212_992,
    })
    expect(codes(socket.batch(requests(250)))).toEqual(Array(250).fill(undefined))
    expect(transport.sent.map((messages) => messages.length)).toEqual([104, 104, 42])
  })

  test('no more is sent at once than a send buffer has room for', () => {
    const { socket, transport } = open((sent) => answers(sent))
    const large = { type: RTM.NEWRULE, flags: 0, payload: Buffer.alloc(30_000) }
    expect(codes(socket.batch(Array(5).fill(large)))).toEqual(Array(5).fill(undefined))
    expect(transport.sent.map((messages) => messages.length)).toEqual([2, 2, 1])
  })

  test('the acknowledgements of another program are ignored', () => {
    const { socket } = open(([first]) => [
      { bytes: ack(first!.sequence, 1), senderPort: 99 },
      ack(first!.sequence - 1, 1),
      ack(first!.sequence, 3),
    ])
    expect(codes(socket.batch([setLinkGroup(1, 2)]))).toEqual(['ESRCH'])
  })

  test("the kernel's own words are kept", () => {
    const words = new Payload(0).text(1, 'Invalid prefix').u32(2, 36).finish()
    const refusal = (sequence: number) => {
      const header = Buffer.alloc(20)
      header.writeInt32LE(-22)
      return message(NLMSG.ERROR, sequence, Buffer.concat([header, words]), 0x300)
    }
    const { socket } = open(([first]) => [refusal(first!.sequence)])
    const [error] = socket.batch(requests(1))
    expect(error).toMatchObject({ code: 'EINVAL', errno: 22, kernelText: 'Invalid prefix', offset: 36, sequence: 1 })
    expect(error?.message).toBe('RTM_NEWRULE: EINVAL: Invalid prefix')
  })
})

describe('dump', () => {
  const newRule = (sequence: number, priority: number, flags = 0) =>
    message(RTM.NEWRULE, sequence, encodeRule(rule(priority)), flags)

  /** A dump of two rules in two datagrams, with something done to the answer of the nth attempt. */
  const dumping = (spoil: (attempt: number, answer: Buffer[], sequence: number) => readonly Answer[]) => {
    let attempt = 0
    return open(([request]) => {
      const { sequence } = request as Message
      const parts = [newRule(sequence, 1), Buffer.concat([newRule(sequence, 2), done(sequence)])]
      return spoil(++attempt, parts, sequence)
    })
  }
  const priorities = (socket: RequestSocket) => socket.rules(4).items.map(({ priority }) => priority)

  test('the parts are put together', () => {
    const { socket } = dumping((_, parts) => parts)
    expect(socket.rules(4)).toEqual({ items: [rule(1), rule(2)], interrupted: false, datagrams: 2 })
  })

  test.each<{ name: string; spoil: (parts: Buffer[], sequence: number) => readonly Answer[] }>([
    { name: 'the kernel says that it was interrupted', spoil: ([part], seq) => [part!, done(seq, 0, 0x10)] },
    { name: 'the kernel says that it overran', spoil: (parts, seq) => [message(NLMSG.OVERRUN, seq), ...parts] },
    { name: 'a part is cut short', spoil: ([a, b]) => [a!.subarray(0, 40), b!] },
    { name: 'a part was longer than the buffer', spoil: ([a, b]) => [{ bytes: a!, truncated: true }, b!] },
    { name: 'a part is lost', spoil: ([a]) => [a!, enobufs] },
  ])('is tried again where $name', ({ spoil }) => {
    const { socket, transport } = dumping((attempt, parts, seq) => (attempt === 1 ? spoil(parts, seq) : parts))
    expect(socket.rules(4)).toMatchObject({ items: [rule(1), rule(2)], interrupted: false })
    expect(transport.sent).toHaveLength(2)
  })

  test('is given back as it is after some attempts, and says so', () => {
    const { socket, transport } = dumping((_, [part], sequence) => [part!, done(sequence, 0, 0x10)])
    expect(socket.rules(4)).toMatchObject({ items: [rule(1)], interrupted: true })
    expect(transport.sent).toHaveLength(4)
  })

  test('late answers to a request that was given up are not its answers', () => {
    const { socket } = dumping((_, parts, sequence) => [newRule(sequence - 1, 9), done(sequence - 1), ...parts])
    expect(priorities(socket)).toEqual([1, 2])
  })

  test('what other programs send is not an answer', () => {
    const { socket } = dumping((_, parts, sequence) => [{ bytes: newRule(sequence, 9), senderPort: 77 }, ...parts])
    expect(priorities(socket)).toEqual([1, 2])
  })

  test('what a request that timed out left behind is read away before the next is sent', () => {
    const waiting: number[] = []
    const { socket, transport } = dumping((attempt, parts) => {
      waiting.push(transport.queue.length)
      return attempt === 1 ? parts.slice(0, 1) : parts
    })
    expect(() => socket.rules(4)).toThrow('RTM_GETRULE: ETIMEDOUT')
    transport.queue.push(done(1), enobufs, done(1))
    expect(priorities(socket)).toEqual([1, 2])
    expect(waiting).toEqual([0, 0])
  })

  test.each([
    { name: 'in NLMSG_DONE', answer: (seq: number) => done(seq, 97) },
    { name: 'in NLMSG_ERROR', answer: (seq: number) => ack(seq, 97) },
  ])('throws what the kernel says $name', ({ answer }) => {
    const { socket } = dumping((_, __, sequence) => [answer(sequence)])
    expect(() => socket.rules(6)).toThrow(expect.objectContaining({ code: 'EAFNOSUPPORT', operation: 'RTM_GETRULE' }))
  })

  test.each([2, 19])('routes of what does not exist are none (errno %i)', (errno) => {
    const { socket } = dumping((_, __, sequence) => [done(sequence, errno)])
    expect(socket.routes({ family: 4, table: 20000, oif: 9 }).items).toEqual([])
  })

  describe('at once', () => {
    const newRoute = (sequence: number, octet: number) =>
      message(RTM.NEWROUTE, sequence, addRoute(route(octet)).payload)
    const both = (sequence: number) => [newRoute(sequence, 1), newRoute(sequence, 2)] as const
    const asking = (answer: (sequence: number) => readonly Answer[]) => {
      const aside = open(([request]) => answer(request!.sequence))
      const socket = new RequestSocket(new FakeTransport(), { another: () => aside.socket })
      return { aside, dump: socket.routesAtOnce({ family: 4, table: 254 }) }
    }

    test.each<{ name: string; answer: (sequence: number) => readonly Answer[] }>([
      { name: 'with its end', answer: (seq) => [Buffer.concat([...both(seq), done(seq)])] },
      { name: 'with its end behind it', answer: (seq) => [Buffer.concat(both(seq)), done(seq)] },
    ])('a dump of routes in one datagram $name is one', ({ answer }) => {
      const { dump, aside } = asking(answer)
      expect(dump).toEqual({ items: [route(1), route(2)], interrupted: false, datagrams: 1 })
      expect(aside.transport.closed).toBe(true)
    })

    test('one that goes on in another datagram is none, and is not read to its end', () => {
      const { dump, aside } = asking((seq) => [...both(seq), newRoute(seq, 3), done(seq)])
      expect(dump).toBeUndefined()
      expect(aside.transport.queue).toHaveLength(2)
      expect(aside.transport.sent).toHaveLength(1)
      expect(aside.transport.closed).toBe(true)
    })

    test.each<{ name: string; answer: (sequence: number) => readonly Answer[]; tries: number }>([
      { name: 'is interrupted', answer: (seq) => [newRoute(seq, 1), done(seq, 0, 0x10)], tries: 4 },
      { name: 'is cut off', answer: (seq) => [{ bytes: newRoute(seq, 1), truncated: true }, done(seq)], tries: 4 },
      {
        name: 'is cut off, and goes on',
        answer: (seq) => [{ bytes: newRoute(seq, 1), truncated: true }, ...both(seq)],
        tries: 1,
      },
    ])('one that $name is none', ({ answer, tries }) => {
      const { dump, aside } = asking(answer)
      expect(dump).toBeUndefined()
      expect(aside.transport.sent).toHaveLength(tries)
    })

    test('one that the kernel refuses is an error, and the socket is closed all the same', () => {
      const aside = open(([request]) => [ack(request!.sequence, 97)])
      const socket = new RequestSocket(new FakeTransport(), { another: () => aside.socket })
      expect(() => socket.routesAtOnce({ family: 6 })).toThrow('EAFNOSUPPORT')
      expect(aside.transport.closed).toBe(true)
    })
  })

  test('of route dumps a thousand are remembered, and that which was not asked for the longest time goes', () => {
    let asked = 0
    const { socket } = open(([request]) => {
      const { sequence } = request as Message
      const through = { ...route(1), nexthops: [{ oif: asked, onlink: false, weight: 1 }] }
      return [message(RTM.NEWROUTE, sequence, addRoute(through).payload), done(sequence)]
    })
    const of = (oif: number) => {
      asked = oif
      return socket.routes({ family: 4, table: 254, oif }).items
    }
    const [first, second] = [of(1), of(2)]
    expect(first).toHaveLength(1)
    const third = of(3)
    for (let oif = 4; oif <= 1_000; oif++) of(oif)
    expect(of(1)).toBe(first)
    of(1_001)
    expect(of(1)).toBe(first)
    expect(of(3)).toBe(third)
    expect(of(2)).not.toBe(second)
  })

  test('objects of another family, which a kernel without IPv6 sends, are left out', () => {
    const { socket } = dumping((_, parts) => parts)
    expect(socket.rules(6).items).toEqual([])
  })

  test('a kernel without strict checking is not sent filters', () => {
    const { socket, transport } = open(([request]) => [done(request!.sequence)], { strict: false })
    socket.routes({ family: 4, table: 20000, protocol: 213, oif: 3 })
    expect(transport.sent[0]?.[0]?.payload.toString('hex')).toBe('020000000000000000000000')
  })

  test('random bytes end in a result or a NetlinkError, never in anything else', () => {
    const junk = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
        fc.tuple(fc.nat(40), fc.uint8Array({ maxLength: 40 })).map(([type, bytes]) => message(type, 1, bytes)),
      ),
      { maxLength: 6 },
    )
    fc.assert(
      fc.property(junk, (answers) => {
        const { socket } = open(() => answers)
        for (const ask of [() => socket.rules(4), () => socket.links(), () => socket.batch(requests(2))]) {
          try {
            ask()
          } catch (error) {
            expect(error).toBeInstanceOf(NetlinkError)
          }
        }
      }),
    )
  })
})

describe('routeGet', () => {
  const query = { family: 4, destination: '192.0.2.9' } as const

  test('the error of the kernel is the answer', () => {
    const { socket } = open(([request]) => [ack(request!.sequence, 101)])
    expect(socket.routeGet(query)).toMatchObject({ code: 'ENETUNREACH', operation: 'RTM_GETROUTE' })
  })

  test('an answer that makes no sense is EBADMSG', () => {
    const { socket } = open(([request]) => [message(RTM.NEWROUTE, request!.sequence, Buffer.alloc(3))])
    expect(socket.routeGet(query)).toMatchObject({ code: 'EBADMSG' })
  })

  test('no answer is ETIMEDOUT', () => {
    expect(open(() => []).socket.routeGet(query)).toMatchObject({ code: 'ETIMEDOUT' })
  })
})

test('debug prints each message in one line', () => {
  const lines: string[] = []
  const transport = new FakeTransport(([request]) => [ack(request!.sequence)])
  new RequestSocket(transport, { debug: (line) => lines.push(line) }).batch([setLinkGroup(7, 5)])
  expect(lines).toEqual([
    'nl: send RTM_SETLINK flags=0x5 seq=1 pid=0 len=24 00000000070000000000000000000000' + '08001b0005000000',
    `nl: recv NLMSG_ERROR flags=0x100 seq=1 pid=0 len=20 ${'00'.repeat(20)}`,
  ])
})
