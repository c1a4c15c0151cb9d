// What a packet is made of, outermost first. Fields a builder can work out (lengths, checksums, the protocol of what
// follows) are optional; a parser always sets them, so that parsing and building give the same bytes again.

/** Addresses are text (`02:00:00:00:00:01`, `10.0.0.1`, `2001:db8::1`). An etherType below 0x600 is an 802.3 length. */
export interface EthernetLayer {
  readonly kind: 'ethernet'
  readonly destination?: string
  readonly source?: string
  readonly etherType?: number
}

/** An 802.1Q or 802.1ad tag; its TPID is the etherType of the layer before. */
export interface VlanLayer {
  readonly kind: 'vlan'
  readonly id: number
  readonly priority?: number
  readonly dropEligible?: boolean
  readonly etherType?: number
}

/** ARP for Ethernet and IPv4; other kinds stay payload. */
export interface ArpLayer {
  readonly kind: 'arp'
  /** 1 request, 2 reply. */
  readonly operation: number
  readonly senderMac?: string
  readonly senderIp: string
  readonly targetMac?: string
  readonly targetIp: string
}

export interface Ipv4Layer {
  readonly kind: 'ipv4'
  readonly source: string
  readonly destination: string
  readonly protocol?: number
  readonly tos?: number
  readonly id?: number
  readonly reservedFlag?: boolean
  readonly dontFragment?: boolean
  readonly moreFragments?: boolean
  /** In units of 8 bytes, as the header holds it. */
  readonly fragmentOffset?: number
  readonly ttl?: number
  readonly totalLength?: number
  readonly checksum?: number
  /** Raw options, a multiple of 4 bytes up to 40. */
  readonly options?: Uint8Array
}

export interface Ipv6Layer {
  readonly kind: 'ipv6'
  readonly source: string
  readonly destination: string
  readonly nextHeader?: number
  readonly hopLimit?: number
  readonly trafficClass?: number
  readonly flowLabel?: number
  readonly payloadLength?: number
}

/** Hop-by-hop, routing, destination options, mobility, HIP, shim6 and authentication headers. */
export interface IpExtensionLayer {
  readonly kind: 'ip-extension'
  /** The protocol number of this header itself. */
  readonly type: number
  readonly nextHeader?: number
  /** Everything after the next header and length bytes: 6 bytes more than a multiple of 8 (authentication: of 4). */
  readonly data: Uint8Array
}

export interface Ipv6FragmentLayer {
  readonly kind: 'ipv6-fragment'
  readonly nextHeader?: number
  /** In units of 8 bytes. */
  readonly fragmentOffset: number
  readonly moreFragments: boolean
  readonly id: number
  /** The reserved byte and the two reserved bits after it. */
  readonly reserved?: number
}

export interface TcpLayer {
  readonly kind: 'tcp'
  readonly sourcePort: number
  readonly destinationPort: number
  readonly sequence?: number
  readonly acknowledgment?: number
  /** Letters of F S R P A U E C, in this order when parsed; the other four bits are `reserved`. */
  readonly flags?: string
  readonly reserved?: number
  readonly window?: number
  readonly checksum?: number
  readonly urgent?: number
  /** Raw options, a multiple of 4 bytes up to 40 (see encodeTcpOptions). */
  readonly options?: Uint8Array
}

export interface UdpLayer {
  readonly kind: 'udp'
  readonly sourcePort: number
  readonly destinationPort: number
  readonly length?: number
  /** 0 sends none. */
  readonly checksum?: number
}

/** ICMP and ICMPv6: `rest` is the second word; for echo messages identifier and sequence. */
export interface IcmpLayer {
  readonly kind: 'icmp' | 'icmpv6'
  readonly type: number
  readonly code?: number
  readonly checksum?: number
  readonly rest?: number
}

export interface GreLayer {
  readonly kind: 'gre'
  readonly protocol?: number
  /** The first 16 bits; the presence of checksum, key and sequence sets them when absent. */
  readonly flags?: number
  /** A value, or true to compute it. */
  readonly checksum?: number | true
  readonly key?: number
  readonly sequence?: number
  /** Version 1 (PPTP) only. */
  readonly acknowledgment?: number
}

export interface VxlanLayer {
  readonly kind: 'vxlan'
  readonly vni: number
  /** The first word; 0x08000000 (VNI present) when absent. */
  readonly flags?: number
  /** The last byte. */
  readonly reserved?: number
}

export interface GeneveLayer {
  readonly kind: 'geneve'
  readonly vni: number
  readonly protocol?: number
  /** The O and C bits and the six reserved ones. */
  readonly flags?: number
  readonly reserved?: number
  /** Raw options, a multiple of 4 bytes up to 252. */
  readonly options?: Uint8Array
}

export interface MplsLayer {
  readonly kind: 'mpls'
  readonly label: number
  readonly trafficClass?: number
  readonly bottom?: boolean
  readonly ttl?: number
}

/** Bytes that nothing here understands; text is sent as UTF-8. */
export interface PayloadLayer {
  readonly kind: 'payload'
  readonly data: Uint8Array | string
}

/** Bytes after the end of the network packet (short Ethernet frames are padded). */
export interface PaddingLayer {
  readonly kind: 'padding'
  readonly data: Uint8Array
}

export type Layer =
  | EthernetLayer
  | VlanLayer
  | ArpLayer
  | Ipv4Layer
  | Ipv6Layer
  | IpExtensionLayer
  | Ipv6FragmentLayer
  | TcpLayer
  | UdpLayer
  | IcmpLayer
  | GreLayer
  | VxlanLayer
  | GeneveLayer
  | MplsLayer
  | PayloadLayer
  | PaddingLayer

export type LayerKind = Layer['kind']

const TCP_FLAGS = 'FSRPAUEC'

export function tcpFlagBits(letters: string): number {
  let bits = 0
  for (const letter of letters) bits |= 1 << TCP_FLAGS.indexOf(letter.toUpperCase())
  return bits & 0xff
}

export function tcpFlagLetters(bits: number): string {
  let letters = ''
  for (let i = 0; i < 8; i++) if ((bits >>> i) & 1) letters += TCP_FLAGS[i]
  return letters
}
