/** A processor by the names that Node, Debian, RPM and binutils give it. */
export interface Architecture {
  readonly node: 'x64' | 'arm64'
  readonly deb: string
  readonly rpm: string
  readonly binutils: string
}

export const architectures: readonly Architecture[] = [
  { node: 'x64', deb: 'amd64', rpm: 'x86_64', binutils: 'x86_64-linux-gnu' },
  { node: 'arm64', deb: 'arm64', rpm: 'aarch64', binutils: 'aarch64-linux-gnu' },
]
