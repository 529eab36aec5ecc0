import { expectHangups } from './instance/hangup.ts'

// The first module that runs. The other verbs end with their terminal, as programs do.
if (process.argv.includes('run')) {
  expectHangups()
}
