import type { Family } from '../state/ip.ts'

/** Address families of linux/socket.h. */
export const AF = { UNSPEC: 0, INET: 2, INET6: 10 } as const

/** The address family of a request: undefined asks for every one. */
export const familyNumber = (family: Family | undefined): number =>
  family === undefined ? AF.UNSPEC : family === 4 ? AF.INET : AF.INET6

/** The family that a message of the kernel is about, or undefined: bridge, MPLS, multicast routing, … */
export const familyFrom = (value: number | undefined): Family | undefined =>
  value === AF.INET ? 4 : value === AF.INET6 ? 6 : undefined
