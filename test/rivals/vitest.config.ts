import { defineConfig } from 'vitest/config'

/** Real rivals in a guest. Not part of `npm test`: it takes minutes, and its packages come from Debian. */
export default defineConfig({
  define: { VERSION: JSON.stringify('0.0.0-test'), COMMIT: JSON.stringify('') },
  test: {
    name: 'rivals',
    include: ['test/rivals/**/*.test.ts'],
    root: new URL('../..', import.meta.url).pathname,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Pings of 1 ms share the processors with nobody.
    fileParallelism: false,
    globalSetup: ['test/rivals/setup.ts'],
  },
})
