import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { setLinkGroup } from '../../src/netlink/link.ts'
import type { RequestSocket } from '../../src/netlink/request.ts'
import { codes, ip, ipJson, Kernel, unprivileged } from '../support/netlink.ts'

describe.skipIf(unprivileged)('links and addresses on the kernel', () => {
  let kernel: Kernel
  let socket: RequestSocket
  const index = (name: string): number => kernel.index(name)

  beforeAll(() => {
    kernel = new Kernel()
    socket = kernel.socket
  })
  afterAll(() => kernel?.close())

  test('links are what ip prints', () => {
    const expected = ipJson('link').map((link) => [
      ...[link.ifindex, link.ifname, link.address, Number(link.group), link.flags.includes('UP')],
      ...[link.flags.includes('LOOPBACK'), link.linkinfo?.info_kind],
    ])
    const actual = socket
      .links()
      .items.map((link) => [...[link.index, link.name, link.mac, link.group, link.up, link.loopback, link.kind]])
    expect(actual).toEqual(expected)
  })

  test('the port of a bridge, a child, alternative names', () => {
    ip('link add nltbr type bridge')
    ip('link set nlt1 master nltbr')
    ip('link add link nlt0 name nltchild type macvlan')
    ip('link property add dev nlt0 altname eni-0abc altname another')
    const links = new Map(socket.links().items.map((link) => [link.name, link]))
    expect(links.get('nlt1')).toMatchObject({ master: index('nltbr'), slaveKind: 'bridge', kind: 'veth' })
    expect(links.get('nltchild')).toMatchObject({ parent: index('nlt0'), kind: 'macvlan' })
    expect(links.get('nlt0')).toMatchObject({ altnames: ['eni-0abc', 'another'] })
    ip('link del nltchild')
    ip('link del nltbr')
  })

  test('a peer in another namespace is no parent', () => {
    ip('netns add nlt-peer')
    try {
      ip('link add nltp type veth peer name nltq netns nlt-peer')
      expect(socket.links().items.find(({ name }) => name === 'nltp')?.parent).toBeUndefined()
    } finally {
      ip('netns del nlt-peer')
    }
  })

  test.each(['ipv4', 'ipv6'])('forwarding of %s', (family) => {
    const forwards = () => socket.links().items.find(({ name }) => name === 'nlt0')?.forwards
    const sysctl = (value: number) =>
      execFileSync('sysctl', ['-qw', `net.${family}.conf.nlt0.forwarding=${value}`], { stdio: 'pipe' })
    expect(forwards()).toBeUndefined()
    sysctl(1)
    expect(forwards()).toBe(true)
    sysctl(0)
    expect(forwards()).toBeUndefined()
  })

  test('setLinkGroup', () => {
    expect(codes(socket.batch([setLinkGroup(index('nlt0'), 20_000)]))).toEqual([undefined])
    expect(socket.links().items.find(({ name }) => name === 'nlt0')?.group).toBe(20_000)
    expect(codes(socket.batch([setLinkGroup(99_999, 1)]))).toEqual(['ENODEV'])
  })

  test('addresses are what ip prints', () => {
    const expected = ipJson('addr').flatMap(({ ifindex, addr_info }) =>
      // biome-ignore lint/suspicious/noExplicitAny: as above
      addr_info.map((info: any) => [
        ifindex,
        info.local,
        info.prefixlen,
        Boolean(info.secondary),
        Boolean(info.noprefixroute),
      ]),
    )
    const actual = socket
      .addresses()
      .items.map((each) => [each.linkIndex, each.address, each.onLink.length, each.secondary, each.noPrefixRoute])
    expect(new Set(actual.map(String))).toEqual(new Set(expected.map(String)))
  })

  test("the on-link prefix is the peer's", () => {
    const onLink = (address: string) => socket.addresses().items.find((each) => each.address === address)?.onLink
    expect(onLink('10.9.9.1')).toEqual({ address: '10.8.8.0', length: 24 })
    expect(onLink('2001:db8:1::1')).toEqual({ address: '2001:db8:2::1', length: 128 })
    expect(onLink('10.0.0.2')).toEqual({ address: '10.0.0.0', length: 24 })
    expect(socket.addresses(6).items.every(({ address }) => address.includes(':'))).toBe(true)
  })
})
