import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Namespace } from '../../src/lab/namespace.ts'

/** ms between two deletions: no fight, and time enough to heal. */
const pause = 200
const rule = 'priority 20001 from 172.31.0.218'

/** Deletes one rule of ours so many times; the ms until it was back each time, sorted, by the kernel's announcements. */
export async function healingTimes(instance: Namespace, tries: number): Promise<number[]> {
  const monitor = instance.spawn('ip', ['-ts', 'monitor', 'rule'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const times: number[] = []
  let deletedAt: number | undefined
  createInterface({ input: monitor.stdout! }).on('line', (line) => {
    const [, stamp, deleted] = /^\[(\S+)\] (Deleted )?20001:\s+from 172\.31\.0\.218 /.exec(line) ?? []
    if (!stamp) return
    const at = microseconds(stamp)
    if (deleted) {
      deletedAt = at
    } else if (deletedAt !== undefined) {
      times.push((at - deletedAt) / 1000)
      deletedAt = undefined
    }
  })
  for (let i = 0; i < tries; i++) {
    await sleep(pause)
    await instance.ip(`rule del ${rule}`)
  }
  await sleep(1_000)
  monitor.kill()
  return times.sort((a, b) => a - b)
}

/** Of a stamp as `2026-11-22T18:15:35.311956`; of the day is enough. */
function microseconds(stamp: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = (stamp.split('T')[1] ?? '').split(':').map(Number)
  return Math.round(((hours * 60 + minutes) * 60 + seconds) * 1e6)
}
