import { call } from '../../src/metadata/http.ts'
import { tokenPath, tokenRequestHeaders } from '../../src/metadata/token.ts'
import { addAddress } from '../../src/netlink/address-request.ts'
import { HEADER_BYTES } from '../../src/netlink/framing.ts'
import { watchReadable } from '../../src/netlink/libc.ts'
import { decodeLink, setLinkUp } from '../../src/netlink/link.ts'
import { RequestSocket } from '../../src/netlink/request.ts'
import { addRoute } from '../../src/netlink/route-request.ts'
import { addRule } from '../../src/netlink/rule-request.ts'
import { NetlinkSocket } from '../../src/netlink/socket.ts'
import { scope } from '../../src/state/address.ts'
import { anyPrefix, hostPrefix, networkOf } from '../../src/state/prefix.ts'

/*
 * The floor of the runtime for an ENI that comes bare: as soon as a link of that MAC is announced, the four documents that its
 * address takes are asked for, with the program's own calls; when they are there, whatever they tell, the link is put up with a
 * fixed address, default route and rule, by its own codecs, as one batch. It looks at nothing and decides nothing.
 *   attach-floor MAC ADDRESS/LENGTH GATEWAY   prints "ready" when it listens
 */

const [mac, given, gateway] = process.argv.slice(2) as [string, string, string]
const [address, length] = given.split('/') as [string, string]
const endpoint = 'http://169.254.169.254'
const documents = ['local-ipv4s', 'subnet-ipv4-cidr-block', 'device-number', '']
const number = 20001
const RTNLGRP_LINK = 1

const { signal } = new AbortController()
const token = await call({ method: 'PUT', endpoint, path: tokenPath, headers: tokenRequestHeaders, signal })
const headers = { 'X-aws-ec2-metadata-token': token.body }
const read = (document: string) =>
  call({
    method: 'GET',
    endpoint,
    path: `/latest/meta-data/network/interfaces/macs/${mac}/${document}`,
    headers,
    signal,
  })

const requests = RequestSocket.open()

function configure(linkIndex: number): void {
  const common = { family: 4, table: number, protocol: 213 } as const
  requests.batch([
    addAddress({
      ...{ linkIndex, address, onLink: networkOf(address, Number(length)), scope: scope.universe },
      ...{ secondary: false, tentative: false, dadFailed: false, noPrefixRoute: false },
    }),
    setLinkUp(linkIndex),
    addRoute({
      ...{
        ...common,
        type: 'unicast',
        destination: anyPrefix(4),
        tos: 0,
        metric: 0,
        scope: scope.universe,
        metrics: {},
      },
      nexthops: [{ oif: linkIndex, gateway, onlink: false, weight: 1 }],
    }),
    addRule({ ...common, action: 'lookup', source: hostPrefix(address), priority: 20001 }),
  ])
}

const asked = new Set<number>()
const events = NetlinkSocket.open({ groups: [RTNLGRP_LINK] })
watchReadable(events.fd, () => {
  for (let got = events.receive(0); typeof got === 'object' && 'bytes' in got; got = events.receive(0)) {
    const { bytes } = got
    const link = decodeLink(bytes.subarray(HEADER_BYTES, bytes.readUInt32LE(0)))
    if (link?.mac === mac && !asked.has(link.index)) {
      asked.add(link.index)
      void Promise.all(documents.map(read)).then(() => configure(link.index))
    }
  }
})
// The watch alone does not keep the process alive.
setInterval(() => {}, 1 << 30)
process.stdout.write('ready\n')
