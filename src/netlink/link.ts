import type { Link } from '../state/link.ts'
import { Attributes } from './attributes.ts'
import { NLM_F, RTM } from './constants.ts'
import { AF } from './family.ts'
import type { Request } from './framing.ts'
import { Payload } from './payload.ts'

/** linux/if_link.h */
const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  LINK: 5,
  MASTER: 10,
  LINKINFO: 18,
  AF_SPEC: 26,
  GROUP: 27,
  EXT_MASK: 29,
  LINK_NETNSID: 37,
  PROP_LIST: 52,
  ALT_IFNAME: 53,
} as const
const IFLA_INFO = { KIND: 1, DATA: 2, SLAVE_KIND: 4 } as const
const IFLA_VRF_TABLE = 1
/** What an address family keeps of a link: its settings, a 32-bit number each, in IPv4 counted from 1 (linux/ip.h, ipv6.h). */
const IFLA_INET_CONF = 1
const IFLA_INET6_CONF = 2
const IPV4_DEVCONF = { FORWARDING: 1, SRC_VMARK: 24 } as const
const IPV6_DEVCONF_FORWARDING = 0
/** linux/if.h */
const IFF = { UP: 0x1, LOOPBACK: 0x8 } as const
/** Leaves the IPv6 counters (and those of virtual functions) out: a third of a link's bytes. The link's own stay. */
const RTEXT_FILTER_SKIP_STATS = 8
/** Kinds of link that come in pairs: their IFLA_LINK names the other end, which is no parent. */
const paired: ReadonlySet<string | undefined> = new Set(['veth', 'netkit', 'vxcan'])
/** Bytes of struct ifinfomsg. */
const HEADER = 16

type Draft = { -readonly [Key in keyof Link]: Link[Key] } & { altnames: string[]; parentElsewhere?: true }

/**
 * The link in the body of RTM_NEWLINK or RTM_DELLINK; undefined where it can't be understood, and for a bridge's own
 * messages (AF_BRIDGE): one of those says RTM_DELLINK when a port leaves the bridge, and the link lives on.
 */
export function decodeLink(payload: Buffer): Link | undefined {
  if (payload.length < HEADER || payload[0] !== AF.UNSPEC) {
    return undefined
  }
  const draft = emptyLink(payload.readInt32LE(4), payload.readUInt32LE(8))
  const attributes = new Attributes(payload, HEADER)
  while (attributes.next()) {
    fields[attributes.type]?.(draft, attributes)
  }
  return attributes.malformed || draft.index <= 0 || draft.name === '' ? undefined : finish(draft)
}

const emptyLink = (index: number, flags: number): Draft => ({
  index,
  name: '',
  altnames: [],
  mac: '',
  up: (flags & IFF.UP) !== 0,
  loopback: (flags & IFF.LOOPBACK) !== 0,
  group: 0,
})

const fields: Readonly<Record<number, (draft: Draft, value: Attributes) => void>> = {
  [IFLA.ADDRESS]: (draft, value) => {
    draft.mac = value.length === 6 ? macText(value.bytes()) : ''
  },
  [IFLA.IFNAME]: (draft, value) => {
    draft.name = value.text()
  },
  [IFLA.LINK]: (draft, value) => {
    draft.parent = value.i32()
  },
  [IFLA.LINK_NETNSID]: (draft) => {
    draft.parentElsewhere = true
  },
  [IFLA.MASTER]: (draft, value) => {
    draft.master = value.u32()
  },
  [IFLA.GROUP]: (draft, value) => {
    draft.group = value.u32()
  },
  [IFLA.LINKINFO]: (draft, value) =>
    value.nested((inner) => {
      if (inner.type === IFLA_INFO.KIND) draft.kind = inner.text()
      if (inner.type === IFLA_INFO.SLAVE_KIND) draft.slaveKind = inner.text()
      if (inner.type === IFLA_INFO.DATA && draft.kind === 'vrf') readVrf(draft, inner)
    }),
  [IFLA.AF_SPEC]: (draft, value) =>
    value.nested((family) => {
      if (family.type === AF.INET) family.nested((inner) => readIpv4Settings(draft, inner))
      if (family.type === AF.INET6) family.nested((inner) => readIpv6Settings(draft, inner))
    }),
  [IFLA.PROP_LIST]: (draft, value) =>
    value.nested((inner) => {
      if (inner.type === IFLA.ALT_IFNAME) draft.altnames.push(inner.text())
    }),
}

function readVrf(draft: Draft, value: Attributes): void {
  value.nested((inner) => {
    if (inner.type === IFLA_VRF_TABLE) draft.vrfTable = inner.u32()
  })
}

function readIpv4Settings(draft: Draft, settings: Attributes): void {
  if (settings.type === IFLA_INET_CONF) {
    const srcValidMark = setting(settings, IPV4_DEVCONF.SRC_VMARK - 1)
    if (srcValidMark !== 0) draft.srcValidMark = srcValidMark
    if (setting(settings, IPV4_DEVCONF.FORWARDING - 1) !== 0) draft.forwards = true
  }
}

function readIpv6Settings(draft: Draft, settings: Attributes): void {
  if (settings.type === IFLA_INET6_CONF && setting(settings, IPV6_DEVCONF_FORWARDING) !== 0) draft.forwards = true
}

/** 0 where the kernel has no such setting. */
const setting = (settings: Attributes, place: number): number =>
  settings.length >= 4 * place + 4 ? settings.u32(4 * place) : 0

/** A parent with this link's own index is none (a tunnel says so), and one of another namespace means nothing here. */
function finish({ parentElsewhere, parent, ...link }: Draft): Link {
  const none = parent === undefined || parent <= 0 || parent === link.index
  return none || parentElsewhere || paired.has(link.kind) ? link : { ...link, parent }
}

const macText = (bytes: Buffer): string => bytes.toString('hex').replace(/..(?=.)/g, '$&:')

/** The body of a request for all links, short of what nobody here reads. */
export function linkDumpPayload(): Buffer {
  return new Payload(HEADER).u32(IFLA.EXT_MASK, RTEXT_FILTER_SKIP_STATS).finish()
}

/** `ip link set dev INDEX up`. */
export function setLinkUp(index: number): Request {
  const payload = new Payload(HEADER)
  payload.header.writeInt32LE(index, 4)
  payload.header.writeUInt32LE(IFF.UP, 8)
  payload.header.writeUInt32LE(IFF.UP, 12)
  return { type: RTM.SETLINK, flags: NLM_F.ACK, payload: payload.finish() }
}

/** `ip link set dev INDEX group GROUP`. */
export function setLinkGroup(index: number, group: number): Request {
  const payload = new Payload(HEADER)
  payload.header.writeInt32LE(index, 4)
  return { type: RTM.SETLINK, flags: NLM_F.ACK, payload: payload.u32(IFLA.GROUP, group).finish() }
}

/** `sysctl net.ipv4.conf.NAME.src_valid_mark=VALUE`, by netlink: a hardened unit can't write to /proc/sys. */
export function setSrcValidMark(index: number, value: number): Request {
  const payload = new Payload(HEADER)
  payload.header.writeInt32LE(index, 4)
  payload.nested(IFLA.AF_SPEC, () =>
    payload.nested(AF.INET, () => payload.nested(IFLA_INET_CONF, () => payload.u32(IPV4_DEVCONF.SRC_VMARK, value))),
  )
  return { type: RTM.SETLINK, flags: NLM_F.ACK, payload: payload.finish() }
}
