import { describe, expect, test } from 'vitest'
import { problemLines } from '../../../src/commands/output.ts'
import { paint } from '../../../src/terminal.ts'

const problem = {
  severity: 'warning',
  id: 'table-empty',
  problem: 'a rule sends packets from 172.31.0.218 to table 101, which is empty: they take the way of the daemon',
  evidence: ['ip rule priority 100 from 172.31.0.218 lookup 101 protocol 3'],
  remedy:
    'ip route add default via 172.31.0.1 dev eth1 table 101, or: ip rule del priority 100 from 172.31.0.218 lookup 101, and keep it so by hand',
} as const

describe('a problem', () => {
  test('is a line each of what, evidence and remedy where there is no terminal', () => {
    expect(problemLines(problem, paint(false), undefined)).toEqual([
      `warning  ${problem.problem} [table-empty]`,
      `         ${problem.evidence[0]}`,
      `         to mend it: ${problem.remedy}`,
    ])
  })

  test('is folded to a terminal, but for what is to be copied: objects and commands', () => {
    expect(problemLines(problem, paint(false), 60)).toEqual([
      'warning  a rule sends packets from 172.31.0.218 to table',
      '         101, which is empty: they take the way of the',
      '         daemon [table-empty]',
      '         ip rule priority 100 from 172.31.0.218 lookup 101 protocol 3',
      '         to mend it:',
      '           ip route add default via 172.31.0.1 dev eth1 table 101, or:',
      '           ip rule del priority 100 from 172.31.0.218 lookup 101, and keep it so by hand',
    ])
  })

  test('without evidence and name is its two lines', () => {
    const { severity, problem: what, remedy } = problem
    expect(problemLines({ severity, problem: what, remedy }, paint(false), undefined)).toHaveLength(2)
  })
})
