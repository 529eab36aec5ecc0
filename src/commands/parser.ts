import { Command, CommanderError } from 'commander'
import { defaultConfigFile } from '../config/load.ts'
import { exit } from '../exit.ts'
import { version } from '../version.ts'
import { apply } from './apply.ts'
import { check } from './check.ts'
import { cleanup } from './cleanup.ts'
import { demo } from './demo.ts'
import { plan } from './plan.ts'
import { run } from './run.ts'
import type { CommonOptions } from './session.ts'
import { status } from './status.ts'

interface Verb {
  readonly name: string
  readonly summary: string
  readonly act: (options: CommonOptions) => Promise<number>
  readonly json: boolean
  readonly help: string
}

const verbs: readonly Verb[] = [
  {
    name: 'run',
    summary: 'run the daemon in the foreground: watch the kernel and keep the routing right',
    act: run,
    json: false,
    help: `
Needs CAP_NET_ADMIN. SIGHUP reads the configuration again, SIGTERM and SIGINT stop it; the routing stays
unless routing.on-stop = "remove". Log lines are for people on a terminal and JSON otherwise.

Exit status: 0 stopped by a signal, 75 another daemon runs in this network namespace, 77 no privilege,
78 bad configuration.

Examples:
  sudo eni-routed run
  sudo ip netns exec blue eni-routed run --config blue.toml`,
  },
  {
    name: 'status',
    summary: 'show the ENIs with their tables, addresses and routers, the daemon, and what is wrong',
    act: status,
    json: true,
    help: `
Works without the daemon and without privilege.

Examples:
  eni-routed status
  eni-routed status --json | jq '.enis[].interface'`,
  },
  {
    name: 'plan',
    summary: 'print the changes that a pass would make, as ip commands; change nothing',
    act: plan,
    json: true,
    help: `
"+ " puts something there, "- " takes something away.

Exit status: 0 in sync, 2 changes are pending, 1 error.

Examples:
  eni-routed plan
  eni-routed plan | sed 's/^[+-] //' | sudo sh      by hand what apply does`,
  },
  {
    name: 'apply',
    summary: 'make one pass: bring the kernel into the desired state, then verify it',
    act: apply,
    json: true,
    help: `
Needs CAP_NET_ADMIN. Safe beside a running daemon. Waits up to 5 s for what the kernel does not allow yet.

Exit status: 0 in sync, 1 not, 77 no privilege.

Example:
  sudo eni-routed apply`,
  },
  {
    name: 'check',
    summary: 'tell by the exit status whether all is right, and why not where it is not',
    act: check,
    json: true,
    help: `
Compares the kernel with the desired state, then asks it by which way packets of every ENI would leave.

Exit status: 0 in sync, 1 not.

Example:
  eni-routed check || eni-routed status`,
  },
  {
    name: 'cleanup',
    summary: 'take away exactly what is ours: rules, routes and link groups',
    act: cleanup,
    json: true,
    help: `
Needs CAP_NET_ADMIN. Stop the daemon first, or it puts everything back.

Example:
  sudo systemctl stop eni-routed && sudo eni-routed cleanup`,
  },
  {
    name: 'demo',
    summary: 'show the main job in a VPC made of network namespaces; this machine itself is not touched',
    act: demo,
    json: true,
    help: `
Needs root, iproute2, nftables and ping. Takes a few seconds and leaves nothing behind, also after Ctrl-C.

Example:
  sudo eni-routed demo`,
  },
]

/** Runs the verb that the arguments name, and resolves to the exit code. */
export async function parseArguments(argv: readonly string[]): Promise<number> {
  let code: number = exit.ok
  const program = createProgram((result) => {
    code = result
  })
  try {
    await program.parseAsync(argv)
    return code
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exit.ok : exit.usage
    }
    throw error
  }
}

function createProgram(finish: (code: number) => void): Command {
  const program = new Command('eni-routed')
    .description(
      'Keeps policy routing right on hosts with several EC2 network interfaces: every reply leaves by the\ninterface that owns its source address.',
    )
    .version(`eni-routed ${version}`, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .addHelpText('after', '\nEvery verb has help of its own: eni-routed VERB --help')
    .showHelpAfterError('(see: eni-routed --help)')
    .exitOverride()
  for (const verb of verbs) {
    addVerb(program, verb, finish)
  }
  return program
}

function addVerb(program: Command, { name, summary, act, json, help }: Verb, finish: (code: number) => void): void {
  const command = program
    .command(name)
    .description(summary)
    .option('--config <file>', `configuration file (default: ${defaultConfigFile} if it exists)`)
    .helpOption('-h, --help', 'print help')
    .addHelpText('after', help)
    .allowExcessArguments(false)
    .showHelpAfterError(`(see: eni-routed ${name} --help)`)
    .exitOverride()
    .action(async (options: CommonOptions) => finish(await act(options)))
  if (json) {
    command.option('--json', 'print one JSON document')
  }
}
