import koffi from 'koffi'
import * as libc from '../../../src/netlink/libc.ts'
import type { Packet } from '../../../src/policy/fib/packet.ts'
import { type Family, parseAddress } from '../../../src/state/ip.ts'
import { parseFrame } from './frames.ts'

const IPPROTO_UDP = 17
const SOCK_STREAM = 1
/** linux/socket.h, netinet/in.h, linux/if_packet.h */
const AF = { 4: 2, 6: 10 } as const
const AF_PACKET = 17
const SOCK = { DGRAM: 2, RAW: 3, NONBLOCK: 0o4000, CLOEXEC: 0o2000000 } as const
const ETH_P_ALL_BIG_ENDIAN = 0x0300
const SOL_SOCKET = 1
const SO = { BINDTODEVICE: 25, MARK: 36, RCVBUFFORCE: 33 } as const
const IPPROTO = { IP: 0, IPV6: 41 } as const
const IP_TOS = 1
const IPV6_TCLASS = 67
const IPV6_V6ONLY = 26
const PACKET_OUTGOING = 4
/** Bytes of struct sockaddr_ll. */
const LINK_ADDRESS_BYTES = 20

const fchown: (fd: number, user: number, group: number) => number = koffi
  .load(null)
  .func('int fchown(int fd, unsigned int user, unsigned int group)')

/** A frame that left by a link. */
export interface Frame {
  readonly linkIndex: number
  /** The neighbour that it is for. */
  readonly mac: string
  readonly bytes: Buffer
}

const none = 0xffffffff

function checked(what: string, result: number): number {
  if (result < 0) throw new Error(`${what}: errno ${libc.errno()}`)
  return result
}

/** Sends the packet as UDP from a socket of its own, as a program would; returns the errno where it is refused, else 0. */
export function send(packet: Packet, payload: Buffer, linkName: string | undefined): number {
  const { family } = packet
  const fd = checked('socket', libc.socket(AF[family], SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0))
  try {
    // The user of a socket is the owner of its file.
    checked('fchown', fchown(fd, packet.uid, none))
    const source = address(family, packet.source, packet.sourcePort)
    checked('bind', libc.bind(fd, source, source.length))
    option(fd, SOL_SOCKET, SO.MARK, int(packet.mark))
    if (family === 4) option(fd, IPPROTO.IP, IP_TOS, int(packet.tos))
    else option(fd, IPPROTO.IPV6, IPV6_TCLASS, int(packet.tos))
    if (linkName !== undefined) option(fd, SOL_SOCKET, SO.BINDTODEVICE, Buffer.from(`${linkName}\0`))
    const to = address(family, packet.destination, packet.destinationPort)
    return libc.sendto(fd, payload, payload.length, 0, to, to.length) < 0 ? libc.errno() : 0
  } finally {
    libc.close(fd)
  }
}

const option = (fd: number, level: number, name: number, value: Buffer): number =>
  checked(`option ${name}`, libc.setsockopt(fd, level, name, value, value.length))

function int(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32LE(value)
  return buffer
}

/** struct sockaddr_in or sockaddr_in6. */
function address(family: Family, text: string, port: number): Buffer {
  const buffer = Buffer.alloc(family === 4 ? 16 : 28)
  buffer.writeUInt16LE(AF[family])
  buffer.writeUInt16BE(port, 2)
  buffer.set(parseAddress(text) as Uint8Array, family === 4 ? 4 : 8)
  return buffer
}

/** Puts frames on links, and sees every frame that leaves by any link of the network namespace. */
export class Tap {
  readonly #fd = checked(
    'socket',
    libc.socket(AF_PACKET, SOCK.RAW | SOCK.NONBLOCK | SOCK.CLOEXEC, ETH_P_ALL_BIG_ENDIAN),
  )
  readonly #buffer = Buffer.alloc(2048)
  readonly #from = Buffer.alloc(LINK_ADDRESS_BYTES)

  /** The UDP datagrams with this payload that have left since the last call; an ICMP error that quotes one is none. */
  take(payload: Buffer): Frame[] {
    return this.drain().filter(({ bytes }) => parseFrame(bytes)?.ipProtocol === IPPROTO_UDP && bytes.includes(payload))
  }

  /** All frames that have left since the last call. */
  drain(): Frame[] {
    const frames: Frame[] = []
    for (;;) {
      const length = libc.recvfrom(this.#fd, this.#buffer, this.#buffer.length, 0, this.#from, int(LINK_ADDRESS_BYTES))
      if (length < 0) {
        return frames
      }
      if (this.#from[10] === PACKET_OUTGOING) {
        const bytes = Buffer.from(this.#buffer.subarray(0, length))
        const mac = bytes
          .subarray(0, 6)
          .toString('hex')
          .replace(/..(?=.)/g, '$&:')
        frames.push({ linkIndex: this.#from.readInt32LE(4), mac, bytes })
      }
    }
  }

  /** Sends a frame by a link: the other end of a veth receives it. */
  inject(linkIndex: number, frame: Buffer): void {
    const to = Buffer.alloc(LINK_ADDRESS_BYTES)
    to.writeUInt16LE(AF_PACKET)
    to.writeInt32LE(linkIndex, 4)
    checked('sendto', libc.sendto(this.#fd, frame, frame.length, 0, to, to.length))
  }

  close(): void {
    libc.close(this.#fd)
  }
}

const listen: (fd: number, backlog: number) => number = koffi.load(null).func('int listen(int fd, int backlog)')

/** Everything that is delivered to this host by one IP protocol; of TCP, one port accepts connections. */
export class Ear {
  readonly #fds: number[] = []
  readonly #raw: { readonly fd: number; readonly family: Family; readonly ipProtocol: number }[] = []
  readonly #buffer = Buffer.alloc(2048)

  constructor(tcpPort: number) {
    for (const family of [4, 6] as const) {
      for (const ipProtocol of [6, 17, family === 4 ? 1 : 58]) {
        const fd = checked('socket', libc.socket(AF[family], SOCK.RAW | SOCK.NONBLOCK | SOCK.CLOEXEC, ipProtocol))
        this.#raw.push({ fd, family, ipProtocol })
      }
      const fd = checked('socket', libc.socket(AF[family], SOCK_STREAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0))
      if (family === 6) option(fd, IPPROTO.IPV6, IPV6_V6ONLY, int(1))
      const here = address(family, family === 4 ? '0.0.0.0' : '::', tcpPort)
      checked('bind', libc.bind(fd, here, here.length))
      checked('listen', listen(fd, 4096))
      this.#fds.push(fd)
    }
  }

  /** What was delivered since the last call, from the transport header on. */
  drain(): { readonly ipProtocol: number; readonly rest: Buffer }[] {
    return this.#raw.flatMap(({ fd, family, ipProtocol }) => {
      const got: { ipProtocol: number; rest: Buffer }[] = []
      for (;;) {
        const length = libc.recvfrom(fd, this.#buffer, this.#buffer.length, 0, Buffer.alloc(28), int(28))
        if (length < 0) return got
        const bytes = Buffer.from(this.#buffer.subarray(0, length))
        // A raw socket of IPv4 gets the IP header, too.
        got.push({ ipProtocol, rest: family === 4 ? bytes.subarray(((bytes[0] as number) & 15) * 4) : bytes })
      }
    })
  }

  close(): void {
    for (const fd of [...this.#fds, ...this.#raw.map((one) => one.fd)]) libc.close(fd)
  }
}
