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
      const { ruleset, torn } = read(this.#socket)
      return {
        ruleset,
        unread: [...(torn ? ['nftables changed while it was read: some of it may be missing'] : []), ...legacy()],
      }
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error
      return { unread: unreadable(error) }
    }
  }

  close(): void {
    this.#socket?.close()
  }
}

/** `torn`: somebody wrote meanwhile, again and again. */
function read(socket: RequestSocket): { ruleset: NftRuleset; torn: boolean } {
  const everything = Buffer.alloc(NFT_HEADER)
  const { items: chains, interrupted } = socket.dump(NFT_MSG.GETCHAIN, everything, decodeChain, NFT_MSG.NEWCHAIN)
  // Without a chain that redirects there is nothing to know, however many rules there are.
  const redirects = chains.some(({ hook }) => hook?.type === 'nat')
  const rules = redirects ? socket.dump(NFT_MSG.GETRULE, everything, decodeNftRule, NFT_MSG.NEWRULE) : nothing
  const heads = redirects ? socket.dump(NFT_MSG.GETSET, everything, decodeSet, NFT_MSG.NEWSET) : nothing
  const ruleset: NftRuleset = {
    chains,
    rules: rules.items,
    set(family, table, name) {
      const head = heads.items.find((one) => one.family === family && one.table === table && one.name === name)
      const elements = head && elementsOf(socket, head)
      return elements && { interval: head.interval, fields: head.fields, elements }
    },
  }
  return { ruleset, torn: interrupted || rules.interrupted || heads.interrupted }
}

const nothing = { items: [], interrupted: false } as const

/** undefined where the set went away after the others were read. */
function elementsOf(socket: RequestSocket, head: SetHead): readonly SetElement[] | undefined {
  try {
    return socket.dump(NFT_MSG.GETSETELEM, elementDumpPayload(head), decodeElements, NFT_MSG.NEWSETELEM).items.flat()
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENOENT') return undefined
    throw error
  }
}

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
