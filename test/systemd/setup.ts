import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { guestImage } from '../support/guest-image.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Why there are no guests here; empty where there are. */
    noGuests: string
  }
}

/** The guest's root is made before the clock of any test runs. */
export default async function setup(project: TestProject): Promise<void> {
  const reason = await obstacle()
  if (reason) {
    console.log(`Not tested: the unit under systemd (test/systemd): ${reason}`)
  }
  project.provide('noGuests', reason)
}

async function obstacle(): Promise<string> {
  if (process.getuid?.() !== 0) {
    return 'guests need root'
  }
  const folders = `${process.env.PATH}:/usr/sbin:/sbin`.split(':')
  const missing = ['systemd-nspawn', 'mmdebstrap'].filter(
    (name) => !folders.some((path) => existsSync(join(path, name))),
  )
  if (missing.length > 0) {
    return `${missing.join(' and ')} not installed (apt-get install systemd-container mmdebstrap)`
  }
  try {
    await guestImage()
    return ''
  } catch (error) {
    return `the guest's root could not be made: ${(error as Error).message}`
  }
}
