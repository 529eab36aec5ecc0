import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'rolldown'

const manifest = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as { version: string }
// Packages name their commit, may rehearse another version, and leave dist/ alone.
const {
  ENI_ROUTED_VERSION: version = manifest.version,
  ENI_ROUTED_COMMIT: commit = '',
  ENI_ROUTED_DIST: dir = 'dist',
} = process.env

/**
 * Modules of Node's that packages load and the program never needs, each of them 2 ms of its start: pino knows transports
 * in threads of their own, and sonic-boom asserts that it was given a number.
 */
const unused: Readonly<Record<string, string>> = {
  worker_threads: 'module.exports = { isMainThread: true }',
  assert: 'module.exports = (holds, message) => { if (!holds) throw new Error(message) }',
}

export default defineConfig({
  // The first loads the second, with V8's compiled code of it where that is there.
  input: ['src/main.ts', 'src/program.ts'],
  platform: 'node',
  // koffi finds its prebuilt binary beside its own files, so it stays a package, loaded by our own hands.
  resolve: { alias: { koffi: fileURLToPath(new URL('src/koffi.ts', import.meta.url)) } },
  // CommonJS: importing Node's own modules the other way evaluates all that they export, 10 ms of it.
  plugins: [
    {
      name: 'without-unused',
      resolveId: (id) => (id in unused ? `\0${id}` : undefined),
      load: (id) => unused[id.slice(1)],
    },
    {
      name: 'type-of-dist',
      generateBundle() {
        this.emitFile({ type: 'asset', fileName: 'package.json', source: '{ "type": "commonjs" }\n' })
      },
    },
  ],
  transform: { define: { VERSION: JSON.stringify(version), COMMIT: JSON.stringify(commit) } },
  output: {
    ...{ dir, format: 'cjs', sourcemap: true, entryFileNames: '[name].js', cleanDir: true },
    // V8 keeps the text of what is loaded, in two bytes a character where a single one of a chunk needs two.
    comments: { legal: true, annotation: false, jsdoc: false },
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: false, asciiOnly: true } },
    // By itself: otherwise some module of ours that the daemon needs may share its chunk, and load it, which takes 10 ms.
    codeSplitting: { groups: [{ name: 'zod', test: /node_modules\/zod\// }] },
  },
})
