import { setFlagsFromString } from 'node:v8'
import { expectHangups } from './instance/hangup.ts'

// The first module that runs. The other verbs end with their terminal, as programs do.
if (process.argv.includes('run')) {
  expectHangups()
  // A daemon allocates a little at every event, for months. V8 answers each burst with a larger young generation, and
  // never makes it smaller: 300 attached and detached interfaces grew the process from 89 to 108 MB, and to 82 MB without
  // that growth. V8 reads this flag whenever it would grow, so it can be set in a process that runs.
  setFlagsFromString('--semi-space-growth-factor=1')
}
