import type { Packet } from '../../../src/policy/fib/packet.ts'
import { formatAddress, parseAddress } from '../../../src/state/ip.ts'

/** Of an Ethernet frame with IP in it. */
export interface Parsed {
  readonly source: string
  readonly destination: string
  readonly ipProtocol: number
  /** After the IP header. */
  readonly rest: Buffer
}

const ethernet = 14
const TCP = { SYN: 2, RST: 4 } as const
const ICMP = { ECHO: 8, ECHO6: 128 } as const

const bytesOf = (text: string): Buffer => Buffer.from(parseAddress(text) as Uint8Array)
const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex')

/** A frame with the packet: UDP, the first of a TCP connection (or its reset), or an echo request. It carries `token`. */
export function frameOf(packet: Packet, token: number, from: string, to: string, reset = false): Buffer {
  const rest = transport(packet, token, reset)
  const header = packet.family === 4 ? header4(packet, rest.length) : header6(packet, rest.length)
  return Buffer.concat([
    macBytes(to),
    macBytes(from),
    Buffer.from(packet.family === 4 ? '0800' : '86dd', 'hex'),
    header,
    rest,
  ])
}

function header4({ source, destination, tos, ipProtocol }: Packet, length: number): Buffer {
  const header = Buffer.alloc(20)
  header[0] = 0x45
  header[1] = tos
  header.writeUInt16BE(20 + length, 2)
  header[8] = 64
  header[9] = ipProtocol
  header.set(bytesOf(source), 12)
  header.set(bytesOf(destination), 16)
  header.writeUInt16BE(checksum(header), 10)
  return header
}

function header6({ source, destination, tos, ipProtocol }: Packet, length: number): Buffer {
  const header = Buffer.alloc(40)
  header.writeUInt32BE((0x60000000 | (tos << 20)) >>> 0)
  header.writeUInt16BE(length, 4)
  header[6] = ipProtocol
  header[7] = 64
  header.set(bytesOf(source), 8)
  header.set(bytesOf(destination), 24)
  return header
}

function transport(packet: Packet, token: number, reset: boolean): Buffer {
  const { ipProtocol, sourcePort, destinationPort, family, source, destination } = packet
  const bytes = Buffer.alloc(ipProtocol === 6 ? 20 : 12)
  let at = 16
  if (ipProtocol === 6) {
    bytes.writeUInt16BE(sourcePort)
    bytes.writeUInt16BE(destinationPort, 2)
    bytes.writeUInt32BE((token + (reset ? 1 : 0)) >>> 0, 4)
    bytes[12] = 5 << 4
    bytes[13] = reset ? TCP.RST : TCP.SYN
    bytes.writeUInt16BE(1024, 14)
  } else if (ipProtocol === 17) {
    bytes.writeUInt16BE(sourcePort)
    bytes.writeUInt16BE(destinationPort, 2)
    bytes.writeUInt16BE(12, 4)
    bytes.writeUInt32BE(token, 8)
    at = 6
  } else {
    bytes[0] = ipProtocol === 1 ? ICMP.ECHO : ICMP.ECHO6
    bytes.writeUInt32BE(token, 8)
    at = 2
  }
  const pseudo = Buffer.concat([bytesOf(source), bytesOf(destination), Buffer.from([0, ipProtocol, 0, bytes.length])])
  bytes.writeUInt16BE(checksum(ipProtocol === 1 && family === 4 ? bytes : Buffer.concat([pseudo, bytes])), at)
  return bytes
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0
  for (let i = 0; i + 1 < bytes.length; i += 2) sum += bytes.readUInt16BE(i)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/** undefined for what is neither IPv4 nor IPv6. */
export function parseFrame(frame: Buffer): Parsed | undefined {
  const type = frame.readUInt16BE(12)
  const packet = frame.subarray(ethernet)
  if (type === 0x0800) {
    return {
      source: formatAddress(packet.subarray(12, 16)),
      destination: formatAddress(packet.subarray(16, 20)),
      ipProtocol: packet[9] as number,
      rest: packet.subarray(((packet[0] as number) & 15) * 4),
    }
  }
  return type === 0x86dd
    ? {
        source: formatAddress(packet.subarray(8, 24)),
        destination: formatAddress(packet.subarray(24, 40)),
        ipProtocol: packet[6] as number,
        rest: packet.subarray(40),
      }
    : undefined
}

/** Is it the very packet that was sent? */
export const isSent = ({ ipProtocol, rest }: Pick<Parsed, 'ipProtocol' | 'rest'>, token: number): boolean =>
  ipProtocol === 6
    ? rest.length >= 8 && rest.readUInt32BE(4) === token
    : rest.length >= 12 && rest.readUInt32BE(8) === token

/** Is it the kernel's answer to it: the second packet of TCP's handshake, or an echo? */
export const isAnswer = ({ ipProtocol, rest }: Pick<Parsed, 'ipProtocol' | 'rest'>, token: number): boolean =>
  ipProtocol === 6
    ? rest.length >= 12 && rest.readUInt32BE(8) === (token + 1) >>> 0
    : (rest[0] === 0 || rest[0] === 129) && rest.length >= 12 && rest.readUInt32BE(8) === token
