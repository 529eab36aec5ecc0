import { chmodSync, closeSync, rmSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import { watchReadable } from '../netlink/libc.ts'
import { listenAt } from './listening-socket.ts'

export interface LocalServer {
  close(): void
}

/** Clients at a time; more are hung up on. */
const mostClients = 16

/**
 * Serves whoever connects to a unix socket; every local user may. Node's servers are loaded when the first one comes: with
 * them come cluster, child_process and dgram, 8 ms of the start and 1 MB of a daemon that nobody asks. `onError` is told
 * where there can be no such socket, or a client can't be taken.
 */
export function serveLocally(
  path: string,
  serve: (socket: Socket) => void,
  onError: (error: Error) => void,
): LocalServer {
  try {
    const fd = listenAt(path)
    chmodSync(path, 0o666)
    return serveAt(fd, path, serve, onError)
  } catch (error) {
    onError(error as Error)
    return { close: () => {} }
  }
}

function serveAt(fd: number, path: string, serve: (socket: Socket) => void, onError: (error: Error) => void) {
  let server: Server | undefined
  const open = () => {
    watch.close()
    // `import` would evaluate all that the module exports.
    const { createServer } = process.getBuiltinModule('node:net')
    server = createServer({ pauseOnConnect: true }, (socket) => {
      // A client that has gone is no fault of ours.
      socket.on('error', () => socket.destroy())
      serve(socket)
      socket.resume()
    })
    server.maxConnections = mostClients
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
      } else {
        watch.close()
        closeSync(fd)
      }
      rmSync(path, { force: true })
    },
  }
}
