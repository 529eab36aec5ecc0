import koffi from 'koffi'

export interface Libsystemd {
  /** sd_notify(3): `KEY=VALUE` lines for the service manager; false where they could not be handed over. */
  notify(lines: string): boolean
  /** sd_journal_send(3): one record, its fields in this order; false where the journal did not take it. */
  send(fields: readonly (readonly [name: string, value: string])[]): boolean
}

/**
 * libsystemd of this machine; undefined where there is none, as on Alpine. Loaded only where a service manager or a
 * journal is to be talked to: it costs 1.4 MB.
 */
export function loadLibsystemd(): Libsystemd | undefined {
  let library: ReturnType<typeof koffi.load>
  try {
    library = koffi.load('libsystemd.so.0')
  } catch {
    return undefined
  }
  // struct iovec of sys/uio.h.
  const iovec = koffi.struct({ base: 'void *', length: 'size_t' })
  const notify = library.func('int sd_notify(int unset_environment, const char *state)')
  const sendv = library.func('sd_journal_sendv', 'int', [koffi.pointer(iovec), 'int'])
  return {
    notify: (lines) => notify(0, lines) > 0,
    send: (fields) => {
      const parts = fields.map(([name, value]) => Buffer.from(`${name}=${value}`))
      return (
        sendv(
          parts.map((base) => ({ base, length: base.length })),
          parts.length,
        ) === 0
      )
    },
  }
}
