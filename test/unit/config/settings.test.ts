import { expect, test } from 'vitest'
import { parseConfig } from '../../../src/config/parse.ts'
import { settingsOf } from '../../../src/config/settings.ts'
import { noMetadata } from '../../../src/policy/knowledge.ts'

test('settings are the numbers and patterns of the configuration', () => {
  const config = parseConfig(
    'interfaces.include = ["eth*"]\ninterfaces.exclude = ["eth9"]\ninterfaces.manage = ["eth8"]\ninterfaces.transit = ["eth7"]\nrouting = { honour = ["10.0.0.0/8"], table-base = 1000, priority-base = 2000, protocol = 77, link-group = 5 }',
    'c.toml',
  )
  const retired = [settingsOf(parseConfig('', 'c.toml'))]
  expect(settingsOf(config, retired)).toEqual({
    numbers: { tableBase: 1000, priorityBase: 2000, protocol: 77, linkGroup: 5 },
    retired,
    include: ['eth*'],
    exclude: ['eth9'],
    manage: ['eth8'],
    transit: ['eth7'],
    honour: [{ address: '10.0.0.0', length: 8 }],
    knowledge: noMetadata,
    addressing: 'observe',
  })
})
