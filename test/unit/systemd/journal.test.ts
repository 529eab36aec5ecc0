import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { fieldsOf, isJournal } from '../../../src/systemd/journal.ts'
import { messageIds } from '../../../src/systemd/message-ids.ts'

const fields = (record: object) => Object.fromEntries(fieldsOf({ level: 30, msg: 'hello', ...record }))

describe('a record of the journal', () => {
  test('has a field for everything that is told of a change', () => {
    const change = {
      time: '2026-01-02T03:04:05.678Z',
      event: 'change',
      action: 'add',
      object: 'rule',
      interface: 'eth1',
      mac: '02:00:00:00:00:03',
      eni: 'eni-1',
      address: '172.31.0.218',
      table: 20_001,
      command: 'ip rule add …',
      cause: 'leaves by eth1',
      trigger: 'link changed by the kernel',
      pass: 2,
      result: 'done',
      durationUs: 1500,
    }
    expect(fields(change)).toEqual({
      MESSAGE: 'hello',
      PRIORITY: '6',
      SYSLOG_IDENTIFIER: 'eni-routed',
      MESSAGE_ID: messageIds.change,
      ENI_ROUTED_EVENT: 'change',
      ENI_ROUTED_ACTION: 'add',
      ENI_ROUTED_OBJECT: 'rule',
      ENI_ROUTED_INTERFACE: 'eth1',
      ENI_ROUTED_MAC: '02:00:00:00:00:03',
      ENI_ROUTED_ENI: 'eni-1',
      ENI_ROUTED_ADDRESS: '172.31.0.218',
      ENI_ROUTED_TABLE: '20001',
      ENI_ROUTED_COMMAND: 'ip rule add …',
      ENI_ROUTED_CAUSE: 'leaves by eth1 (link changed by the kernel)',
      ENI_ROUTED_TRIGGER: 'link changed by the kernel',
      ENI_ROUTED_PASS: '2',
      ENI_ROUTED_RESULT: 'done',
      ENI_ROUTED_DURATION_US: '1500',
    })
  })

  test('of a repair does not tell twice what was seen', () => {
    expect(fields({ cause: 'restored (an event): why', trigger: 'an event' }).ENI_ROUTED_CAUSE).toBe(
      'restored (an event): why',
    )
  })

  test.each([
    { name: 'debugging', record: { level: 20 }, priority: '7' },
    { name: 'information', record: { level: 30 }, priority: '6' },
    { name: 'a repair', record: { level: 30, repair: true }, priority: '5' },
    { name: 'a refusal', record: { level: 40 }, priority: '4' },
    { name: 'what is degraded', record: { level: 50 }, priority: '3' },
  ])('of $name has priority $priority', ({ record, priority }) => {
    expect(fields(record).PRIORITY).toBe(priority)
  })

  test('of a problem says what to do', () => {
    expect(fields({ remedy: 'do it' })).toMatchObject({
      MESSAGE: 'hello; to mend it: do it',
      ENI_ROUTED_REMEDY: 'do it',
    })
  })

  test('of a failure has the stack of its error', () => {
    const { ENI_ROUTED_ERROR, ENI_ROUTED_ERR } = fields({ err: { message: 'm', stack: 'Error: m\n  at' } })
    expect([ENI_ROUTED_ERROR, ENI_ROUTED_ERR]).toEqual(['Error: m\n  at', undefined])
  })
})

test('the catalog explains every message id, and no other', () => {
  const catalog = readFileSync(new URL('../../../systemd/eni-routed.catalog', import.meta.url), 'utf8')
  const explained = [...catalog.matchAll(/^-- ([0-9a-f]{32})\nSubject: \S.*\nDefined-By: eni-routed$/gm)].map(
    (m) => m[1],
  )
  expect(explained.sort()).toEqual(Object.values(messageIds).sort())
})

describe('an output is the journal', () => {
  test('where device and inode say so, and nowhere else', () => {
    expect(isJournal([0, 1, 2], '1:2')).toBe(false)
    expect(isJournal([0, 1, 2], undefined)).toBe(false)
    expect(isJournal([987], '0:0')).toBe(false)
  })
})
