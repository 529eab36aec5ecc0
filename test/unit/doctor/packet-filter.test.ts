import { describe, expect, test } from 'vitest'
import { dropsOfIptables, dropsOfNft } from '../../../src/doctor/read/drops.ts'
import { packetFilterOf, redirectionsOfIptables, redirectionsOfNft } from '../../../src/doctor/read/packet-filter.ts'

const listing = `
table ip nat {
	chain DOCKER {
		iifname "docker0" counter packets 0 bytes 0 return
		iifname != "docker0" tcp dport 8080 counter packets 0 bytes 0 dnat to 172.17.0.2:80 # handle 5
		ip daddr 172.31.0.218 iifname != "docker0" tcp dport 81 counter packets 0 bytes 0 dnat to 172.17.0.3:81
		ip daddr { 172.31.0.218, 172.31.15.216 } udp dport 53 dnat to 172.17.0.4
		iifname "eth0" tcp dport 82 counter packets 0 bytes 0 xt target "DNAT"
	}
	chain DOCKER_OUTPUT {
		ip daddr 127.0.0.11 udp dport 53 counter packets 0 bytes 0 dnat to 127.0.0.11:41234
	}
	chain OUT {
		type nat hook output priority dstnat; policy accept;
		tcp dport 9 dnat to 10.0.0.9
	}
	chain KUBE-SEP-ABC {
		meta l4proto tcp counter packets 0 bytes 0 dnat to 10.244.0.5:53
	}
	chain KUBE-NODEPORTS {
		meta l4proto tcp tcp dport 30080 counter packets 0 bytes 0 jump KUBE-EXT-XYZ
	}
}
table inet six {
	chain pre {
		type nat hook prerouting priority dstnat; policy accept;
		ip6 daddr fd00::1 tcp dport 80 dnat ip6 to [fd00::2]:80
		tcp dport 83 redirect to :8083
	}
}
`

test('redirections of nftables, with what they hold for', () => {
  expect(
    redirectionsOfNft(listing).map(({ family, addresses, iif, text }) => [
      family,
      addresses,
      iif,
      /dport (\d+)/.exec(text)?.[1],
    ]),
  ).toEqual([
    [4, [], undefined, '8080'],
    [4, ['172.31.0.218'], undefined, '81'],
    [4, ['172.31.0.218', '172.31.15.216'], undefined, '53'],
    [4, [], 'eth0', '82'],
    [4, [], undefined, '30080'],
    [undefined, ['fd00::1'], undefined, '80'],
  ])
})

test('redirections of iptables, with what they hold for', () => {
  const save = `*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT -p tcp -m tcp --dport 9 -j DNAT --to-destination 10.0.0.9
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
-A DOCKER -d 172.31.0.218/32 ! -i docker0 -p tcp -m tcp --dport 81 -j DNAT --to-destination 172.17.0.3:81
-A DOCKER -i eth1 -p udp -j DNAT --to-destination 127.0.0.11:53
-A DOCKER -i eth1 -p udp -j DNAT --to-destination 10.0.0.2:53-54
-A KUBE-SEP-ABC -p tcp -m tcp -j DNAT --to-destination 10.244.0.5:53
COMMIT
`
  expect(
    redirectionsOfIptables(save, 4).map(({ addresses, iif, text }) => [
      addresses,
      iif,
      /--to-destination (.*)/.exec(text)?.[1],
    ]),
  ).toEqual([
    [[], undefined, '172.17.0.2:80'],
    [['172.31.0.218'], undefined, '172.17.0.3:81'],
    [[], 'eth1', '10.0.0.2:53-54'],
  ])
})

test('the text of a redirection tells where it stands, and not what it counted', () => {
  expect(redirectionsOfNft(listing)[0]?.text).toBe(
    'nft table ip nat chain DOCKER: iifname != "docker0" tcp dport 8080 dnat to 172.17.0.2:80',
  )
  expect(redirectionsOfIptables('-A DOCKER -p tcp -j DNAT --to-destination 172.17.0.2:80', 4)[0]?.text).toBe(
    'iptables-legacy -t nat -A DOCKER -p tcp -j DNAT --to-destination 172.17.0.2:80',
  )
})

