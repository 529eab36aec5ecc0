/** linux/rtnetlink.h */
export const RTA = {
  DST: 1,
  SRC: 2,
  IIF: 3,
  OIF: 4,
  GATEWAY: 5,
  PRIORITY: 6,
  PREFSRC: 7,
  METRICS: 8,
  MULTIPATH: 9,
  TABLE: 15,
  MARK: 16,
  VIA: 18,
  PREF: 20,
  UID: 25,
  IP_PROTO: 27,
  SPORT: 28,
  DPORT: 29,
  NH_ID: 30,
} as const

/** An answer to a route lookup, and an exception (a learned PMTU, a redirect): no route that somebody put there. */
export const RTM_F_CLONED = 0x200
export const RTM_F_LOOKUP_TABLE = 0x1000
export const RTM_F_FIB_MATCH = 0x2000

/** Also said of a link without carrier where ignore_routes_with_linkdown is set. */
export const RTNH_F_DEAD = 0x1
export const RTNH_F_ONLINK = 0x4

/** Bytes of struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags (32 bits). */
export const ROUTE_HEADER = 12
/** Bytes of struct rtnexthop: length (16 bits), flags, weight - 1, interface (32 bits). */
export const NEXTHOP_HEADER = 8
