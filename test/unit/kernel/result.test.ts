import { expect, test } from 'vitest'
import { resultOf } from '../../../src/kernel/result.ts'
import { NetlinkError } from '../../../src/netlink/errors.ts'

const EPERM = 1
const ENOENT = 2
const EEXIST = 17
const ENODEV = 19
const ENOBUFS = 105
const ETIMEDOUT = 110
const already = { done: true, already: true }
const unanswered = (code: string) => ({ done: false, code, message: 'words', unanswered: true })

test.each([
  { name: 'no error is consent', op: 'add', errno: undefined, result: { done: true, already: false } },
  { name: 'what is there need not be added', op: 'add', errno: EEXIST, result: already },
  { name: 'what is gone need not be deleted', op: 'delete', errno: ENOENT, result: already },
  { name: 'a group goes with its link', op: 'reset', errno: ENODEV, result: already },
  {
    name: 'what stands in the way of a replacement is a refusal',
    op: 'replace',
    errno: EEXIST,
    result: { code: 'EEXIST' },
  },
  { name: 'a refusal is an answer', op: 'add', errno: EPERM, result: { done: false, code: 'EPERM', message: 'words' } },
  { name: 'a dropped answer is none', op: 'add', errno: ENOBUFS, result: unanswered('ENOBUFS') },
  { name: 'silence is no answer', op: 'delete', errno: ETIMEDOUT, result: unanswered('ETIMEDOUT') },
] as const)('$name', ({ op, errno, result }) => {
  const error = errno && new NetlinkError({ operation: 'RTM_NEWRULE', errno, kernelText: 'words' })
  const found = resultOf({ op }, error)
  expect(found).toMatchObject(result)
  expect('unanswered' in found).toBe('unanswered' in result)
})
