import { constants } from 'node:os'

/** One name a number: where two are in use, the one that ip(8) and the man pages say. */
const aliases: readonly string[] = ['EWOULDBLOCK', 'ENOTSUP']
const errnoNames: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).flatMap(([name, value]) => (aliases.includes(name) ? [] : [[value, name] as const])),
)

/** `ESRCH` for 3; `errno 524` for a number that has no name in libc (the kernel leaks such ones). */
export const errnoName = (errno: number): string => errnoNames.get(errno) ?? `errno ${errno}`

export interface NetlinkErrorFields {
  /** What was asked: a message type (`RTM_NEWRULE`) or a system call (`bind`). */
  readonly operation: string
  /** Positive error number of errno(3). */
  readonly errno: number
  /** The kernel's own words, from the extended acknowledgement. */
  readonly kernelText?: string
  /** Byte in the request (from its nlmsghdr on) that the kernel objects to. */
  readonly offset?: number
  /** nlmsg_seq of the request. */
  readonly sequence?: number
}

/** The one error of this folder: a request that the kernel refused, or a socket that did not carry it. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError'
  readonly operation: string
  readonly errno: number
  /** `ESRCH`, `EEXIST`, …; `ENOBUFS` and `ETIMEDOUT` say that the outcome is unknown. */
  readonly code: string
  readonly kernelText: string | undefined
  readonly offset: number | undefined
  readonly sequence: number | undefined

  constructor({ operation, errno, kernelText, offset, sequence }: NetlinkErrorFields) {
    const code = errnoName(errno)
    super(`${operation}: ${code}${kernelText ? `: ${kernelText}` : ''}`)
    this.operation = operation
    this.errno = errno
    this.code = code
    this.kernelText = kernelText
    this.offset = offset
    this.sequence = sequence
  }
}

/** The answer did not come, or was lost: whether the kernel did what was asked is not known. */
export const isOutcomeUnknown = (error: NetlinkError): boolean => error.code === 'ENOBUFS' || error.code === 'ETIMEDOUT'
