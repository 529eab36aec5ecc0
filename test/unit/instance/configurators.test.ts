import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { whoConfigures } from '../../../src/instance/configurators.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'eni-routed-root-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const wants = 'systemd/system/multi-user.target.wants'
const left = {
  'run/systemd/netif/state': 'OPER_STATE=routable\n',
  'run/systemd/netif/links/3': 'ADMIN_STATE=unmanaged\n',
}
const networkd = { 'run/systemd/netif/state': 'OPER_STATE=routable\n' }

test.each<{ name: string; files: Record<string, string>; verdict: string }>([
  { name: 'no network manager is there', files: {}, verdict: 'untold' },
  {
    name: 'networkd is not running, but was',
    files: { 'run/systemd/netif/links/3': 'ADMIN_STATE=configured\n' },
    verdict: 'untold',
  },
  { name: 'networkd has not seen the link', files: networkd, verdict: 'undecided' },
  {
    name: 'networkd waits for udev',
    files: {
      ...networkd,
      'run/systemd/netif/links/3': '# This is private data.\nADMIN_STATE=pending\nOPER_STATE=off\n',
    },
    verdict: 'undecided',
  },
  {
    name: 'networkd leaves it alone',
    files: { ...networkd, 'run/systemd/netif/links/3': 'ADMIN_STATE=unmanaged\n' },
    verdict: 'nobody',
  },
  {
    name: 'networkd configures it',
    files: { ...networkd, 'run/systemd/netif/links/3': 'ADMIN_STATE=configuring\n' },
    verdict: 'somebody',
  },
  {
    name: 'networkd is enabled, and has not started yet',
    files: { [`etc/${wants}/systemd-networkd.service`]: '' },
    verdict: 'undecided',
  },
  {
    name: 'networkd is what netplan starts, and has not started yet',
    files: { 'run/systemd/generator/multi-user.target.wants/systemd-networkd.service': '' },
    verdict: 'undecided',
  },
  {
    name: 'networkd is enabled, and masked',
    files: {
      [`etc/${wants}/systemd-networkd.service`]: '',
      'etc/systemd/system/systemd-networkd.service': '-> /dev/null',
    },
    verdict: 'untold',
  },
  {
    name: 'NetworkManager is enabled, and has not started yet',
    files: { [`etc/${wants}/NetworkManager.service`]: '' },
    verdict: 'undecided',
  },
  { name: 'NetworkManager says nothing of the link', files: { 'run/NetworkManager/devices/2': '' }, verdict: 'silent' },
  {
    name: 'NetworkManager says nothing but its MAC, as after a restart',
    files: { 'run/NetworkManager/devices/3': '[device]\nperm-hw-addr-fake=02:00:00:00:00:02\nnm-owned=false\n' },
    verdict: 'silent',
  },
  {
    name: 'udev has not seen the link',
    files: { 'run/udev/control': '', 'run/udev/data/n2': '', 'run/NetworkManager/devices/2': '' },
    verdict: 'undecided',
  },
  {
    name: 'udev alone has seen the link',
    files: { 'run/udev/control': '', 'run/udev/data/n3': '' },
    verdict: 'untold',
  },
  {
    name: 'udev has seen the link, and networkd leaves it alone',
    files: { ...left, 'run/udev/control': '', 'run/udev/data/n3': 'E:ID_NET_DRIVER=ena\n' },
    verdict: 'nobody',
  },
  {
    name: 'networkd leaves it alone, and udev starts a unit for it',
    files: { ...left, 'run/udev/control': '', 'run/udev/data/n3': 'E:SYSTEMD_WANTS=ifup@eth1.service\n' },
    verdict: 'untold',
  },
  {
    name: 'networkd leaves it alone, ifupdown is there',
    files: { ...left, 'run/network/ifstate': 'lo\n' },
    verdict: 'untold',
  },
  {
    name: 'networkd leaves it alone, dhcpcd is there',
    files: { ...left, 'run/dhcpcd/pid': '77\n' },
    verdict: 'untold',
  },
  {
    name: 'NetworkManager leaves it alone',
    files: { 'run/NetworkManager/devices/3': '[device]\nmanaged=false\n' },
    verdict: 'nobody',
  },
  {
    name: 'NetworkManager manages it',
    files: { 'run/NetworkManager/devices/3': '[device]\nmanaged=true\n' },
    verdict: 'somebody',
  },
  { name: 'ifup has taken it up', files: { 'run/network/ifstate.eth1': 'eth1\n' }, verdict: 'somebody' },
  {
    name: 'one leaves it alone and the other does not',
    files: { ...networkd, 'run/systemd/netif/links/3': 'ADMIN_STATE=unmanaged\n', 'run/network/ifstate.eth1': 'eth1' },
    verdict: 'somebody',
  },
])('$name: $verdict', ({ files, verdict }) => {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    const target = /^-> (.*)$/.exec(text)?.[1]
    target ? symlinkSync(target, join(root, file)) : writeFileSync(join(root, file), text)
  }
  expect(whoConfigures({ index: 3, name: 'eth1' }, root, true)).toBe(verdict)
  expect(whoConfigures({ index: 3, name: 'eth1' }, root, false)).toBe('untold')
})
