import { Command, CommanderError } from 'commander'
import { defaultConfigFile } from '../config/default-file.ts'
import { exit } from '../exit.ts'
import { version } from '../version.ts'
import type { CommonOptions } from './session.ts'

const configHelp = `configuration file (default: ${defaultConfigFile} if it exists)`

interface Verb {
  readonly name: string
  readonly summary: string
  /** Read only when it is asked for: the daemon has no use for the demo's code, nor plan for the daemon's. */
  readonly load: () => Promise<(options: CommonOptions, words: readonly string[]) => Promise<number>>
  readonly json: boolean
  /** Options of this verb alone: flags and description. */
  readonly options?: readonly (readonly [string, string])[]
  /** The words that it takes, as commander has them, and what they mean: the verb itself tells them apart. */
  readonly words?: readonly [string, string]
  readonly help: string
}

const verbs: readonly Verb[] = [
  {
    name: 'run',
    summary: 'run the daemon in the foreground: watch the kernel and keep the routing right',
    load: async () => (await import('./run.ts')).run,
    json: false,
    help: `
Needs CAP_NET_ADMIN. SIGHUP reads the configuration again, SIGTERM and SIGINT
stop it; the routing stays unless routing.on-stop = "remove". Log lines are for
people on a terminal and JSON otherwise.

Exit status: 0 stopped by a signal, 75 another daemon runs in this network
namespace, 77 no privilege, 78 bad configuration.

Examples:
  sudo eni-routed run
  sudo ip netns exec blue eni-routed run --config blue.toml`,
  },
  {
    name: 'status',
    summary: 'show the ENIs with their tables, addresses and routers, the daemon, and what is wrong',
    load: async () => (await import('./status.ts')).status,
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
    load: async () => (await import('./plan.ts')).plan,
    json: true,
    help: `
"+ " puts something there, "- " takes something away.

Exit status: 0 in sync, 2 changes are pending, 1 error.

Examples:
  eni-routed plan
  eni-routed plan | sed 's/^[+-] //' | sudo sh     by hand what apply does`,
  },
  {
    name: 'apply',
    summary: 'make one pass: bring the kernel into the desired state, then verify it',
    load: async () => (await import('./apply.ts')).apply,
    json: true,
    help: `
Needs CAP_NET_ADMIN. Safe beside a running daemon. Waits up to 5 s for what the
kernel does not allow yet.

Exit status: 0 in sync, 1 not, 77 no privilege.

Example:
  sudo eni-routed apply`,
  },
  {
    name: 'check',
    summary: 'tell by the exit status whether all is right, and why not where it is not',
    load: async () => (await import('./check.ts')).check,
    json: true,
    help: `
Compares the kernel with the desired state, then asks it by which way packets of
every ENI would leave.

Exit status: 0 in sync, 1 not.

Example:
  eni-routed check || eni-routed status`,
  },
  {
    name: 'doctor',
    summary: 'look over the machine for what breaks the routing or fights it, with the evidence and the cure',
    load: async () => (await import('./doctor.ts')).doctor,
    json: true,
    options: [['--root <dir>', 'where /etc, /run, /usr and /boot are looked for (default: /)']],
    help: `
Works without the daemon and without privilege, and says what it could not see.
Most serious first; nothing is changed. error: packets go wrong now, or the
daemon can't do its work. warning: they will, or some of them do.

Each finding tells what is wrong, the evidence, and the cure: commands to type
as they stand, or the edit. On a terminal they are folded to its width (or
COLUMNS); --json has
{"findings": [{severity, id, what, evidence, cure}], "unseen": []}.

Exit status: 0 nothing found, 1 warnings, 2 errors.

Examples:
  sudo eni-routed doctor
  sudo eni-routed doctor --json | jq -r '.findings[] | .id + ": " + .cure'
  sudo eni-routed doctor --root /mnt     files of another machine's disk, beside
                                         this one's kernel`,
  },
  {
    name: 'metrics',
    summary: "print the running daemon's metrics in Prometheus' text format",
    load: async () => (await import('./metrics.ts')).metrics,
    json: true,
    help: `
Works without privilege. The daemon serves the same at a unix socket, as
OpenMetrics to those who ask for it, and writes it to a file for the node
exporter where metrics.textfile names one.

Exit status: 0, or 69 where no daemon answers.

Examples:
  eni-routed metrics | promtool check metrics
  eni-routed metrics --json | jq -r '.[].name'
  curl --unix-socket /run/eni-routed/*.metrics.sock http://localhost/metrics`,
  },
  {
    name: 'explain',
    summary: "tell by which rule, table and route packets leave, and why; hold the kernel's answer against it",
    load: async () => (await import('./explain.ts')).explain,
    json: true,
    words: [
      '<SOURCE...>',
      '[to] [DESTINATION] [tcp|udp|icmp] [sport N] [dport N] [mark M] [oif LINK] [in LINK] [uid N] [tos N]',
    ],
    options: [
      ['--to <address>', 'destination; without one some that tell: a neighbour, the VPC, the Internet'],
      ['--protocol <name>', 'tcp (default), udp, icmp, or a number'],
      ['--from-port <port>', 'source port'],
      ['--to-port <port>', 'destination port'],
      ['--mark <mark>', 'firewall mark, decimal or 0x…'],
      ['--oif <link>', 'link that the socket is bound to'],
      ['--in <link>', 'link that the packet comes in by: SOURCE is the remote end, and its answer is explained too'],
      ['--uid <number>', 'user of the socket (default: you)'],
      ['--tos <tos>', 'type of service, or traffic class'],
      ['--all', 'every rule, however many are for other packets'],
      ['--svg [file]', 'draw it, into the file or to standard output'],
    ],
    help: `
SOURCE is an address of this host, or a link by name, MAC or ENI id; without it
(to DESTINATION alone) what the kernel chooses for a program that names none.
For an incoming connection (in LINK) it is the remote address; then the DNAT of
nftables and iptables-nft is followed, rp_filter judged, and the way of the
answer shown, by the marks of containers = "connmark" where it is a container's.
Filters are not judged.

Sends nothing, changes nothing. Works without the daemon and without privilege,
but for nftables, which root may read.

Exit status: 0 the way back is the way in; 1 it is not, the kernel's own answer
differs, or this host has no such address or link; 64 wrong usage.

Examples:
  eni-routed explain 172.31.0.218
  eni-routed explain 172.31.0.218 to 8.8.8.8
  eni-routed explain to 8.8.8.8 tcp dport 443
  eni-routed explain eth1 to 2001:db8::1 tcp sport 443
  eni-routed explain 203.0.113.9 to 172.31.0.218 tcp dport 443 in eth1
  eni-routed explain eth1 to 8.8.8.8 --svg way.svg`,
  },
  {
    name: 'watch',
    summary: 'show live: ENIs with packets in and out, changes as they happen, and what is wrong',
    load: async () => (await import('./watch.ts')).watch,
    json: true,
    help: `
Looks at every event of the kernel and every 15 seconds, and counts packets once
a second, by link: whose packets they are is not told, since that would take
rules of nftables. On a terminal q or Ctrl-C ends it; anywhere else, and with
--json, each change is one line. Works without the daemon and without privilege.

Examples:
  eni-routed watch
  eni-routed watch --json | jq -r 'select(.event == "change").what'`,
  },
  {
    name: 'history',
    summary: 'show what the daemon changed, when and why, from the journal',
    load: async () => (await import('./history.ts')).history,
    json: true,
    words: ['[INTERFACE]', 'by name, MAC or ENI id; also one that is gone'],
    options: [
      ['--since <time>', 'only from then on, as journalctl takes it: yesterday, "-2 hours", "2026-01-02 03:04"'],
    ],
    help: `
Works without the daemon. Needs root, or membership in the group
systemd-journal.

Exit status: 0, also where nothing is recorded; 1 journalctl refuses, 64 wrong
usage, 69 there is no journalctl, 77 this user may not read the journal.

Examples:
  eni-routed history
  eni-routed history eth1 --since today
  eni-routed history --json | jq -r '.[] | select(.event == "refused").command'`,
  },
  {
    name: 'cleanup',
    summary: 'take away exactly what is ours: rules, routes, link groups, marks, addresses',
    load: async () => (await import('./cleanup.ts')).cleanup,
    json: true,
    help: `
Needs CAP_NET_ADMIN. Stop the daemon first, or it puts everything back.

Example:
  sudo systemctl stop eni-routed && sudo eni-routed cleanup`,
  },
  {
    name: 'precompile',
    summary: 'keep compiled code beside the program, so that the daemon starts sooner',
    load: async () => (await import('./precompile.ts')).precompile,
    json: true,
    help: `
For those who install the program: the packages do it by themselves. What is
kept holds for this very program on this very Node; where it does not, and where
there is none, the program compiles itself as it starts, and log level "debug"
tells why. Changes nothing else. A file that is there is replaced; to be rid of
it, delete it.

Exit status: 0, 77 no right to write beside the program, 1 nothing was kept for
another reason.

Example:
  sudo eni-routed precompile`,
  },
  {
    name: 'demo',
    summary: 'show the main job in a VPC made of network namespaces; this machine itself is not touched',
    load: async () => (await import('./demo.ts')).demo,
    json: true,
    help: `
Needs root, iproute2, nftables and ping. Takes a few seconds and leaves nothing
behind, also after Ctrl-C.

Exit status: 0 all turned out as told, 1 it did not, 69 a tool is missing,
77 not root.

Example:
  sudo eni-routed demo`,
  },
]

