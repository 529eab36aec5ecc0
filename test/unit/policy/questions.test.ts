import { describe, expect, test } from 'vitest'
import { questions } from '../../../src/policy/questions.ts'
import { desiredOf, settings, snapshot } from '../../support/snapshot.ts'

const host = `
  link eth0 driver ena
  addr 172.31.15.216/20 dev eth0
  route default via 172.31.0.1 dev eth0 proto dhcp metric 100
  link eth1 driver ena
  addr 172.31.0.218/20 dev eth1
  route default via 172.31.0.1 dev eth1 proto dhcp metric 200
  link docker0 type bridge
  addr 172.17.0.1/16 dev docker0
`
const questionsOf = (text: string) => {
  const seen = snapshot(text)
  return questions(desiredOf(seen), seen, settings())
}
const destinations = (text: string) => questionsOf(text).map(({ source, destination }) => `${source} → ${destination}`)

describe('questions', () => {
  test('both halves of the Internet, a neighbour and the next subnet, for each address', () => {
    expect(destinations(host).filter((line) => line.startsWith('172.31.0.218'))).toEqual([
      '172.31.0.218 → 8.8.8.8',
      '172.31.0.218 → 203.0.113.1',
      '172.31.0.218 → 172.31.0.5',
      '172.31.0.218 → 172.31.16.5',
    ])
  })

  test.each([
    { name: 'of a link that is down', text: host.replace('eth1 driver ena', 'eth1 driver ena down') },
    {
      name: 'of an ENI without a router',
      text: host.replace(/218\/20|route default .* dev eth1.*/g, (found) => (found.startsWith('218') ? '218/32' : '')),
    },
  ])('none $name', ({ text }) => {
    expect(destinations(text).filter((line) => line.startsWith('172.31.0.218'))).toEqual([])
  })

  test('none about an address of the host itself', () => {
    expect(destinations(`${host}addr 172.31.0.5/20 dev eth0`)).not.toContain('172.31.0.218 → 172.31.0.5')
  })

  test('about sixteen addresses of an ENI at most', () => {
    const many = Array.from({ length: 30 }, (_, i) => `addr 172.31.1.${i + 1}/32 dev eth1`).join('\n')
    const sources = destinations(`${host}${many}`).map((line) => line.split(' ')[0])
    expect(new Set(sources).size).toBe(17)
  })

  test.each([
    {
      name: 'a port',
      rule: 'ipproto 6 dport 25',
      guise: { ipProtocol: 6, destinationPort: 25, towards: 'the Internet to port 25' },
    },
    {
      name: 'a user',
      rule: 'uidrange 1500-1600',
      guise: { ipProtocol: 6, uid: 1500, towards: 'the Internet of user 1500' },
    },
    { name: 'a protocol', rule: 'ipproto 17', guise: { ipProtocol: 17, towards: 'the Internet' } },
  ])('one more of each by $name that a rule in front of ours asks for', ({ rule, guise }) => {
    const asked = questionsOf(`${host}rule priority 100 from all ${rule} lookup 99`)
    expect(asked).toContainEqual(expect.objectContaining({ source: '172.31.0.218', destination: '8.8.8.8', ...guise }))
    expect(asked).toHaveLength(2 * questionsOf(host).length)
  })

  test.each(['fwmark 0x10', 'ipproto 132', 'ipproto 6'])('no more by a rule with %s', (rule) => {
    expect(questionsOf(`${host}rule priority 100 from all ${rule} lookup 99`)).toEqual(questionsOf(host))
  })

  test('none by a rule behind ours', () => {
    expect(questionsOf(`${host}rule priority 30000 from all dport 25 lookup 99`)).toEqual(questionsOf(host))
  })
})
