import * as libc from '../../src/netlink/libc.ts'
import { parseAddress } from '../../src/state/ip.ts'

const AF_INET = 2
const SOCK_RAW = 3
const SOCK_NONBLOCK = 0o4000
const IPPROTO_ICMP = 1
const ECHO_REPLY = 0
const ECHO_REQUEST = 8

/** Echo requests to one IPv4 address (RFC 792), from the network namespace in which it is opened. Needs root. */
export class Echo {
  readonly #fd: number
  readonly #to = Buffer.alloc(16)
  readonly #heard = Buffer.alloc(2048)
  readonly #from = Buffer.alloc(16)
  readonly #fromLength = Buffer.alloc(4)

  constructor(address: string) {
    this.#fd = libc.socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ICMP)
    if (this.#fd < 0) throw new Error(`raw socket: errno ${libc.errno()}`)
    this.#to.writeUInt16LE(AF_INET)
    this.#to.set(parseAddress(address)!, 4)
  }

  /**
   * Sends a request every `interval` ms, without a pause between looks, until one is answered; the moment of that
   * (performance.now), or undefined where none was by `deadline`. Replies to an earlier `number` count for nothing.
   */
  firstReply(number: number, interval: number, deadline: number): number | undefined {
    const request = echoRequest(number)
    for (let now = performance.now(), sentAt = 0; now < deadline; now = performance.now()) {
      if (now - sentAt >= interval) {
        libc.sendto(this.#fd, request, request.length, 0, this.#to, this.#to.length)
        sentAt = now
      }
      if (this.#hears(number)) return performance.now()
    }
    return undefined
  }

  #hears(number: number): boolean {
    this.#fromLength.writeUInt32LE(this.#from.length)
    const length = libc.recvfrom(this.#fd, this.#heard, this.#heard.length, 0, this.#from, this.#fromLength)
    if (length <= 0) return false
    // Behind the IPv4 header, whose length is in its first byte.
    const icmp = this.#heard.subarray(4 * ((this.#heard[0] as number) & 15), length)
    return icmp[0] === ECHO_REPLY && icmp.readUInt16BE(4) === identifier && icmp.readUInt16BE(6) === number
  }
}

const identifier = process.pid & 0xffff

function echoRequest(number: number): Buffer {
  const bytes = Buffer.alloc(16)
  bytes[0] = ECHO_REQUEST
  bytes.writeUInt16BE(identifier, 4)
  bytes.writeUInt16BE(number, 6)
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += bytes.readUInt16BE(i)
  sum = (sum & 0xffff) + (sum >> 16)
  bytes.writeUInt16BE(~sum & 0xffff, 2)
  return bytes
}
