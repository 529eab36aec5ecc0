import type { Guest } from '../support/guest.ts'

/** A record, as `journalctl -o json` prints it. */
export type Entry = Readonly<Record<string, string>>

/** Reads the journal of a guest as anybody would: by journalctl. */
export class JournalReader {
  readonly #guest: Guest

  constructor(guest: Guest) {
    this.#guest = guest
  }

  /** Records of the daemon that have all these values, after a cursor if one is given. */
  async entries(wanted: Entry = {}, after?: string): Promise<Entry[]> {
    const entries = await this.#read(after === undefined ? [] : [`--after-cursor=${after}`])
    return entries.filter((entry) => Object.entries(wanted).every(([field, value]) => entry[field] === value))
  }

  /** The place behind the daemon's last record so far. */
  async cursor(): Promise<string> {
    const [last] = await this.#read(['--lines=1'])
    return last!.__CURSOR!
  }

  /** What processes outside of the unit wrote under its name. */
  async forged(): Promise<string> {
    await this.#guest.exec('journalctl', ['--sync'])
    return this.#guest.exec('journalctl', ['--output=json', '--quiet', 'SYSLOG_IDENTIFIER=eni-routed', '_UID=65534'])
  }

  /** The same matches whenever a cursor is used: journalctl 252 passes over a record where the cursor's own does not match. */
  async #read(args: readonly string[]): Promise<Entry[]> {
    await this.#guest.exec('journalctl', ['--sync'])
    const always = ['--output=json', '--all', '--quiet', '--unit=eni-routed', 'SYSLOG_IDENTIFIER=eni-routed']
    const output = await this.#guest.exec('journalctl', [...always, ...args])
    return output
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Entry)
  }
}

/** What the audit says that the kernel holds: every `ENI_ROUTED_COMMAND`, replayed. `words` brings a command in one order. */
export function replay(entries: readonly Entry[], words: (command: string) => string): string[] {
  const standing = new Set<string>()
  const commands = entries
    .filter(({ ENI_ROUTED_EVENT: event }) => ['change', 'adopted', 'vanished'].includes(event!))
    .flatMap(({ ENI_ROUTED_COMMAND: command }) => command!.split('\n'))
  for (const command of commands) {
    const reset = /^ip link set dev (\S+) group 0$/.exec(command)
    if (reset) {
      standing.delete(words(`ip link set dev ${reset[1]} group 20000`))
    } else if (/ (rule|route) del /.test(command)) {
      standing.delete(words(command.replace(' del ', ' add ')))
    } else {
      standing.add(words(command.replace(' replace ', ' add ')))
    }
  }
  return [...standing].sort()
}
