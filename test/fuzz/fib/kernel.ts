import { agrees, isHidden, type KernelWay } from '../../../src/policy/fib/answer.ts'
import type { Packet } from '../../../src/policy/fib/packet.ts'
import { fibOf, type Picture } from '../../../src/policy/fib/picture.ts'
import { type Way, wayOut } from '../../../src/policy/fib/way.ts'
import type { Random } from '../random.ts'
import { Bench } from './bench.ts'
import { randomPacket } from './questions.ts'

const questionsEach = 60

export interface Disagreement {
  readonly packet: Packet
  readonly model: Way
  readonly kernel: KernelWay
  readonly picture: Picture
  readonly commands: readonly string[]
}

const lookAgain = 3

const viewOf = (bench: Bench) => {
  const picture = bench.inquiry.picture()
  return { picture, fib: fibOf(picture) }
}

function disagrees({ fib, picture }: ReturnType<typeof viewOf>, packet: Packet, bench: Bench): boolean {
  const kernel = bench.inquiry.wayOf(packet)
  return !agrees(wayOut(fib, packet, { asked: true }), kernel) && !isHidden(kernel, picture.routes)
}

/** Compares the model with RTM_GETROUTE over random configurations until `done`; returns the first disagreement. */
export function fuzzKernel(
  random: Random,
  done: (rounds: number) => boolean,
): { rounds: number; questions: number; first?: Disagreement } {
  const bench = new Bench()
  let rounds = 0
  let questions = 0
  try {
    for (; !done(rounds); rounds++) {
      bench.shuffle(random)
      let view = viewOf(bench)
      const indexes = view.picture.links.filter(({ name }) => name.startsWith('f')).map(({ index }) => index)
      for (let i = 0; i < questionsEach; i++, questions++) {
        const packet = randomPacket(random, indexes)
        for (let tries = 0; disagrees(view, packet, bench); tries++) {
          if (tries === lookAgain) {
            const model = wayOut(view.fib, packet, { asked: true })
            const kernel = bench.inquiry.wayOf(packet)
            return {
              rounds,
              questions,
              first: { packet, model, kernel, picture: view.picture, commands: bench.commands },
            }
          }
          // The kernel notices a lost carrier up to a second later: what was read may be of before.
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
          view = viewOf(bench)
        }
      }
    }
    return { rounds, questions }
  } finally {
    bench.close()
  }
}
