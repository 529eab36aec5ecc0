import { expect, test } from 'vitest'
import { daemonArguments } from '../../../src/commands/daemon-arguments.ts'

test.each([
  { args: 'run', options: {} },
  { args: 'run --config a.toml', options: { config: 'a.toml' } },
  { args: '', options: undefined },
  { args: 'run --help', options: undefined },
  { args: 'run --config', options: undefined },
  { args: 'run --config --help', options: undefined },
  { args: 'run --config a.toml --json', options: undefined },
  { args: '--config a.toml run', options: undefined },
  { args: 'plan --config a.toml', options: undefined },
])('"$args" is $options', ({ args, options }) => {
  expect(daemonArguments(args === '' ? [] : args.split(' '))).toEqual(options)
})
