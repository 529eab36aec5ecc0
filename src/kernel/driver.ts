import koffi from 'koffi'

/** linux/sockios.h, linux/ethtool.h */
const SIOCETHTOOL = 0x8946
const ETHTOOL_GDRVINFO = 3
const AF_INET = 2
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000
/** struct ethtool_drvinfo: the command, then the driver's name in 32 bytes. */
const DRVINFO_BYTES = 196
const DRIVER_AT = 4
const DRIVER_BYTES = 32
/** struct ifreq: the name in 16 bytes, then a pointer. */
const IFREQ_BYTES = 40
const POINTER_AT = 16

/**
 * Asks the kernel for the driver of a link, by the ethtool ioctl: sysfs may show another network namespace than the one
 * that the process is in. Returns undefined where the link has none, or is gone.
 */
export function createDriverLookup(): { driverOf(name: string): string | undefined; close(): void } {
  const libc = koffi.load(null)
  const ioctl = libc.func('int ioctl(int fd, unsigned long request, void *argument)')
  const close = libc.func('int close(int fd)')
  const fd: number = libc.func('int socket(int domain, int type, int protocol)')(AF_INET, SOCK_DGRAM_CLOEXEC, 0)
  const info = koffi.alloc('uint8_t', DRVINFO_BYTES)
  const request = Buffer.alloc(IFREQ_BYTES)
  return {
    driverOf(name) {
      koffi.encode(info, 'uint32_t', ETHTOOL_GDRVINFO)
      request.fill(0).write(name, 0, POINTER_AT - 1, 'latin1')
      request.writeBigUInt64LE(koffi.address(info), POINTER_AT)
      if (ioctl(fd, SIOCETHTOOL, request) !== 0) {
        return undefined
      }
      const bytes = koffi.decode(info, DRIVER_AT, 'uint8_t', DRIVER_BYTES) as Uint8Array
      return Buffer.from(bytes).toString('latin1').split('\0')[0] || undefined
    },
    close() {
      close(fd)
      koffi.free(info)
    },
  }
}
