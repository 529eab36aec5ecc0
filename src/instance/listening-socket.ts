import { errnoName } from '../netlink/errors.ts'
import * as libc from '../netlink/libc.ts'

const AF_UNIX = 1
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000
/** struct sockaddr_un (unix(7)): the family in 16 bits, then the path, which ends in a zero. */
const PATH_AT = 2
const ADDRESS_BYTES = 110
/** Connections that may wait. */
const backlog = 64

/**
 * Opens a unix socket on which connections wait from now on, for somebody who takes them later. @throws {Error} with the
 * kernel's reason
 */
export function listenAt(path: string): number {
  const check = (operation: string, result: number): number => {
    if (result >= 0) return result
    throw new Error(`${operation} ${path}: ${errnoName(libc.errno())}`)
  }
  const address = unixAddress(path)
  const fd = check('socket for', libc.socket(AF_UNIX, SOCK_STREAM_CLOEXEC, 0))
  try {
    check('bind', libc.bind(fd, address, ADDRESS_BYTES))
    check('listen at', libc.listen(fd, backlog))
    return fd
  } catch (error) {
    libc.close(fd)
    throw error
  }
}

function unixAddress(path: string): Buffer {
  const address = Buffer.alloc(ADDRESS_BYTES)
  address.writeUInt16LE(AF_UNIX)
  const length = address.write(path, PATH_AT)
  if (length < Buffer.byteLength(path) || PATH_AT + length === ADDRESS_BYTES) {
    throw new Error(`${path}: too long for a socket, which may have ${ADDRESS_BYTES - PATH_AT - 1} bytes`)
  }
  return address
}
