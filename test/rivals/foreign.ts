import type { Namespace } from '../../src/lab/namespace.ts'

/*
 * Objects of somebody else, on a link that no rival configures: in front of our bands, inside of them, and in main. The
 * rules are of protocol kernel, which networkd spares, but for one.
 */
const link = 'br-other'

const commands = [
  `link add name ${link} type bridge`,
  `link set dev ${link} up`,
  `address add 10.66.0.1/24 dev ${link}`,
  `route add 198.18.0.0/15 dev ${link} protocol 99`,
  `route add 10.66.1.0/24 dev ${link} table 6600 protocol 99`,
  `route add 10.66.2.0/24 dev ${link} table 20500 protocol 99`,
  'rule add priority 15000 from 10.66.0.0/16 lookup 6600 protocol kernel',
  'rule add priority 20500 from 10.66.0.0/16 lookup 20500 protocol kernel',
  'rule add priority 15001 from 10.67.0.0/16 lookup 6600 protocol 99',
]

export const plantForeign = (instance: Namespace): Promise<void> => instance.batch(commands)

/** The foreign rules and routes that are there. */
export async function foreignState(instance: Namespace): Promise<string[]> {
  const lists = await Promise.all([instance.ip('-4 rule show'), instance.ip('-4 route show table all')])
  const marks = /10\.66\.|10\.67\.|198\.18\./
  return lists
    .flatMap((list) => list.split('\n'))
    .filter((line) => marks.test(line))
    .map((line) => line.replaceAll(/\s+/g, ' ').trim())
    .sort()
}
