import { setTimeout } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import { bare } from '../../src/lab/addressing.ts'
import { type Bench, expectUnharmed, present, test } from './bench.ts'
import { expectHealed } from './limits.ts'
import { report } from './report.ts'

/** ENIs as the lab itself configures them: the rival has nothing to do with their addresses. */
async function start(bench: Bench): Promise<void> {
  for (const [index, eni] of present.entries()) {
    await bench.vpc.attach({ ...eni, defaultMetric: 100 + index })
  }
  await bench.settle()
}

/** Deletes rules as wg-quick(8) does in del_if: as long as one is listed that matches. */
async function deleteAll(bench: Bench, family: string, shown: string, rule: string): Promise<number> {
  for (let deleted = 0; ; deleted++) {
    if (!(await bench.guest.exec('ip', [family, 'rule', 'show'])).includes(shown)) {
      return deleted
    }
    await bench.guest.exec('ip', [family, 'rule', 'delete', ...rule.split(' ')])
  }
}

describe("wg-quick's commands", () => {
  test('down, of a full tunnel', async ({ stage: bench, task }) => {
    await start(bench)
    const ip = (...words: string[]) => bench.guest.exec('ip', words.join(' ').split(' '))
    // No WireGuard in the kernel is needed for what it does to rules.
    await ip('link add wg0 type bridge')
    await ip('link set wg0 up')
    const up = async () => {
      for (const family of ['-4', '-6']) {
        await ip(family, 'route replace default dev wg0 table 51820')
        await ip(family, 'rule add not fwmark 51820 table 51820')
        await ip(family, 'rule add table main suppress_prefixlength 0')
      }
    }
    const down = async () => {
      for (const family of ['-4', '-6']) {
        await deleteAll(bench, family, 'lookup 51820', 'table 51820')
        await deleteAll(
          bench,
          family,
          'from all lookup main suppress_prefixlength 0',
          'table main suppress_prefixlength 0',
        )
      }
    }
    const row = await bench.disturb(
      {
        rival: 'wg-quick',
        action: 'up and down in one, its rule loop',
        note: 'while it is up its rule is in front of ours',
      },
      async () => {
        await up()
        await down()
      },
    )
    report(task, row)
    expectUnharmed(row)
    expect(row.deleted).toEqual({ rules: 0, routes: 0 })
    await up()
    await expect.poll(() => bench.problems(), { timeout: 5000 }).toMatch(/rule/)
    await down()
    await bench.inSync()
  })
})

describe("Docker's bridge and rules", () => {
  test('come, hold a container, and go', async ({ stage: bench, task }) => {
    await start(bench)
    const ip = (command: string) => bench.guest.exec('ip', command.split(' '))
    const up = async () => {
      await ip('link add name docker0 type bridge')
      await ip('address add 172.17.0.1/16 brd 172.17.255.255 dev docker0')
      await ip('link set dev docker0 up')
      await bench.guest.exec('sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.docker0.route_localnet=0'])
      await bench.guest.exec('nft', ['-f', '-'], dockerRules)
    }
    const container = async (number: number) => {
      await ip(`netns add container${number}`)
      await ip(`link add name veth${number} type veth peer name eth0 netns container${number}`)
      await ip(`link set dev veth${number} master docker0 up`)
      for (const command of [
        'link set dev eth0 up',
        `address add 172.17.0.${number + 1}/16 dev eth0`,
        'route add default via 172.17.0.1',
      ]) {
        await ip(`-n container${number} ${command}`)
      }
    }
    const rows = [
      await bench.disturb({ rival: 'docker', action: 'its bridge and rules come' }, up),
      await bench.disturb({ rival: 'docker', action: 'ten containers come' }, async () => {
        for (let number = 1; number <= 10; number++) {
          await container(number)
        }
      }),
    ]
    const reached = await Promise.all(
      present.map(
        async ({ addresses }) =>
          await bench.vpc.instance.exec('ping', ['-n', '-c1', '-W1', '-I', bare(addresses[0]), '172.17.0.2']),
      ),
    )
    rows.push(
      await bench.disturb({ rival: 'docker', action: 'the containers and the bridge go' }, async () => {
        for (let number = 1; number <= 10; number++) {
          await ip(`netns delete container${number}`)
        }
        await ip('link delete dev docker0')
        await bench.guest.exec('nft', ['delete', 'table', 'ip', 'docker'])
        await setTimeout(300)
      }),
    )
    report(task, ...rows)
    expectHealed(rows, 0)
    expect(reached.join()).toContain('1 received')
  })
})

/** What Docker 20.10 sets up by iptables at its start, in the words of nft. */
const dockerRules = `table ip docker {
  chain prerouting { type nat hook prerouting priority dstnat; fib daddr type local jump docker; }
  chain output { type nat hook output priority -100; ip daddr != 127.0.0.0/8 fib daddr type local jump docker; }
  chain postrouting { type nat hook postrouting priority srcnat; oifname != "docker0" ip saddr 172.17.0.0/16 masquerade; }
  chain docker { iifname "docker0" return; }
  chain forward { type filter hook forward priority filter; policy drop;
    oifname "docker0" ct state related,established accept
    iifname "docker0" accept
  }
}
`
