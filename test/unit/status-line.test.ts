import { expect, test } from 'vitest'
import { statusLine } from '../../src/status-line.ts'

const outcome = {
  desired: { active: true, enis: [{ routing: [{ addresses: ['172.31.15.216'] }] }, { routing: [] }] },
  pending: [{}, {}],
} as unknown as Parameters<typeof statusLine>[0]['outcome']
const single = { desired: { active: false, enis: [{ routing: [] }] }, pending: [] } as unknown as typeof outcome
const base = { health: 'in sync', problems: [], outcome, failure: undefined, lastChange: undefined } as const
const problem = { severity: 'error', problem: 'no router', remedy: '' } as const

test.each([
  { name: 'nothing is known yet', present: { ...base, health: 'starting', outcome: undefined }, line: 'starting' },
  { name: 'all is well', present: base, line: '2 ENIs, 1 address: in sync' },
  {
    name: 'something was changed',
    present: { ...base, lastChange: { at: new Date('2026-01-02T03:04:05.678Z'), command: 'ip rule add …' } },
    line: '2 ENIs, 1 address: in sync; last change 2026-01-02 03:04:05 UTC: ip rule add …',
  },
  {
    name: 'there is one ENI',
    present: { ...base, health: 'single', outcome: single },
    line: '1 ENI: nothing to do until a second ENI is attached',
  },
  {
    name: 'changes are pending',
    present: { ...base, health: 'repairing' },
    line: '2 ENIs, 1 address: repairing: 2 changes are pending',
  },
  {
    name: 'something is wrong',
    present: { ...base, health: 'degraded', problems: [{ ...problem, severity: 'warning', problem: 'odd' }, problem] },
    line: '2 ENIs, 1 address: degraded: no router',
  },
  {
    name: 'more is wrong',
    present: { ...base, health: 'degraded', problems: [problem, problem] },
    line: '2 ENIs, 1 address: degraded: no router (and 1 more, see eni-routed status)',
  },
  {
    name: 'the kernel can not be read',
    present: { ...base, failure: 'ENOBUFS' },
    line: '2 ENIs, 1 address: degraded: ENOBUFS',
  },
] as const)('where $name the status is: $line', ({ present, line }) => {
  expect(statusLine(present)).toBe(line)
})