describe('what is dropped as a whole, and what in part:', () => {
  const chain = (rules: string, hook = 'input') =>
    `table inet f { # handle 1\n\tchain c { # handle 2\n\t\ttype filter hook ${hook} priority filter; policy drop;\n\t\t${rules.replaceAll('\n', ' # handle 3\n')} # handle 4\n\t}\n}\n`
  test.each([
    { rules: 'iifname "eth1" counter packets 3 bytes 180 drop', whole: ['input', 'eth1', ''] },
    { rules: 'iif "eth1" reject with icmp port-unreachable', whole: ['input', 'eth1', ''] },
    { rules: 'oifname "eth1" drop', hook: 'output', whole: ['output', 'eth1', ''] },
    { rules: 'oifname "eth1" drop', whole: [undefined, undefined, ''] },
    { rules: 'ip daddr 172.31.0.218 drop', whole: ['input', undefined, '172.31.0.218'] },
    { rules: 'ip6 daddr fd00::1 drop', whole: ['input', undefined, 'fd00::1'] },
    { rules: 'ip saddr 172.31.0.218 drop', whole: [undefined, undefined, '172.31.0.218'] },
    { rules: 'ip daddr 172.31.0.0/20 drop', whole: ['input', undefined, ''] },
    { rules: 'iifname "eth1" tcp dport 25 drop', whole: [undefined, undefined, ''] },
    { rules: 'tcp dport 22 accept\n\t\tiifname "eth1" drop', whole: [undefined, undefined, ''] },
    { rules: 'iifname "lo" accept\n\t\tiifname "eth1" drop', whole: ['input', 'eth1', ''] },
    { rules: 'iifname "eth1" drop', hook: 'prerouting', whole: ['input', 'eth1', ''] },
    {
      rules: 'ip daddr 169.254.169.254 meta skuid != 0 reject',
      hook: 'output',
      whole: [undefined, undefined, '169.254.169.254'],
    },
  ])('nft: $rules at $hook', ({ rules, hook = 'input', whole }) => {
    expect(dropsOfNft(chain(rules, hook)).map((drop) => [drop.hook, drop.link, drop.addresses.join()])).toEqual([whole])
  })

  test('chains without a hook, and rules that drop nothing', () => {
    const jumped =
      'table ip f {\n\tchain c {\n\t\tiifname "eth1" drop # handle 7\n\t}\n\tchain d {\n\t\tiifname "drop" accept # handle 8\n\t}\n}\n'
    expect(dropsOfNft(jumped)).toEqual([
      {
        text: 'nft table ip f chain c: iifname "eth1" drop',
        removal: 'nft delete rule ip f c handle 7',
        addresses: [],
      },
    ])
    expect(dropsOfNft(chain('tcp dport 22 accept'))).toEqual([])
  })

  test.each([
    { rules: '-A INPUT -i eth1 -j DROP', whole: ['input', 'eth1', ''] },
    { rules: '-A OUTPUT -o eth1 -m comment --comment "no way" -j REJECT', whole: ['output', 'eth1', ''] },
    { rules: '-A INPUT -d 172.31.0.218/32 -j DROP', whole: ['input', undefined, '172.31.0.218'] },
    { rules: '-A INPUT -p tcp --dport 22 -j ACCEPT\n-A INPUT -i eth1 -j DROP', whole: [undefined, undefined, ''] },
    { rules: '-A INPUT -i lo -j ACCEPT\n-A INPUT -i eth1 -j DROP', whole: ['input', 'eth1', ''] },
    { rules: '-A FORWARD -i eth1 -j DROP', whole: [undefined, undefined, ''] },
    { rules: '-A INPUT -i eth1 -p tcp -j DROP', whole: [undefined, undefined, ''] },
    {
      rules: '-A OUTPUT -d 169.254.169.254/32 -m owner ! --uid-owner 0 -j REJECT --reject-with icmp-port-unreachable',
      whole: [undefined, undefined, '169.254.169.254'],
    },
  ])('iptables: $rules', ({ rules, whole }) => {
    expect(dropsOfIptables(rules, 4).map((drop) => [drop.hook, drop.link, drop.addresses.join()])).toEqual([whole])
  })

  test('what takes them out', () => {
    expect(dropsOfNft(chain('iifname "eth1" counter packets 3 bytes 180 drop'))[0]?.removal).toBe(
      'nft delete rule inet f c handle 4',
    )
    const save = '*mangle\n-A OUTPUT -j ACCEPT\nCOMMIT\n*filter\n:INPUT DROP [0:0]\n-A INPUT -i eth1 -j DROP\nCOMMIT\n'
    expect(dropsOfIptables(save, 6)).toEqual([
      {
        text: 'ip6tables-legacy -t filter -A INPUT -i eth1 -j DROP',
        removal: 'ip6tables-legacy -t filter -D INPUT -i eth1 -j DROP',
        addresses: [],
        hook: 'input',
        link: 'eth1',
      },
    ])
  })
})

describe('of the listings that could be had', () => {
  const nft =
    'table ip a {\n\tchain b {\n\t\ttcp dport 1 dnat to 10.0.0.1 # handle 1\n\t\tiifname "eth1" drop # handle 2\n\t}\n}\n'
  const legacy = '*nat\n-A DOCKER -p tcp -j DNAT --to-destination 10.0.0.2\n-A X -j DROP\n'
  const told = (...listings: Parameters<typeof packetFilterOf>) => {
    const filter = packetFilterOf(...listings)
    return (
      filter && [
        ...filter.redirections.map(({ family }) => `dnat ${family}`),
        ...filter.drops.map(({ removal }) => removal),
      ]
    )
  }
  const [ofNft, of4, of6] = [
    ['dnat 4', 'nft delete rule ip a b handle 2'],
    ['dnat 4', 'iptables-legacy -t nat -D X -j DROP'],
    ['dnat 6', 'ip6tables-legacy -t nat -D X -j DROP'],
  ]
  test.each([
    { name: 'none', listings: [undefined, undefined, undefined], is: undefined },
    { name: 'that of nft alone', listings: [nft, undefined, undefined], is: ofNft },
    { name: 'that of IPv4 alone', listings: [undefined, legacy, undefined], is: of4 },
    { name: 'that of IPv6 alone', listings: [undefined, undefined, legacy], is: of6 },
    { name: 'empty ones', listings: ['', '', ''], is: [] },
  ] as const)('$name', ({ listings: [first, second, third], is }) => {
    expect(told(first, second, third)).toEqual(is)
  })
})
