import { createInterface } from 'node:readline'
import { type Asked, type Faults, ImdsEmulator } from './imds.ts'

/** What the emulator does when asked by a line `{"id":1,"operation":"set", …}`; it answers `{"id":1, "result": …}`. */
export interface ImdsOperations {
  set(request: { documents: Readonly<Record<string, string>> }): void
  remove(request: { paths: readonly string[] }): void
  fail(request: { faults: Faults }): void
  forgetTokens(request: object): void
  /** What was asked since the last time. */
  asked(request: object): readonly Asked[]
}

const emulator = new ImdsEmulator()
const operations: ImdsOperations = {
  set: ({ documents }) => emulator.set(documents),
  remove: ({ paths }) => emulator.remove(...paths),
  fail: ({ faults }) => {
    emulator.faults = faults
  },
  forgetTokens: () => emulator.forgetTokens(),
  asked: () => emulator.asked.splice(0),
}

const [, , host = '', port = ''] = process.argv
const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const { id, operation, ...request } = JSON.parse(line) as { id: number; operation: keyof ImdsOperations }
  const result = (operations[operation] as (request: object) => unknown)(request) ?? null
  process.stdout.write(`${JSON.stringify({ id, result })}\n`)
})
lines.on('close', () => process.exit())
await emulator.listen(Number(port), host)
process.stdout.write(`${JSON.stringify({ id: 0, result: null })}\n`)
