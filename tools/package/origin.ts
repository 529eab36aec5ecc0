import { existsSync, readFileSync } from 'node:fs'
import { run } from './command.ts'

/** What a package is made of: it decides every byte. */
export interface Origin {
  readonly name: string
  readonly version: string
  /** Of the package itself: 1, or more where the same version is packaged again. */
  readonly release: string
  readonly summary: string
  readonly commit: string
  /** Seconds since 1970: the commit's. Nothing inside is younger. */
  readonly epoch: number
}

/** The version of package.json, at the commit that is checked out. */
export function origin(release: string, version?: string): Origin {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
    name: string
    version: string
    description: string
  }
  const { commit, epoch } = existsSync('.git') ? checkedOut() : unpacked()
  return {
    name: manifest.name,
    version: version ?? manifest.version,
    release,
    summary: manifest.description,
    commit,
    epoch,
  }
}

/** Seconds since 1970 as Debian's changelogs and mails have it (RFC 5322). */
export const mailDate = (epoch: number): string => new Date(epoch * 1000).toUTCString().replace('GMT', '+0000')

function checkedOut(): Pick<Origin, 'commit' | 'epoch'> {
  const [commit, epoch] = run('git', ['log', '-1', '--format=%H %ct']).trim().split(' ') as [string, string]
  const changed = run('git', ['status', '--porcelain', '--untracked-files=no']) !== ''
  if (changed) {
    process.stderr.write('package: files differ from the commit; the packages say so\n')
  }
  return { commit: changed ? `${commit}-changed` : commit, epoch: Number(epoch) }
}

/** An archive of the sources has no commit; whoever builds it names its date, as reproducible-builds.org has it. */
function unpacked(): Pick<Origin, 'commit' | 'epoch'> {
  const { SOURCE_DATE_EPOCH: epoch } = process.env
  if (!epoch || !/^\d+$/.test(epoch)) {
    throw new Error(
      'this is no git checkout: set SOURCE_DATE_EPOCH to the seconds since 1970 that the files are to have',
    )
  }
  return { commit: '', epoch: Number(epoch) }
}
