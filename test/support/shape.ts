import type { Eni, Vpc } from '../../src/lab/vpc.ts'
import { familyOf } from '../../src/state/ip.ts'
import { networkOf } from '../../src/state/prefix.ts'

const group = 20000

/** Types in, for one ENI, what the daemon would: the shape of design.md, section 2. */
export async function typeShape({ instance }: Vpc, { name, subnet, addresses }: Eni, table: number): Promise<void> {
  await instance.ip(`link set dev ${name} group ${group}`)
  for (const text of addresses) {
    const [address, length] = text.split('/') as [string, string]
    const version = familyOf(address)
    const { address: network } = networkOf(address, Number(length))
    const gateway = version === 4 ? subnet.router.ipv4.split('/')[0] : subnet.router.linkLocal
    const suppress = `suppress_prefixlength ${version === 4 ? 1 : 4} suppress_ifgroup ${group}`
    for (const command of [
      `route add ${network}/${length} dev ${name} scope link src ${address} table ${table}`,
      ...(version === 6 ? [`route add fe80::/64 dev ${name} table ${table}`] : []),
      `route add default via ${gateway} dev ${name} table ${table}`,
      `rule add priority 20000 from ${address} lookup main ${suppress}`,
      `rule add priority 20001 from ${address} lookup ${table}`,
      `rule add priority 20002 oif ${name} lookup ${table}`,
    ]) {
      await instance.ip(`-${version} ${command}`)
    }
  }
}
