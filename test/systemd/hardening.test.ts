import { describe, expect } from 'vitest'
import { noGuests, test, unit } from './machine.ts'

/**
 * Runs in the unit's own sandbox: each attempt, and what came of it, as one JSON object.
 */
const attempts = `
const fs = require('node:fs')
const koffi = require('/usr/lib/eni-routed/koffi.node')
const libc = koffi.load(null)
const socket = libc.func('int socket(int, int, int)')
const mount = libc.func('int mount(const char *, const char *, const char *, unsigned long, void *)')
const unshare = libc.func('int unshare(int)')
const setuid = libc.func('int setuid(unsigned int)')
const sethostname = libc.func('int sethostname(const char *, size_t)')
const sendto = libc.func('long sendto(int, const void *, size_t, int, const void *, unsigned int)')
const port = [0, 9]
const send = (address) => sendto(socket(2, 2, 0), Buffer.from('x'), 1, 0, Buffer.from([2, 0, ...port, ...address, ...Array(8).fill(0)]), 16)
const name = (number) => Object.entries(require('node:os').constants.errno).find(([, value]) => value === number)?.[0]
const attempt = (work) => { try { work(); return 'done' } catch (error) { return error.code } }
const call = (result) => result < 0 ? name(koffi.errno()) : 'done'
const results = {
  'write /etc': attempt(() => fs.writeFileSync('/etc/x', '')),
  'write /usr': attempt(() => fs.writeFileSync('/usr/lib/eni-routed/x', '')),
  'write /var/lib': attempt(() => fs.writeFileSync('/var/lib/x', '')),
  'write sysctl': attempt(() => fs.writeFileSync('/proc/sys/net/ipv4/ip_forward', '1')),
  'write its own folder': attempt(() => fs.writeFileSync('/run/eni-routed/probe', '')),
  'read /etc/shadow': attempt(() => fs.readFileSync('/etc/shadow')),
  'read /root': attempt(() => fs.readdirSync('/root')),
  'read the environment of process 1': attempt(() => fs.readFileSync('/proc/1/environ')),
  'open /dev/kmsg': attempt(() => fs.openSync('/dev/kmsg')),
  'open /dev/net/tun': attempt(() => fs.openSync('/dev/net/tun', 'r+')),
  'socket AF_NETLINK': call(socket(16, 3, 0)),
  'socket AF_INET': call(socket(2, 2, 0)),
  'socket AF_PACKET': call(socket(17, 3, 0)),
  'socket AF_VSOCK': call(socket(40, 1, 0)),
  'send to the metadata service': call(send([169, 254, 169, 254])),
  'send to its own host': call(send([127, 0, 0, 1])),
  'send to the router': call(send([172, 31, 0, 1])),
  'mount': call(mount('tmpfs', '/tmp', 'tmpfs', 0, null)),
  'new user namespace': call(unshare(0x10000000)),
  'become root': call(setuid(0)),
  'set the host name': call(sethostname('x', 1)),
}
console.log('RESULTS ' + JSON.stringify(results))
`

describe.skipIf(noGuests())('the sandbox of the unit', () => {
  test('lets nothing through that the daemon does not need', async ({ machine }) => {
    const { guest } = machine
    const koffi = '/usr/lib/eni-routed/node_modules/@koromix/koffi-linux-*/linux_*/koffi.node'
    await guest.exec('sh', ['-c', `cp ${koffi} /usr/lib/eni-routed/koffi.node`])
    guest.write('/usr/lib/eni-routed/attempts.cjs', attempts)
    const sandbox = guest
      .read(`/usr/lib/systemd/system/${unit}`)
      .replace(/^ExecStart=.*$/m, 'ExecStart=/usr/lib/eni-routed/node /usr/lib/eni-routed/attempts.cjs')
      .replace(/^(Restart|WatchdogSec|Type|ExecReload)=.*$/gm, '')
      .replace('[Service]', '[Service]\nType=oneshot')
    guest.write('/run/systemd/system/attempts.service', sandbox)
    await guest.systemctl('daemon-reload')
    await guest.systemctl('stop', unit)
    await guest.systemctl('start', 'attempts.service')
    const said = await guest.exec('journalctl', ['--unit=attempts', '--output=cat'])
    expect(JSON.parse(/^RESULTS (.*)$/m.exec(said)![1]!)).toEqual({
      'write /etc': 'EROFS',
      'write /usr': 'EROFS',
      'write /var/lib': 'EROFS',
      'write sysctl': 'ENOENT',
      'write its own folder': 'done',
      'read /etc/shadow': 'EACCES',
      'read /root': 'EACCES',
      'read the environment of process 1': 'ENOENT',
      'open /dev/kmsg': 'ENOENT',
      'open /dev/net/tun': 'ENOENT',
      'socket AF_NETLINK': 'done',
      'socket AF_INET': 'done',
      'socket AF_PACKET': 'EAFNOSUPPORT',
      'socket AF_VSOCK': 'EAFNOSUPPORT',
      'send to the metadata service': 'done',
      'send to its own host': 'done',
      'send to the router': 'EPERM',
      mount: 'EPERM',
      'new user namespace': 'EPERM',
      'become root': 'EPERM',
      'set the host name': 'EPERM',
    })
    await guest.systemctl('start', unit)
  })
})
