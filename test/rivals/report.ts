import type { Row } from './row.ts'

declare module 'vitest' {
  interface TaskMeta {
    rows?: readonly Row[]
  }
}

/** Hands rows to the reporter, which runs in another process. */
export function report(task: { meta: { rows?: readonly Row[] } }, ...rows: readonly Row[]): void {
  task.meta.rows = [...(task.meta.rows ?? []), ...rows]
}
