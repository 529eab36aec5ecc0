import type { Reply } from './http.ts'

/*
 * Session tokens of IMDSv2 (EC2 user guide, "Use the Instance Metadata Service to access instance metadata").
 */

export const tokenPath = '/latest/api/token'

/** Seconds; the longest that the service gives out, so that a quiet host asks for one every six hours. */
const longestTtl = 21_600

const ttlHeader = 'x-aws-ec2-metadata-token-ttl-seconds'

export const tokenRequestHeaders = { [ttlHeader]: String(longestTtl) } as const

export interface Token {
  readonly value: string
  /** ms of the clock by which it was asked for; a little before the service ends it. */
  readonly endsAt: number
}

/** The token in a reply of status 200; `asked` is when it was asked for, in ms. Undefined where the reply holds none. */
export function tokenFrom({ body, headers }: Reply, asked: number): Token | undefined {
  const value = body.trim()
  // It travels in a header: anything else in it would be refused there, or split it.
  if (!/^[\x21-\x7e]{1,4096}$/.test(value)) {
    return undefined
  }
  const told = Number(headers[ttlHeader])
  const ttl = told >= 1 && told <= longestTtl ? told : longestTtl
  return { value, endsAt: asked + 1000 * ttl * 0.95 }
}
