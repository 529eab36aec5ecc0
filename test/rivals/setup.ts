import { guestImage } from '../support/guest-image.ts'

/** The guest's root is made before the clock of any test runs. */
export default async function setup(): Promise<void> {
  if (process.getuid?.() === 0) {
    await guestImage()
  }
}
