/**
 * SIGHUP ends a process that has no handler. A reload may be asked for while the daemon still loads, so this module is
 * to be imported first; what arrives before the daemon is ready is done as soon as it is.
 */
let pending = false
let reload: (() => void) | undefined

/** Keeps a SIGHUP from ending the process, and remembers it. */
export function expectHangups(): void {
  process.on('SIGHUP', () => {
    pending = reload === undefined
    reload?.()
  })
}

/** From now on, and for a SIGHUP that came before, `action` is taken. */
export function onHangup(action: () => void): void {
  reload = action
  if (pending) {
    pending = false
    action()
  }
}
