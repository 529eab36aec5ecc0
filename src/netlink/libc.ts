import koffi from 'koffi'

// null: what the process itself is linked with, glibc or musl.
const libc = koffi.load(null)

/** Functions of libc by their manual pages in section 2. A negative result is a failure: see `errno`. */
export const socket: (domain: number, type: number, protocol: number) => number = libc.func(
  'int socket(int domain, int type, int protocol)',
)
export const bind: (fd: number, address: Buffer, length: number) => number = libc.func(
  'int bind(int fd, void *address, unsigned int length)',
)
export const listen: (fd: number, backlog: number) => number = libc.func('int listen(int fd, int backlog)')
export const getsockname: (fd: number, address: Buffer, length: Buffer) => number = libc.func(
  'int getsockname(int fd, void *address, void *length)',
)
export const setsockopt: (fd: number, level: number, option: number, value: Buffer, length: number) => number =
  libc.func('int setsockopt(int fd, int level, int option, void *value, unsigned int length)')
export const getsockopt: (fd: number, level: number, option: number, value: Buffer, length: Buffer) => number =
  libc.func('int getsockopt(int fd, int level, int option, void *value, void *length)')
export const sendto: (fd: number, bytes: Buffer, count: number, flags: number, to: Buffer, toLength: number) => number =
  libc.func('long sendto(int fd, void *bytes, size_t count, int flags, void *to, unsigned int toLength)')
/** With MSG_TRUNC the result is the datagram's whole length, also where the buffer is shorter. */
export const recvfrom: (
  fd: number,
  bytes: Buffer,
  count: number,
  flags: number,
  from: Buffer,
  fromLength: Buffer,
) => number = libc.func('long recvfrom(int fd, void *bytes, size_t count, int flags, void *from, void *fromLength)')
/** `headers`: one struct mmsghdr after another. An error behind the first datagram is that of the next call. */
export const recvmmsg: (fd: number, headers: Buffer, count: number, flags: number, timeout: null) => number = libc.func(
  'int recvmmsg(int fd, void *headers, unsigned int count, int flags, void *timeout)',
)
/** `fds`: one struct pollfd (fd, events and revents of 16 bits) after another; `timeout` in ms. */
export const poll: (fds: Buffer, count: number, timeout: number) => number = libc.func(
  'int poll(void *fds, unsigned long count, int timeout)',
)
/** sched_yield(2): what else can run on this processor runs first. */
export const giveWay: () => number = libc.func('int sched_yield()')
export const close: (fd: number) => number = libc.func('int close(int fd)')

/** errno(3) of the call before: to be asked at once. */
export const errno = (): number => koffi.errno()

export interface Watch {
  /** Stops watching; the file may be closed right after. */
  close(): void
}

const watches = new Set<Watch>()

/** koffi's declaration leaves the status out: negative where libuv gave the file up. */
type Poll = (fd: number, events: object, onEvent: (status: number) => void) => { close(): void; unref(): void }
const watchFile = koffi.node.poll as unknown as Poll

// koffi aborts the process where a watched file becomes readable while Node tears itself down.
process.on('exit', () => {
  for (const watch of watches) watch.close()
})

/** Calls `onReadable` from the event loop whenever the file can be read. It does not keep the process alive. */
export function watchReadable(fd: number, onReadable: () => void): Watch {
  let handle = poller()
  function poller() {
    const handle = watchFile(fd, { readable: true }, (status) => {
      onReadable()
      // A socket with an error (ENOBUFS: events were lost) is taken for a broken file: libuv stops its watch for good.
      if (status < 0) setImmediate(watchAgain)
    })
    handle.unref()
    return handle
  }
  const watchAgain = () => {
    if (watches.has(watch)) {
      handle.close()
      handle = poller()
    }
  }
  const watch = {
    close: () => {
      watches.delete(watch)
      handle.close()
    },
  }
  // The set also keeps the handle from being collected, upon which its events would stop.
  watches.add(watch)
  return watch
}
