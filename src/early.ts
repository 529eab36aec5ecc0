import { writeFileSync } from 'node:fs'
import { expectHangups } from './instance/hangup.ts'

// The first module that runs. The other verbs end with their terminal, as programs do.
if (process.argv.includes('run')) {
  expectHangups()
  takeName()
}

/** Node calls its main thread MainThread: ps, top, pgrep, systemctl and the journal's _COMM are to show ours. */
function takeName(): void {
  try {
    writeFileSync('/proc/self/comm', 'eni-routed')
  } catch {
    // Without /proc the daemon runs under the other name.
  }
}
