import { decodeAddress } from '../../src/netlink/address.ts'
import { RTM } from '../../src/netlink/constants.ts'
import { HEADER_BYTES } from '../../src/netlink/framing.ts'
import { watchReadable } from '../../src/netlink/libc.ts'
import { RequestSocket } from '../../src/netlink/request.ts'
import { addRule, deleteRule } from '../../src/netlink/rule-request.ts'
import { NetlinkSocket } from '../../src/netlink/socket.ts'
import { hostPrefix } from '../../src/state/prefix.ts'
import { table } from '../../src/state/route.ts'
import type { Rule } from '../../src/state/rule.ts'

/*
 * The floor of the runtime: native/floor.c once more, in Node, with the program's own sockets and codecs. What lies between the
 * two is Node's event loop and JavaScript; what the daemon takes beyond it is thought.
 *   node-floor LINK_INDEX TABLE   prints "ready" when it listens
 */

const [linkIndex, number] = process.argv.slice(2).map(Number) as [number, number]
const RTNLGRP_IPV4_IFADDR = 5
const requests = RequestSocket.open()
const events = NetlinkSocket.open({ groups: [RTNLGRP_IPV4_IFADDR] })

const rules = (address: string): Rule[] => {
  const common = { family: 4, action: 'lookup', protocol: 213, source: hostPrefix(address) } as const
  return [
    { ...common, priority: 20000, table: table.main, suppressPrefixLength: 1, suppressGroup: 20000 },
    { ...common, priority: 20001, table: number },
  ]
}

watchReadable(events.fd, () => {
  for (let got = events.receive(0); typeof got === 'object' && 'bytes' in got; got = events.receive(0)) {
    const { bytes } = got
    const address = decodeAddress(bytes.subarray(HEADER_BYTES, bytes.readUInt32LE(0)))
    if (address?.linkIndex === linkIndex) {
      requests.batch(rules(address.address).map(bytes.readUInt16LE(4) === RTM.NEWADDR ? addRule : deleteRule))
    }
  }
})
// The watch alone does not keep the process alive.
setInterval(() => {}, 1 << 30)
process.stdout.write('ready\n')
