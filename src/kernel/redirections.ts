import { NetlinkError } from '../netlink/errors.ts'
import {
  decodeChain,
  decodeElements,
  decodeNftRule,
  decodeSet,
  elementDumpPayload,
  type SetHead,
} from '../netlink/nft-ruleset.ts'
import { NFT_HEADER, NFT_MSG } from '../netlink/nftables.ts'
import { RequestSocket } from '../netlink/request.ts'
import { NETLINK_PROTOCOL, NetlinkSocket } from '../netlink/socket.ts'
import { families } from '../state/ip.ts'
import type { NftRuleset, NftSight, SetElement } from '../state/netfilter.ts'
import { legacyTables } from './legacy-tables.ts'

/** Reads nftables' rules, those of iptables-nft included, for people who ask. */
export class Redirections {
  #socket: RequestSocket | undefined

  /** Never throws for want of them: what can't be read is said. */
  see(): NftSight {
    try {
      this.#socket ??= new RequestSocket(NetlinkSocket.open({ protocol: NETLINK_PROTOCOL.NETFILTER }))
      return { ruleset: read(this.#socket), unread: legacy() }
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error
      return { unread: unreadable(error) }
    }
  }

  close(): void {
    this.#socket?.close()
  }
}

function read(socket: RequestSocket): NftRuleset {
  const everything = Buffer.alloc(NFT_HEADER)
  const { items: chains } = socket.dump(NFT_MSG.GETCHAIN, everything, decodeChain, NFT_MSG.NEWCHAIN)
  // Without a chain that redirects there is nothing to know, however many rules there are.
  const redirects = chains.some(({ hook }) => hook?.type === 'nat')
  const { items: rules } = redirects
    ? socket.dump(NFT_MSG.GETRULE, everything, decodeNftRule, NFT_MSG.NEWRULE)
    : { items: [] }
  const heads = redirects ? socket.dump(NFT_MSG.GETSET, everything, decodeSet, NFT_MSG.NEWSET).items : []
  return {
    chains,
    rules,
    set(family, table, name) {
      const head = heads.find((one) => one.family === family && one.table === table && one.name === name)
      if (!head) return undefined
      return { interval: head.interval, fields: head.fields, elements: elementsOf(socket, head) }
    },
  }
}

const elementsOf = (socket: RequestSocket, head: SetHead): readonly SetElement[] =>
  socket.dump(NFT_MSG.GETSETELEM, elementDumpPayload(head), decodeElements, NFT_MSG.NEWSETELEM).items.flat()

const unreadable = ({ code }: NetlinkError): string[] =>
  code === 'EPERM'
    ? ['nftables can only be read with CAP_NET_ADMIN: whether the packet is redirected is not known (run this as root)']
    : // A kernel without nftables has no rules of it.
      legacy()

/** The tables of iptables-legacy are there from the moment that somebody uses them; their rules are not read. */
function legacy(): string[] {
  const hasNat = families.some((family) => legacyTables(family).includes('nat'))
  return hasNat ? ['iptables-legacy has a nat table here, whose rules are not read'] : []
}
