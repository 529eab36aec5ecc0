import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { mappedFiles, tidier } from '../../src/memory.ts'

const entry = (range: string, mode: string, inode: number, name: string, anonymous = 0, rss = 512) =>
  `${range} ${mode} 00001000 fe:00 ${inode}      ${name}
Size:               1024 kB
Rss:                ${rss} kB
Pss_Anon:              7 kB
Anonymous:             ${anonymous} kB
AnonHugePages:         0 kB
VmFlags: rd ex mr
`

test.each([
  { name: 'code', smaps: entry('0074a000-0304a000', 'r-xp', 77, '/usr/bin/node'), found: true },
  { name: 'constants', smaps: entry('0074a000-0304a000', 'r--p', 77, '/usr/bin/my node'), found: true },
  { name: 'what the linker wrote to', smaps: entry('0074a000-0304a000', 'r--p', 77, '/usr/bin/node', 8), found: false },
  { name: 'variables', smaps: entry('0074a000-0304a000', 'rw-p', 77, '/usr/bin/node'), found: false },
  { name: 'a part that others see', smaps: entry('0074a000-0304a000', 'r--s', 77, '/usr/bin/node'), found: false },
  { name: 'memory of no file', smaps: entry('0074a000-0304a000', 'r--p', 0, ''), found: false },
  { name: 'the kernel’s own', smaps: entry('7ffc0000-7ffc2000', 'r-xp', 0, '[vdso]'), found: false },
  { name: 'a small part', smaps: entry('0074a000-0304a000', 'r-xp', 77, '/usr/bin/node', 0, 64), found: false },
])('$name: given back is $found', ({ smaps, found }) => {
  const others = entry('00400000-00500000', 'rw-p', 77, '/usr/bin/node')
  expect(mappedFiles(others + smaps + others)).toEqual(found ? [{ start: 0x74a000, bytes: 0x2900000 }] : [])
})

test('a process gives back at first, and then not before it has grown', async () => {
  const rss = () => Number(/^Rss: +(\d+)/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))?.[1])
  const tidy = tidier()
  const before = rss()
  tidy()
  expect(rss()).toBeLessThan(0.9 * before)
  // What nobody holds is there until all garbage is collected.
  const unheld = new WeakRef({})
  await sleep(1)
  tidy()
  expect(unheld.deref()).toBeDefined()
  await sleep(1)
  const growth = Buffer.alloc(32 * 1024 * 1024, 1)
  tidy()
  expect(unheld.deref()).toBeUndefined()
  expect(growth.at(-1)).toBe(1)
})
