/** Numbers of linux/netlink.h and linux/rtnetlink.h that more than one file needs. Attribute numbers live with their codec. */

export const NLMSG = { NOOP: 1, ERROR: 2, DONE: 3, OVERRUN: 4 } as const

export const NLM_F = {
  REQUEST: 0x1,
  MULTI: 0x2,
  ACK: 0x4,
  DUMP_INTR: 0x10,
  ROOT: 0x100,
  MATCH: 0x200,
  DUMP: 0x300,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
  /** Of an acknowledgement: the request is not repeated in it, only its header. */
  CAPPED: 0x100,
  /** Of an acknowledgement: attributes with the kernel's explanation follow. */
  ACK_TLVS: 0x200,
} as const

export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  SETLINK: 19,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
  NEWNEIGH: 28,
  GETNEIGH: 30,
  NEWRULE: 32,
  DELRULE: 33,
  GETRULE: 34,
  NEWNEXTHOP: 104,
  DELNEXTHOP: 105,
  GETNEXTHOP: 106,
} as const

/** Multicast groups of rtnetlink(7), for NETLINK_ADD_MEMBERSHIP. */
export const RTNLGRP = {
  LINK: 1,
  IPV4_IFADDR: 5,
  IPV4_ROUTE: 7,
  IPV4_RULE: 8,
  IPV6_IFADDR: 9,
  IPV6_ROUTE: 11,
  IPV6_RULE: 19,
  NEXTHOP: 32,
} as const

/** rtm_table and fib_rule_hdr.table of a table above 255, whose number is in an attribute. */
export const RT_TABLE_COMPAT = 252

const messageNames: ReadonlyMap<number, string> = new Map([
  ...Object.entries(NLMSG).map(([name, type]) => [type, `NLMSG_${name}`] as const),
  ...Object.entries(RTM).map(([name, type]) => [type, `RTM_${name}`] as const),
])

/** The name of a message type as the uapi headers spell it, for errors and the debug print. */
export const messageName = (type: number): string => messageNames.get(type) ?? `type ${type}`
