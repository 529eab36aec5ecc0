import { defineConfig } from 'vitest/config'

export default defineConfig({
  define: { VERSION: JSON.stringify('0.0.0-test'), COMMIT: JSON.stringify('') },
  test: {
    // What is waited for comes in ms; a busy machine may take a second, and what does not come by itself takes a minute.
    expect: { poll: { timeout: 5_000 } },
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        extends: true,
        test: { name: 'netns', include: ['test/netns/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 },
      },
      {
        extends: true,
        test: {
          name: 'systemd',
          include: ['test/systemd/**/*.test.ts'],
          globalSetup: ['test/systemd/setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: { name: 'package', include: ['test/package/**/*.test.ts'], globalSetup: ['test/package/setup.ts'] },
      },
    ],
  },
})
