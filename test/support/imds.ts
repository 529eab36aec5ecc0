import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** What goes wrong at the service, as plain data; several may be in force. */
export interface Faults {
  /** ms before every answer. */
  readonly latency?: number
  /** Connections are accepted and never answered. */
  readonly hang?: boolean
  /** Connections break in the middle of a document. */
  readonly cut?: boolean
  /** Connections are reset before an answer. */
  readonly reset?: boolean
  /** Part of the requests, from 0 to 1, that is answered 503. */
  readonly busy?: number
  /** Every document is answered 401, whatever the token. */
  readonly storm?: boolean
  /** Part of the questions for documents, from 0 to 1, that is answered 401, whatever the token. */
  readonly denied?: number
  /** Every request is answered with this status. */
  readonly status?: number
  /** Documents are this text instead. */
  readonly garbage?: string
  /** Seconds that tokens live, whatever was asked for; the header does not tell. */
  readonly tokenSeconds?: number
}

export interface Asked {
  readonly method: string
  /** Below /latest/meta-data/ for documents. */
  readonly path: string
  readonly status: number
}

/**
 * An instance metadata service, version 2 alone, as the EC2 user guide describes it ("Use the Instance Metadata Service to
 * access instance metadata"): tokens by PUT with a TTL of 1 to 21,600 s, 400 for a bad one, 403 behind a proxy, 401 without a
 * valid token, 404 for what is not there, listings of folders. Documents and faults may be changed while it runs.
 */
export class ImdsEmulator {
  readonly asked: Asked[] = []
  faults: Faults = {}
  readonly #documents = new Map<string, string>()
  readonly #tokens = new Map<string, number>()
  readonly #sockets = new Set<Socket>()
  readonly #server: Server
  #chance = 1

  constructor() {
    this.#server = createServer((request, response) => this.#handle(request, response))
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  /** Resolves to its address as an endpoint. */
  async listen(port = 0, host = '127.0.0.1'): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, host, resolve))
    const { address, port: given } = this.#server.address() as AddressInfo
    return `http://${address.includes(':') ? `[${address}]` : address}:${given}`
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) {
      socket.destroy()
    }
  }

  /** Puts documents in place, by their path under /latest/meta-data/. */
  set(documents: Readonly<Record<string, string>>): void {
    for (const [path, text] of Object.entries(documents)) {
      this.#documents.set(path, text)
    }
  }

  /** Takes away documents, or all below a folder (`…/`). */
  remove(...paths: readonly string[]): void {
    for (const known of [...this.#documents.keys()]) {
      if (paths.some((path) => known === path || (path.endsWith('/') && known.startsWith(path)))) {
        this.#documents.delete(known)
      }
    }
  }

  /** Every token given out so far is none any more. */
  forgetTokens(): void {
    this.#tokens.clear()
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    request.resume()
    if (this.faults.hang) {
      return
    }
    if (this.faults.reset) {
      request.socket.resetAndDestroy()
      return
    }
    const { latency } = this.faults
    // A timer takes a millisecond at least.
    if (latency) setTimeout(() => this.#answer(request, response), latency)
    else this.#answer(request, response)
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '' } = request
    const path = url.replace('/latest/meta-data/', '')
    const { status, body = '', headers = {} } = this.#reply(request, path)
    this.asked.push({ method, path, status })
    if (this.faults.cut && status === 200 && method === 'GET') {
      response.writeHead(200, { 'Content-Length': body.length + 100 })
      response.write(body, () => response.destroy())
      return
    }
    response.writeHead(status, { Server: 'EC2ws', 'Content-Type': 'text/plain', ...headers })
    response.end(body)
  }

  #reply(request: IncomingMessage, path: string): { status: number; body?: string; headers?: Record<string, string> } {
    if (this.faults.status) {
      return { status: this.faults.status }
    }
    if (this.#random() < (this.faults.busy ?? 0)) {
      return { status: 503 }
    }
    if (request.url === '/latest/api/token') {
      return this.#giveToken(request)
    }
    const endsAt = this.#tokens.get(String(request.headers['x-aws-ec2-metadata-token'])) ?? 0
    if (request.method !== 'GET' || endsAt < performance.now() || this.#denies()) {
      return { status: 401 }
    }
    const body = this.#documents.get(path) ?? this.#listing(path)
    return body === undefined ? { status: 404 } : { status: 200, body: this.faults.garbage ?? body }
  }

  #denies(): boolean {
    return this.faults.storm === true || this.#random() < (this.faults.denied ?? 0)
  }

  #giveToken({ method, headers }: IncomingMessage) {
    const ttl = String(headers['x-aws-ec2-metadata-token-ttl-seconds'] ?? '')
    if (method !== 'PUT') return { status: 405 }
    if (headers['x-forwarded-for'] !== undefined) return { status: 403 }
    if (!/^\d+$/.test(ttl) || Number(ttl) < 1 || Number(ttl) > 21_600) return { status: 400 }
    const seconds = this.faults.tokenSeconds ?? Number(ttl)
    const token = randomBytes(42).toString('base64url')
    this.#tokens.set(token, performance.now() + 1000 * seconds)
    const told = this.faults.tokenSeconds ? {} : { 'X-Aws-Ec2-Metadata-Token-Ttl-Seconds': ttl }
    return { status: 200, body: token, headers: told }
  }

  /** What lies in a folder, a line each, folders with a slash behind them. */
  #listing(path: string): string | undefined {
    const folder = path === '' || path.endsWith('/') ? path : `${path}/`
    const names = [...this.#documents.keys()]
      .filter((known) => known.startsWith(folder))
      .map((known) => known.slice(folder.length).replace(/\/.*/, '/'))
    return names.length === 0 ? undefined : [...new Set(names)].join('\n')
  }

  /** The same sequence in every run (Numerical Recipes' generator). */
  #random(): number {
    this.#chance = (this.#chance * 1_664_525 + 1_013_904_223) % 2 ** 32
    return this.#chance / 2 ** 32
  }
}

