import { Attributes, align } from './attributes.ts'
import { messageName, NLM_F, NLMSG } from './constants.ts'
import { NetlinkError } from './errors.ts'
import { HEADER_BYTES, type Message } from './framing.ts'

/** Attributes of an extended acknowledgement (enum nlmsgerr_attrs). */
const NLMSGERR_ATTR = { MSG: 1, OFFS: 2 } as const

const EPROTO = 71

/**
 * What an NLMSG_ERROR or NLMSG_DONE message says about the request of type `requestType`: undefined for success.
 * Both begin with a negative errno; of NLMSG_ERROR the request's header follows, and the request where not capped.
 */
export function verdict(message: Message, requestType: number): NetlinkError | undefined {
  const { payload, sequence } = message
  const operation = messageName(requestType)
  if (payload.length < 4) {
    // An old kernel's NLMSG_DONE is empty; an NLMSG_ERROR without its number says nothing at all.
    return message.type === NLMSG.DONE ? undefined : new NetlinkError({ operation, errno: EPROTO, sequence })
  }
  const errno = -payload.readInt32LE(0)
  return errno === 0 ? undefined : new NetlinkError({ operation, errno, sequence, ...explanation(message) })
}

function explanation(message: Message): { kernelText?: string; offset?: number } {
  const found: { kernelText?: string; offset?: number } = {}
  if ((message.flags & NLM_F.ACK_TLVS) === 0) {
    return found
  }
  const attributes = new Attributes(message.payload, explanationStart(message))
  while (attributes.next()) {
    if (attributes.type === NLMSGERR_ATTR.MSG) found.kernelText = attributes.text()
    if (attributes.type === NLMSGERR_ATTR.OFFS) found.offset = attributes.u32()
  }
  return found
}

function explanationStart({ type, flags, payload }: Message): number {
  if (type === NLMSG.DONE) {
    return 4
  }
  const capped = (flags & NLM_F.CAPPED) !== 0 || payload.length < 8
  return 4 + (capped ? HEADER_BYTES : align(payload.readUInt32LE(4)))
}
