import { expect, test } from 'vitest'
import { entriesOf } from '../../../src/commands/history.ts'

const record = {
  __REALTIME_TIMESTAMP: '1767323045999000',
  _SOURCE_REALTIME_TIMESTAMP: '1767323045678000',
  MESSAGE: 'ip rule add …',
  ENI_ROUTED_EVENT: 'change',
  ENI_ROUTED_INTERFACE: 'eth1',
  ENI_ROUTED_ACTION: 'add',
  ENI_ROUTED_COMMAND: 'ip rule add …',
  ENI_ROUTED_CAUSE: 'why',
  ENI_ROUTED_PASS: '3',
}

test('a change is one entry, with the names of its fields', () => {
  expect(entriesOf(record)).toEqual([
    {
      time: '2026-01-02T03:04:05.678Z',
      event: 'change',
      interface: 'eth1',
      action: 'add',
      command: 'ip rule add …',
      cause: 'why',
      pass: 3,
      message: 'ip rule add …',
    },
  ])
})

test('a record of several objects is an entry for each', () => {
  const entries = entriesOf({ ...record, ENI_ROUTED_EVENT: 'adopted', ENI_ROUTED_COMMAND: 'ip a\nip b' })
  expect(entries.map(({ command }) => command)).toEqual(['ip a', 'ip b'])
})

test('a problem has no command', () => {
  const { ENI_ROUTED_COMMAND: _, ...problem } = record
  expect(entriesOf(problem)[0]).not.toHaveProperty('command')
})
