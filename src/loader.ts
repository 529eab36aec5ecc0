import type { Chunks } from './chunks.ts'

let loader: Chunks | undefined

/** What loads this program. */
export const loadedBy = (chunks: Chunks): void => {
  loader = chunks
}

/** undefined where nothing was bundled, as in tests. */
export const loadedProgram = (): Chunks | undefined => loader
