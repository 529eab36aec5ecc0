import { addressesOf, isMultihomed, managed } from '../enis.ts'
import type { Check, Drop, KernelState } from '../evidence.ts'
import type { Finding } from '../finding.ts'

/** The packet filter drops all that comes in or goes out by one ENI, or has its address: no routing mends that. */
export const firewall: Check = {
  reads: [],
  find: ({ kernel, drops = [] }) =>
    isMultihomed(kernel)
      ? drops.flatMap((drop): Finding[] => {
          const hit = drop.hook && victim(drop, kernel)
          return hit === undefined
            ? []
            : [
                {
                  severity: 'warning',
                  id: 'packet-filter-drops',
                  what: `the packet filter drops everything ${drop.hook === 'input' ? 'that comes in' : 'that goes out'} ${hit}`,
                  evidence: [drop.text],
                  cure: `${drop.removal}, or put rules before it that accept what is meant to pass`,
                },
              ]
        })
      : [],
}

/** The ENI, or the address, that all packets of are dropped. */
function victim({ link, addresses, hook }: Drop, kernel: KernelState): string | undefined {
  const enis = managed(kernel)
  if (link !== undefined) {
    return enis.some(({ eni }) => eni.link.name === link) ? `by ${link}` : undefined
  }
  const own = enis.flatMap((plan) => addressesOf(kernel, plan)).map(({ address }) => address)
  const [address] = addresses.filter((one) => own.includes(one))
  return address === undefined ? undefined : `${hook === 'input' ? 'for' : 'from'} ${address}`
}
