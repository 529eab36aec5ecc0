import { type Call, call, type Reply } from './http.ts'
import { type Token, tokenFrom, tokenPath, tokenRequestHeaders } from './token.ts'

/** What came of one question. */
export type Answer =
  | { readonly kind: 'document'; readonly body: string }
  /** 404: not there yet, or never. */
  | { readonly kind: 'absent' }
  /** 403: the instance's owner turned the metadata off, or a firewall in between. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'failed'; readonly reason: Failure; readonly problem: string }

/** `unreachable`: nobody listens there, as on every host that is not on EC2; `timeout`: no whole answer came in time. */
export type Failure = 'unreachable' | 'timeout' | 'status' | 'malformed'

/** How a question to the service failed. */
export type MetadataFailure = Failure | 'refused'

export interface MetadataClient {
  /** Asks for one document by its path under /latest/meta-data/. `deadline`: ms that a request may take in all, 1 s by default. */
  get(path: string, deadline?: number): Promise<Answer>
  /** Ends what is under way. */
  close(): void
}

export interface ClientOptions {
  /** In the order in which they are tried: those of EC2 are 169.254.169.254 and [fd00:ec2::254]. */
  readonly endpoints: readonly string[]
  /** Is told of every request that is sent. */
  readonly onRequest?: () => void
  /** Waits until the next request may be sent. */
  readonly pace?: () => Promise<void>
  /** ms of a monotonic clock. */
  readonly now?: () => number
}

interface Session {
  readonly endpoint: string
  readonly token: Token
}

/**
 * An IMDSv2 client: a session token first, renewed before it ends or when it is refused; then documents. Several questions
 * at a time share one token, and one request for it.
 */
export class Imds implements MetadataClient {
  readonly #options: Required<ClientOptions>
  readonly #abort = new AbortController()
  #session: Session | undefined
  #opening: Promise<Session> | undefined

  constructor(options: ClientOptions) {
    this.#options = { onRequest: () => {}, pace: async () => {}, now: () => performance.now(), ...options }
  }

  async get(path: string, deadline = 1_000): Promise<Answer> {
    try {
      const session = await this.#openSession(deadline)
      const reply = await this.#ask(session, path, deadline)
      // The token ended before its time: the service was restarted. Once; the next 401 is a failure.
      return judge(reply.status === 401 ? await this.#ask(await this.#renew(session, deadline), path, deadline) : reply)
    } catch (error) {
      return this.#failed(error as Error)
    }
  }

  close(): void {
    this.#abort.abort()
  }

  #ask({ endpoint, token }: Session, path: string, deadline: number): Promise<Reply> {
    return this.#call({
      deadline,
      method: 'GET',
      endpoint,
      path: `/latest/meta-data/${path}`,
      headers: { 'X-aws-ec2-metadata-token': token.value },
    })
  }

  /** Another one than that which was refused; somebody who asks at the same time may have it already. */
  #renew(refused: Session, deadline: number): Promise<Session> {
    if (this.#session === refused) {
      this.#session = undefined
    }
    return this.#openSession(deadline)
  }

  async #openSession(deadline: number): Promise<Session> {
    if (this.#session && this.#session.token.endsAt > this.#options.now()) {
      return this.#session
    }
    this.#opening ??= this.#newSession(deadline).finally(() => {
      this.#opening = undefined
    })
    this.#session = await this.#opening
    return this.#session
  }

  /** The first endpoint that gives a token. An instance has the IPv6 one only where that was switched on. */
  async #newSession(deadline: number): Promise<Session> {
    let failure: unknown
    for (const endpoint of this.#options.endpoints) {
      try {
        return { endpoint, token: await this.#newToken(endpoint, deadline) }
      } catch (error) {
        if (error instanceof Refused) throw error
        failure ??= error
      }
    }
    throw failure
  }

  async #newToken(endpoint: string, deadline: number): Promise<Token> {
    const asked = this.#options.now()
    const reply = await this.#call({ method: 'PUT', endpoint, path: tokenPath, headers: tokenRequestHeaders, deadline })
    if (reply.status === 403) {
      throw new Refused()
    }
    if (reply.status !== 200) {
      throw new Failed('status', `${endpoint} answers ${reply.status} when asked for a session token`)
    }
    const token = tokenFrom(reply, asked)
    if (!token) {
      throw new Failed('malformed', `${endpoint} gave a session token that is none`)
    }
    return token
  }

  async #call({ deadline, ...what }: Omit<Call, 'signal'> & { readonly deadline: number }): Promise<Reply> {
    await this.#options.pace()
    this.#options.onRequest()
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(deadline)])
    try {
      return await call({ ...what, signal })
    } catch (error) {
      throw unanswered(what.endpoint, deadline, error as NodeJS.ErrnoException)
    }
  }

  #failed(error: Error): Answer {
    if (error instanceof Refused) {
      return { kind: 'refused' }
    }
    if (!(error instanceof Failed)) {
      // Nothing that is asked for information may end the daemon.
      return { kind: 'failed', reason: 'malformed', problem: error.message }
    }
    if (error.reason === 'unreachable' || error.reason === 'timeout') {
      // Another endpoint may answer, or the same by another way.
      this.#session = undefined
    }
    return { kind: 'failed', reason: error.reason, problem: error.message }
  }
}

function judge({ status, body }: Reply): Answer {
  switch (status) {
    case 200:
      return { kind: 'document', body }
    case 404:
      return { kind: 'absent' }
    case 403:
      return { kind: 'refused' }
    default:
      return { kind: 'failed', reason: 'status', problem: `the metadata service answers ${status}` }
  }
}

class Refused extends Error {}

class Failed extends Error {
  readonly reason: Failure

  constructor(reason: Failure, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

/** Errors of connect(2) that come at once, where there is no such service. */
const nobodyThere: readonly (string | undefined)[] = [
  'ECONNREFUSED',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'ENETDOWN',
]

/** No whole reply came. */
function unanswered(endpoint: string, deadline: number, cause: NodeJS.ErrnoException): Failed {
  const why = cause.name === 'AbortError' ? `no answer within ${deadline} ms` : (cause.code ?? cause.message)
  const reason = nobodyThere.includes(cause.code) ? 'unreachable' : 'timeout'
  return new Failed(reason, `${endpoint}: ${why}`, { cause })
}
