import type { Command, Option } from 'commander'
import type { Origin } from './origin.ts'
import { programOf } from './program.ts'
import { type Entry, text } from './tree.ts'

/** The command line as a shell has to know it. */
export interface Verb {
  readonly name: string
  readonly summary: string
  /** What follows it that is no option, as its usage has it, and what that means. */
  readonly words: readonly { readonly term: string; readonly summary: string }[]
  readonly options: readonly {
    readonly long: string
    /** With its value: `--to <address>`. */
    readonly flags: string
    readonly summary: string
    readonly takesFile: boolean
  }[]
}

/** Completions for bash, zsh and fish, of the verbs that the program has. */
export async function completions(origin: Origin): Promise<Entry[]> {
  const verbs = verbsOf(await programOf(origin))
  return [
    text('usr/share/bash-completion/completions/eni-routed', bash(verbs)),
    text('usr/share/zsh/vendor-completions/_eni-routed', zsh(verbs)),
    text('usr/share/fish/vendor_completions.d/eni-routed.fish', fish(verbs)),
  ]
}

export const verbsOf = (program: Command): Verb[] =>
  program.commands.map((command) => ({
    name: command.name(),
    summary: command.description(),
    words: command.registeredArguments.map((argument) => ({
      term: argument.required ? `${argument.name()}...` : `[${argument.name()}]`,
      summary: argument.description,
    })),
    options: command.createHelp().visibleOptions(command).map(optionOf),
  }))

const optionOf = (option: Option) => ({
  long: option.long!,
  flags: option.flags,
  summary: option.description,
  takesFile: option.required && /file/i.test(option.flags),
})

export const bash = (verbs: readonly Verb[]): string => `# bash completion for eni-routed(8)

_eni_routed() {
    local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} verb='' part
    for part in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $part in
${verbs.map(({ name }) => `        ${name}) verb=${name} ;;`).join('\n')}
        esac
    done
    case $before in
    ${filesOf(verbs).join(' | ')})
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        compopt -o filenames 2>/dev/null
        return
        ;;
    esac
    local words
    case $verb in
${verbs.map(({ name, options }) => `    ${name}) words='${options.map(({ long }) => long).join(' ')}' ;;`).join('\n')}
    *) words='${[...verbs.map(({ name }) => name), '--config', '--help', '--version'].join(' ')}' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _eni_routed eni-routed
`

export const zsh = (verbs: readonly Verb[]): string => `#compdef eni-routed

_eni-routed() {
  local -a verbs
  verbs=(
${verbs.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`).join('\n')}
  )
  local state
  _arguments -C '--config[configuration file]:file:_files' '(- *)--help[print help]' '(- *)--version[print the version]' \\
    '1: :->verb' '*:: :->options'
  case $state in
  verb) _describe verb verbs ;;
  options)
    case $words[1] in
${verbs.map(({ name, options }) => `    ${name}) _arguments ${options.map(zshOption).join(' ')} ;;`).join('\n')}
    esac
    ;;
  esac
}

_eni-routed "$@"
`

export const fish = (verbs: readonly Verb[]): string =>
  [
    '# fish completion for eni-routed(8)',
    'complete -c eni-routed -f',
    "complete -c eni-routed -n __fish_use_subcommand -l version -d 'print the version'",
    ...verbs.flatMap(({ name, summary, options }) => [
      `complete -c eni-routed -n __fish_use_subcommand -a ${name} -d ${quoted(summary, true)}`,
      ...options.map(
        ({ long, summary: what, takesFile }) =>
          `complete -c eni-routed -n '__fish_seen_subcommand_from ${name}' -l ${long.slice(2)}${takesFile ? ' -rF' : ''} -d ${quoted(what, true)}`,
      ),
    ]),
    '',
  ].join('\n')

const filesOf = (verbs: readonly Verb[]): string[] => [
  ...new Set(verbs.flatMap(({ options }) => options.flatMap(({ long, takesFile }) => (takesFile ? [long] : [])))),
]

const zshOption = ({ long, summary, takesFile }: Verb['options'][number]): string =>
  quoted(`${long}[${summary.replace(/[[\]:]/g, '\\$&')}]${takesFile ? ':file:_files' : ''}`)

/** In single quotes: sh and zsh close them for one of the text's own, fish escapes it. */
const quoted = (words: string, forFish = false): string => `'${words.replaceAll("'", forFish ? "\\'" : "'\\''")}'`
