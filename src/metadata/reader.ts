import type { Trouble } from '../policy/knowledge.ts'
import type { MetadataClient, MetadataFailure } from './client.ts'
import {
  folderDocument,
  type Leaf,
  type LeafValue,
  leaves,
  macsDocument,
  primaryMacDocument,
  read,
  type Schema,
} from './documents.ts'
import type { Unusable } from './service.ts'

const interfaces = 'network/interfaces/macs/'

/** The service gave no answer to go on with. */
export class Broken extends Error {
  readonly answer: Unusable

  constructor(answer: Unusable) {
    super('the metadata service fails')
    this.answer = answer
  }
}

export interface ReaderOptions {
  readonly client: MetadataClient
  /** ms that an answer is waited for. */
  readonly deadline: () => number
  readonly onAnswer: () => void
  readonly onFailure: (reason: MetadataFailure) => void
  /** A document is malformed that was not before. */
  readonly onMalformed: (path: string) => void
}

/** Reads documents: valid, or undefined where they are absent or malformed. */
export class Reader {
  readonly #options: ReaderOptions
  /** Malformed documents, by path. */
  readonly #troubles = new Map<string, Trouble>()

  constructor(options: ReaderOptions) {
    this.#options = options
  }

  get troubles(): readonly Trouble[] {
    return [...this.#troubles.values()]
  }

  /** @throws {Broken} */
  primaryMac(): Promise<string | undefined> {
    return this.#document('mac', primaryMacDocument)
  }

  /** The MACs of the instance's ENIs. @throws {Broken} */
  macs(): Promise<readonly string[] | undefined> {
    return this.#document(interfaces, macsDocument)
  }

  /** The names of the documents of an ENI. @throws {Broken} */
  async folder(mac: string): Promise<ReadonlySet<string> | undefined> {
    const names = await this.#document(`${interfaces}${mac}/`, folderDocument)
    return names && new Set(names)
  }

  /** @throws {Broken} */
  leaf(mac: string, leaf: Leaf): Promise<LeafValue | undefined> {
    return this.#document(`${interfaces}${mac}/${leaf}`, leaves[leaf])
  }

  /** What was wrong with the documents of a link that is gone is of no interest. */
  forget(mac: string): void {
    for (const path of [...this.#troubles.keys()].filter((path) => path.startsWith(interfaces + mac))) {
      this.#troubles.delete(path)
    }
  }

  async #document<T>(path: string, schema: Schema<T>): Promise<T | undefined> {
    const { client, deadline, onAnswer, onFailure } = this.#options
    const answer = await client.get(path, deadline())
    if (answer.kind === 'failed' || answer.kind === 'refused') {
      onFailure(answer.kind === 'refused' ? 'refused' : answer.reason)
      throw new Broken(answer)
    }
    onAnswer()
    return answer.kind === 'absent' ? undefined : this.#understood(path, schema, answer.body)
  }

  #understood<T>(path: string, schema: Schema<T>, body: string): T | undefined {
    const document = read(schema, body)
    if ('value' in document) {
      this.#troubles.delete(path)
      return document.value
    }
    this.#options.onFailure('malformed')
    if (!this.#troubles.has(path)) {
      this.#troubles.set(path, {
        severity: 'warning',
        problem: `the metadata document ${path} is malformed and ignored: ${document.problem}`,
        remedy: 'what was known stays; it is read again from time to time, and at once by: systemctl reload eni-routed',
      })
      this.#options.onMalformed(path)
    }
    return undefined
  }
}
