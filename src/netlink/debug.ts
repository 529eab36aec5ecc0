import { messageName } from './constants.ts'
import { eachMessage } from './framing.ts'

/** Takes one line a message, as mdlayher/netlink prints them with NLDEBUG. */
export type Debug = (line: string) => void

/** Prints every message of a datagram: direction, type, flags, sequence, port, bytes of the body, the body. */
export function debugDatagram(debug: Debug | undefined, direction: 'send' | 'recv', datagram: Buffer): void {
  if (!debug) {
    return
  }
  const whole = eachMessage(datagram, ({ type, flags, sequence, portId, payload }) =>
    debug(
      `nl: ${direction} ${messageName(type)} flags=0x${flags.toString(16)} seq=${sequence} pid=${portId} ` +
        `len=${payload.length} ${payload.toString('hex')}`,
    ),
  )
  if (!whole) {
    debug(`nl: ${direction} ends inside a message: ${datagram.toString('hex')}`)
  }
}
