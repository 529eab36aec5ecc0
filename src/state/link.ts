/** A link name as a word for a shell: the kernel allows `;` and `$` in names. */
export const linkWord = (name: string): string =>
  /^[\w.@:-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`

/** A network interface of this network namespace, as RTM_NEWLINK tells it. */
export interface Link {
  readonly index: number
  readonly name: string
  readonly altnames: readonly string[]
  /** Lower case, colons; empty where the link has none (tunnels). */
  readonly mac: string
  readonly up: boolean
  readonly loopback: boolean
  /** `ip link set group`; 0 is the default group. */
  readonly group: number
  /** IFLA_INFO_KIND (`veth`, `bridge`, `vlan`, …); undefined for a device with hardware behind it. */
  readonly kind?: string
  /** The kernel driver (`ena`, `ixgbevf`, …), where it is known. */
  readonly driver?: string
  /** Index of the bridge, bond or VRF that this link is enslaved to. */
  readonly master?: number
  /** Kind of the master as the slave sees it (IFLA_INFO_SLAVE_KIND: `bridge`, `bond`, `vrf`). */
  readonly slaveKind?: string
  /** Of a VRF: the table of the links that are enslaved to it. */
  readonly vrfTable?: number
  /** Index of the link that this one is a child of (VLAN, macvlan); undefined where the other end is another namespace. */
  readonly parent?: number
  /**
   * `net.ipv4.conf.NAME.src_valid_mark`: rp_filter minds the packet mark. The kernel keeps any number, and takes all but 0
   * for yes. Undefined is 0.
   */
  readonly srcValidMark?: number
  /** The kernel forwards what comes in by it: `net.ipv4.conf.NAME.forwarding` or that of `net.ipv6`. */
  readonly forwards?: true
}