/** An ENI as the VPC knows it, for its documents. */
export interface EniDocuments {
  readonly mac: string
  readonly id: string
  readonly device: number
  /** Instances with one network card have no such document. */
  readonly card?: number
  readonly ipv4?: readonly string[]
  readonly subnet?: string
  readonly vpc?: readonly string[]
  readonly ipv6?: readonly string[]
  readonly subnetsIpv6?: readonly string[]
  readonly prefixes?: readonly string[]
  readonly prefixesIpv6?: readonly string[]
}

export const folderOf = (mac: string): string => `network/interfaces/macs/${mac}/`

/** The documents of an ENI as an instance of the EC2 shows them: those that we read, and some of their neighbours. */
export function documentsOf(eni: EniDocuments): Record<string, string> {
  const { ipv4, subnet, ipv6, subnetsIpv6, prefixes, prefixesIpv6, card } = eni
  const all: Record<string, string | undefined> = {
    'device-number': String(eni.device),
    'interface-id': eni.id,
    'ipv4-prefix': prefixes?.join('\n'),
    'ipv6-prefix': prefixesIpv6?.join('\n'),
    ipv6s: ipv6?.join('\n'),
    'local-hostname': ipv4 && `ip-${ipv4[0]?.replaceAll('.', '-')}.eu-central-1.compute.internal`,
    'local-ipv4s': ipv4?.join('\n'),
    mac: eni.mac,
    'network-card': card === undefined ? undefined : String(card),
    'owner-id': '123456789012',
    'security-group-ids': 'sg-0123456789abcdef0',
    'security-groups': 'default',
    'subnet-id': 'subnet-0123456789abcdef0',
    'subnet-ipv4-cidr-block': subnet,
    'subnet-ipv6-cidr-blocks': subnetsIpv6?.join('\n'),
    'vpc-id': 'vpc-0123456789abcdef0',
    'vpc-ipv4-cidr-block': eni.vpc?.[0] ?? (ipv4 && '172.31.0.0/16'),
    'vpc-ipv4-cidr-blocks': eni.vpc?.join('\n') ?? (ipv4 && '172.31.0.0/16'),
    ...Object.fromEntries((ipv4 ?? []).slice(0, 1).map((address) => [`ipv4-associations/198.51.100.7`, address])),
  }
  const present = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return Object.fromEntries(present.map(([name, text]) => [folderOf(eni.mac) + name, text]))
}
