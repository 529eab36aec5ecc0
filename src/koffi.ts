import { closeSync, openSync, readSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type koffi from 'koffi'

/**
 * Stands for the package `koffi` in the bundle. Its own search for its binary reads a dozen files and takes 7 ms, a
 * tenth of the daemon's start; the binary by itself is there in 2 ms. Where it is not found in its usual place, the
 * package searches.
 */
export default load()

function load(): typeof koffi {
  const require = createRequire(import.meta.url)
  try {
    const folder = dirname(require.resolve(`@koromix/koffi-linux-${process.arch}`))
    const native = { exports: {} as typeof koffi }
    process.dlopen(native, join(folder, `${libcName()}_${process.arch}`, 'koffi.node'))
    return native.exports
  } catch {
    return require('koffi')
  }
}

/** As koffi names the builds: told by the program interpreter that Node asks for (elf(5), PT_INTERP). */
function libcName(): 'musl' | 'linux' {
  const head = Buffer.alloc(4096)
  const fd = openSync(process.execPath, 'r')
  readSync(fd, head, 0, head.length, 0)
  closeSync(fd)
  return head.includes('/ld-musl-') ? 'musl' : 'linux'
}
