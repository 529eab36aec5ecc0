import { chmodSync, closeSync, rmSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import { watchReadable } from '../netlink/libc.ts'
import { listenAt } from './listening-socket.ts'

export interface LocalServer {
  close(): void
}

/** Clients at a time. One more takes the place of the one that is here for the longest: an answer takes a ms. */
const mostClients = 16
/** ms that a client has for all it wants. Any local user may come, and none is to keep others out. */
const longestVisit = 5_000

/**
 * Serves whoever connects to a unix socket; every local user may. Node's servers are loaded when the first one comes: with
 * them come cluster, child_process and dgram, 8 ms of the start and 1 MB of a daemon that nobody asks. `onError` is told
 * where there can be no such socket, or a client can't be taken; `patience` in ms.
 */
export function serveLocally(
  path: string,
  serve: (socket: Socket) => void,
  onError: (error: Error) => void,
  patience = longestVisit,
): LocalServer {
  try {
    const fd = listenAt(path)
    chmodSync(path, 0o666)
    return serveAt(fd, path, new Visitors(serve, patience), onError)
  } catch (error) {
    onError(error as Error)
    return { close: () => {} }
  }
}

/** Those who are connected. */
class Visitors {
  readonly #serve: (socket: Socket) => void
  readonly #patience: number
  readonly #here = new Set<Socket>()

  constructor(serve: (socket: Socket) => void, patience: number) {
    this.#serve = serve
    this.#patience = patience
  }

  receive(socket: Socket): void {
    const [oldest] = this.#here
    if (oldest && this.#here.size === mostClients) {
      this.#here.delete(oldest)
      oldest.destroy()
    }
    this.#here.add(socket)
    const late = setTimeout(() => socket.destroy(), this.#patience)
    socket.on('close', () => {
      clearTimeout(late)
      this.#here.delete(socket)
    })
    // A client that has gone is no fault of ours; one that has its answer has nothing more to say.
    socket.on('error', () => socket.destroy())
    socket.on('finish', () => socket.destroy())
    this.#serve(socket)
    socket.resume()
  }

  /** A process with a client does not end. */
  dismiss(): void {
    for (const socket of this.#here) socket.destroy()
  }
}

function serveAt(fd: number, path: string, visitors: Visitors, onError: (error: Error) => void) {
  let server: Server | undefined
  const open = () => {
    watch.close()
    // `import` would evaluate all that the module exports.
    const { createServer } = process.getBuiltinModule('node:net')
    server = createServer({ pauseOnConnect: true }, (socket) => visitors.receive(socket))
    server.on('error', onError).listen({ fd })
  }
  let opening: NodeJS.Immediate | undefined
  const watch = watchReadable(fd, () => {
    opening ??= setImmediate(open)
  })
  return {
    close() {
      clearImmediate(opening)
      if (server) {
        server.close()
        visitors.dismiss()
      } else {
        watch.close()
        closeSync(fd)
      }
      rmSync(path, { force: true })
    },
  }
}
