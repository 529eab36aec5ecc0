import { expect, test } from 'vitest'
import { cli } from '../support/daemon.ts'
import { Stage } from '../support/faults-stage.ts'

test.skipIf(process.getuid?.() !== 0)(
  'a fight over a rule is told by status and the log, is fought ever more slowly, and ends',
  async () => {
    const stage = await Stage.open()
    try {
      const line = 'rule 4 priority 20001 from 172.31.0.218 lookup 20001 protocol 213'
      const fight = stage.foe.ask('fight', { line, forMs: 1500 })
      const contested = /contested/
      await stage.daemon.waitFor(({ event, msg }) => event === 'problem' && contested.test(msg))
      await stage.judge.watch({ ours: stage.golden(), gone: [] })
      const { lastAt, deletions } = await fight
      const verdict = await stage.judge.verdict({ possibleAt: lastAt })
      expect(verdict).toMatchObject({ healed: true, missing: [], surplus: [] })
      expect(verdict.ms).toBeLessThan(2000)
      const { daemon } = JSON.parse((await cli(stage.vpc, ['status', '--json'])).stdout)
      expect(daemon.contested).toMatchObject([{ object: expect.stringContaining('priority 20001 from 172.31.0.218') }])
      // Without backing off it would be hundreds.
      expect(deletions).toBeLessThan(100)
      await stage.daemon.waitFor(({ event, msg }) => event === 'resolved' && contested.test(msg), 30_000)
    } finally {
      await stage.close()
    }
  },
)
