import { readFileSync } from 'node:fs'
import { defineConfig } from 'rolldown'

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as { version: string }

export default defineConfig({
  input: 'src/main.ts',
  platform: 'node',
  // koffi finds its prebuilt binary beside its own files, so it stays a package.
  external: ['koffi'],
  transform: { define: { VERSION: JSON.stringify(version) } },
  output: { dir: 'dist', format: 'esm', sourcemap: true, entryFileNames: '[name].js', cleanDir: true },
})
