import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { whoConfigures } from '../../../src/instance/configurators.ts'

let run: string
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), 'eni-routed-run-'))
})
afterEach(() => rmSync(run, { recursive: true }))

const networkd = { 'systemd/netif/state': 'OPER_STATE=routable\n' }

test.each<{ name: string; files: Record<string, string>; verdict: string }>([
  { name: 'no network manager is there', files: {}, verdict: 'nobody' },
  {
    name: 'networkd is not running, but was',
    files: { 'systemd/netif/links/3': 'ADMIN_STATE=configured\n' },
    verdict: 'nobody',
  },
  { name: 'networkd has not seen the link', files: networkd, verdict: 'undecided' },
  {
    name: 'networkd waits for udev',
    files: { ...networkd, 'systemd/netif/links/3': '# This is private data.\nADMIN_STATE=pending\nOPER_STATE=off\n' },
    verdict: 'undecided',
  },
  {
    name: 'networkd leaves it alone',
    files: { ...networkd, 'systemd/netif/links/3': 'ADMIN_STATE=unmanaged\n' },
    verdict: 'nobody',
  },
  {
    name: 'networkd configures it',
    files: { ...networkd, 'systemd/netif/links/3': 'ADMIN_STATE=configuring\n' },
    verdict: 'somebody',
  },
  { name: 'NetworkManager has not seen the link', files: { 'NetworkManager/devices/2': '' }, verdict: 'undecided' },
  {
    name: 'NetworkManager leaves it alone',
    files: { 'NetworkManager/devices/3': '[device]\nmanaged=false\n' },
    verdict: 'nobody',
  },
  {
    name: 'NetworkManager manages it',
    files: { 'NetworkManager/devices/3': '[device]\nmanaged=true\n' },
    verdict: 'somebody',
  },
  { name: 'ifup has taken it up', files: { 'network/ifstate.eth1': 'eth1\n' }, verdict: 'somebody' },
  {
    name: 'one leaves it alone and the other does not',
    files: { ...networkd, 'systemd/netif/links/3': 'ADMIN_STATE=unmanaged\n', 'network/ifstate.eth1': 'eth1' },
    verdict: 'somebody',
  },
])('$name: $verdict', ({ files, verdict }) => {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(run, file)), { recursive: true })
    writeFileSync(join(run, file), text)
  }
  expect(whoConfigures({ index: 3, name: 'eth1' }, run, true)).toBe(verdict)
  expect(whoConfigures({ index: 3, name: 'eth1' }, run, false)).toBe('nobody')
})
