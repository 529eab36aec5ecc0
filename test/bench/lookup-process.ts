import * as libc from '../../src/netlink/libc.ts'
import { RequestSocket } from '../../src/netlink/request.ts'
import { familyOf, parseAddress } from '../../src/state/ip.ts'

/*
 * Runs in the instance's namespace: asks for routes, and sends datagrams from a socket that is bound and not connected, so
 * that each needs a lookup. Prints the µs of each round's mean as one JSON list.
 */

/** What is to be done, from the command line as JSON. */
export interface LookupTask {
  readonly kind: 'getroute' | 'sendto'
  readonly source: string
  readonly destination: string
  readonly rounds: number
  readonly perRound: number
}

const AF_INET = 2
const AF_INET6 = 10
const SOCK_DGRAM = 2

const task = JSON.parse(process.argv[2] as string) as LookupTask
const once = task.kind === 'getroute' ? getRoute() : sendTo()
round()
process.stdout.write(JSON.stringify(Array.from({ length: task.rounds }, round)))

function round(): number {
  const start = performance.now()
  for (let i = 0; i < task.perRound; i++) once()
  return ((performance.now() - start) * 1000) / task.perRound
}

function getRoute(): () => void {
  const socket = RequestSocket.open()
  const query = { family: familyOf(task.source), source: task.source, destination: task.destination }
  return () => void socket.routeGet(query)
}

function sendTo(): () => void {
  const fd = libc.socket(familyOf(task.source) === 4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0)
  const from = socketAddress(task.source, 0)
  if (libc.bind(fd, from, from.length) < 0) throw new Error(`bind to ${task.source}: errno ${libc.errno()}`)
  const to = socketAddress(task.destination, 9)
  const bytes = Buffer.from('?')
  return () => {
    if (libc.sendto(fd, bytes, bytes.length, 0, to, to.length) < 0) throw new Error(`sendto: errno ${libc.errno()}`)
  }
}

/** struct sockaddr_in or sockaddr_in6. */
function socketAddress(text: string, port: number): Buffer {
  const bytes = parseAddress(text) as Uint8Array
  const address = Buffer.alloc(bytes.length === 4 ? 16 : 28)
  address.writeUInt16LE(bytes.length === 4 ? AF_INET : AF_INET6)
  address.writeUInt16BE(port, 2)
  address.set(bytes, bytes.length === 4 ? 4 : 8)
  return address
}
