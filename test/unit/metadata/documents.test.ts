import { describe, expect, test } from 'vitest'
import { type Leaf, leaves, macsDocument, primaryMacDocument, read } from '../../../src/metadata/documents.ts'

describe('documents that are valid', () => {
  test.each<{ leaf: Leaf; body: string; value: unknown }>([
    { leaf: 'local-ipv4s', body: '172.31.0.218\n172.31.0.219', value: ['172.31.0.218', '172.31.0.219'] },
    { leaf: 'local-ipv4s', body: '172.31.0.218\r\n\r\n', value: ['172.31.0.218'] },
    { leaf: 'ipv6s', body: '2600:1F18:0:0::218', value: ['2600:1f18::218'] },
    { leaf: 'subnet-ipv4-cidr-block', body: '172.31.0.0/20', value: [{ address: '172.31.0.0', length: 20 }] },
    { leaf: 'subnet-ipv6-cidr-blocks', body: '2600:1f18::/64', value: [{ address: '2600:1f18::', length: 64 }] },
    { leaf: 'interface-id', body: 'eni-0123456789abcdef0\n', value: 'eni-0123456789abcdef0' },
    { leaf: 'device-number', body: '0', value: 0 },
    { leaf: 'network-card', body: '3', value: 3 },
    { leaf: 'ipv4-prefix', body: '172.31.4.16/28', value: [{ address: '172.31.4.16', length: 28 }] },
    { leaf: 'ipv6-prefix', body: '2600:1f18:0:0:5::/80', value: [{ address: '2600:1f18:0:0:5::', length: 80 }] },
  ])('$leaf: $body', ({ leaf, body, value }) => {
    expect(read(leaves[leaf], body)).toEqual({ value })
  })

  test('the listing of MACs, and the primary', () => {
    expect(read(macsDocument, '02:AA:00:00:00:01/\n02:aa:00:00:00:02/')).toEqual({
      value: ['02:aa:00:00:00:01', '02:aa:00:00:00:02'],
    })
    expect(read(primaryMacDocument, '02:AA:00:00:00:01')).toEqual({ value: '02:aa:00:00:00:01' })
  })
})

describe('documents that are malformed', () => {
  test.each<{ leaf: Leaf; body: string; problem: string }>([
    { leaf: 'local-ipv4s', body: '', problem: 'an empty list of IPv4 addresses' },
    { leaf: 'local-ipv4s', body: '172.31.0.218\n<html>', problem: '"<html>" is none of IPv4 addresses' },
    { leaf: 'local-ipv4s', body: '2600:1f18::218', problem: '"2600:1f18::218" is none of IPv4 addresses' },
    { leaf: 'local-ipv4s', body: '172.31.0.256', problem: '"172.31.0.256" is none of IPv4 addresses' },
    { leaf: 'ipv6s', body: '172.31.0.218', problem: '"172.31.0.218" is none of IPv6 addresses' },
    { leaf: 'subnet-ipv4-cidr-block', body: '172.31.0.0', problem: '"172.31.0.0" is none of IPv4 blocks' },
    { leaf: 'subnet-ipv4-cidr-block', body: '0.0.0.0/0', problem: '"0.0.0.0/0" is none of IPv4 blocks' },
    { leaf: 'ipv4-prefix', body: '172.31.0.0/20', problem: '"172.31.0.0/20" is none of IPv4 /28 prefixes' },
    { leaf: 'ipv6-prefix', body: '2600:1f18::/64', problem: '"2600:1f18::/64" is none of IPv6 /80 prefixes' },
    { leaf: 'interface-id', body: 'i-0123456789abcdef0', problem: 'no ENI id' },
    { leaf: 'device-number', body: 'one', problem: 'no number' },
    { leaf: 'device-number', body: '-1', problem: 'no number' },
    { leaf: 'network-card', body: '4000', problem: 'a number above 89' },
  ])('$leaf: $body', ({ leaf, body, problem }) => {
    expect(read(leaves[leaf], body)).toEqual({ problem })
  })

  test('a long line is shown in part', () => {
    const { problem } = read(leaves['local-ipv4s'], 'x'.repeat(5000)) as { problem: string }
    expect(problem.length).toBeLessThan(100)
  })
})