/** Runs the verb that the arguments name, and resolves to the exit code. */
export async function parseArguments(argv: readonly string[]): Promise<number> {
  const words = argv.slice(2)
  if (words.some((word) => word === '--version' || word === '-V') && !words.some((word) => !word.startsWith('-'))) {
    return (await import('./version.ts')).printVersion(words.includes('--json'))
  }
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

export function createProgram(finish: (code: number) => void): Command {
  const program = new Command('eni-routed')
    .description(
      'Keeps policy routing right on hosts with several EC2 network interfaces: every reply leaves by the interface that owns its source address.',
    )
    .option('--config <file>', configHelp)
    .version(`eni-routed ${version}`, '-V, --version', 'print the version, and what it runs on')
    .helpOption('-h, --help', 'print help')
    .addHelpText('after', '\nEvery verb has help of its own: eni-routed VERB --help')
    .showHelpAfterError('(see: eni-routed --help)')
    .exitOverride()
  for (const verb of verbs) {
    addVerb(program, verb, finish)
  }
  return program
}

function addVerb(
  program: Command,
  { name, summary, load, json, options, words, help }: Verb,
  finish: (code: number) => void,
): void {
  const command = program
    .command(name)
    .description(summary)
    .option('--config <file>', configHelp)
    .helpOption('-h, --help', 'print help')
    .addHelpText('after', help)
    .allowExcessArguments(false)
    .showHelpAfterError(`(see: eni-routed ${name} --help)`)
    .exitOverride()
    .action(async () => finish(await (await load())(command.optsWithGlobals<CommonOptions>(), command.args)))
  if (words) {
    command.argument(...words)
  }
  for (const [flags, description] of options ?? []) {
    command.option(flags, description)
  }
  if (json) {
    command.option('--json', 'print one JSON document')
  }
}
