import type { EniFacts, Knowledge } from '../policy/knowledge.ts'

/** The daemon's knowledge on its way to a verb: maps and sets as lists. */
export interface KnowledgeReport extends Omit<Knowledge, 'untold' | 'enis' | 'adopted' | 'due' | 'raised'> {
  readonly enis: readonly EniFacts[]
  readonly adopted: readonly string[]
  readonly due: readonly string[]
  readonly raised: readonly number[]
}

export const knowledgeReport = ({ untold: _, ...knowledge }: Knowledge): KnowledgeReport => ({
  ...knowledge,
  enis: [...knowledge.enis.values()],
  adopted: [...knowledge.adopted],
  due: [...knowledge.due],
  raised: [...knowledge.raised],
})

export const knowledgeOf = (report: KnowledgeReport): Knowledge => ({
  ...report,
  enis: new Map(report.enis.map((facts) => [facts.mac, facts])),
  adopted: new Set(report.adopted),
  due: new Set(report.due),
  raised: new Set(report.raised),
})
