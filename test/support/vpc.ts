import { test } from 'vitest'
import { Vpc, type VpcOptions } from '../../src/lab/vpc.ts'

/**
 * A `test` whose context has a `vpc` of its own, made when the test asks for it and removed however the test ends.
 * Without root such a test is reported as skipped, with the reason.
 *
 *     const test = vpcTest({ ipv6: 'ra' })
 *     test('answers', async ({ vpc }) => { … })
 */
export const vpcTest = (options: VpcOptions = {}) =>
  test.extend('vpc', async ({ skip }, { onCleanup }) => {
    skip(process.getuid?.() !== 0, 'network namespaces need root')
    const vpc = await Vpc.create(options)
    onCleanup(() => vpc.destroy())
    return vpc
  })
