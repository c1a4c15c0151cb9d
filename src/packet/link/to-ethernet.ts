import { FormatError } from '../../base/index.js'
import { ieee80211Payload } from './ieee80211.js'
import { describeLinkType, LINK_TYPE } from './link-types.js'
import { Refusal } from './refusal.js'

// XDP and tc programs see a frame that begins with an Ethernet header. Captures of other links are given one where
// their header says which network protocol follows; the rest are refused by name.

/** How packets of a link type become Ethernet frames. */
export type EthernetPolicy = 'same' | 'converted' | 'none'

const ETH_P_IP = 0x0800
const ETH_P_IPV6 = 0x86dd
const ETH_P_MPLS = 0x8847
const ETH_P_PPP_SES = 0x8864
const ZERO_MAC = new Uint8Array(6)
const BROADCAST_MAC = new Uint8Array(6).fill(0xff)

/** Where a packet's network header starts and what it is. `etherType` below 0x600 means an LLC header follows. */
interface Payload {
  readonly etherType: number
  readonly offset: number
  /** End of the payload, when something follows it. */
  readonly end?: number
  readonly source?: Uint8Array
  readonly destination?: Uint8Array
}

/** Reads a link header; throws `Refusal` for a packet that carries nothing an Ethernet frame could. */
type Decapsulator = (data: Uint8Array) => Payload

const CONVERTED = new Map<number, Decapsulator>([
  [LINK_TYPE.NULL, (data) => family(4, familyOfEitherOrder(data))],
  [LINK_TYPE.LOOP, (data) => family(4, u32(data, 0, 'address family'))],
  [LINK_TYPE.RAW, (data) => rawIp(data, 0)],
  // DLT_RAW of several systems, which some writers store as it is.
  [12, (data) => rawIp(data, 0)],
  [14, (data) => rawIp(data, 0)],
  [LINK_TYPE.ATM_CLIP, (data) => (u8(data, 0, 'header') === 0xaa ? llc(data, 0, {}) : rawIp(data, 0))],
  [LINK_TYPE.SUNATM, sunAtm],
  [LINK_TYPE.IPOIB, (data) => ({ etherType: u16(data, 40, 'IP over InfiniBand header'), offset: 44 })],
  [LINK_TYPE.JUNIPER_ETHER, juniperEther],
  [LINK_TYPE.IPV4, () => ({ etherType: ETH_P_IP, offset: 0 })],
  [LINK_TYPE.IPV6, () => ({ etherType: ETH_P_IPV6, offset: 0 })],
  [LINK_TYPE.MPLS, () => ({ etherType: ETH_P_MPLS, offset: 0 })],
  // A direction byte and the compressed link header the driver saved.
  [LINK_TYPE.SLIP, (data) => rawIp(data, 16)],
  [LINK_TYPE.LINUX_SLL, linuxSll],
  [LINK_TYPE.LINUX_SLL2, linuxSll2],
  [LINK_TYPE.PPP, (data) => ppp(data, 0)],
  [LINK_TYPE.PPP_HDLC, (data) => ppp(data, 0)],
  [LINK_TYPE.PPP_PPPD, (data) => ppp(data, 0)],
  [LINK_TYPE.PPP_WITH_DIR, (data) => ppp(data, 1)],
  [LINK_TYPE.PPP_ETHER, () => ({ etherType: ETH_P_PPP_SES, offset: 0 })],
  [LINK_TYPE.C_HDLC, (data) => ciscoHdlc(data, 0)],
  [LINK_TYPE.C_HDLC_WITH_DIR, (data) => ciscoHdlc(data, 1)],
  [LINK_TYPE.FRELAY, (data) => frameRelay(data, 0)],
  [LINK_TYPE.FRELAY_WITH_DIR, (data) => frameRelay(data, 1)],
  [LINK_TYPE.ENC, (data) => family(12, familyOfEitherOrder(data))],
  [LINK_TYPE.PFLOG, (data) => family((u8(data, 0, 'header length') + 3) & ~3, u8(data, 1, 'address family'))],
  [LINK_TYPE.IPNET, ipnet],
  [LINK_TYPE.NFLOG, nflog],
  [LINK_TYPE.ATM_RFC1483, (data) => llc(data, 0, {})],
  [LINK_TYPE.FDDI, (data) => llc(data, 13, macs(data, 1, 7))],
  [LINK_TYPE.IEEE802_5, tokenRing],
  [LINK_TYPE.IP_OVER_FC, (data) => llc(data, 16, macs(data, 2, 10))],
  [LINK_TYPE.APPLE_IP_OVER_IEEE1394, (data) => ({ etherType: u16(data, 16, 'protocol'), offset: 18 })],
  [LINK_TYPE.IEEE802_11, (data) => ieee80211(data, 0)],
  [LINK_TYPE.IEEE802_11_RADIOTAP, (data) => ieee80211(data, u16le(data, 2, 'radiotap length'))],
  [LINK_TYPE.IEEE802_11_AVS, (data) => ieee80211(data, u32(data, 4, 'AVS header length'))],
  [LINK_TYPE.IEEE802_11_PRISM, (data) => ieee80211(data, 144)],
])

/** Ethernet frames, and those with a switch tag: a program on the switch's conduit port sees exactly these bytes. */
const SAME = new Set<number>([
  LINK_TYPE.ETHERNET,
  LINK_TYPE.EXP_ETHERNET,
  LINK_TYPE.DSA_TAG_BRCM,
  LINK_TYPE.DSA_TAG_BRCM_PREPEND,
  LINK_TYPE.DSA_TAG_DSA,
  LINK_TYPE.DSA_TAG_EDSA,
])

/** Whether packets of a link type are Ethernet frames, can be made such (most of them), or never can. */
export function ethernetPolicy(linkType: number): EthernetPolicy {
  if (SAME.has(linkType)) return 'same'
  return CONVERTED.has(linkType) || linkType === LINK_TYPE.PPI ? 'converted' : 'none'
}

/**
 * The Ethernet frame of a captured packet: the packet itself where it is one (not a copy), else its network packet
 * behind a new Ethernet header, with the addresses the link header gives and zeros for the others. Throws FormatError
 * naming the link type when there is no such frame.
 */
export function toEthernet(linkType: number, data: Uint8Array): Uint8Array {
  if (SAME.has(linkType)) return data
  if (linkType === LINK_TYPE.PPI) return fromPpi(data)
  const decapsulate = CONVERTED.get(linkType)
  if (decapsulate === undefined) {
    throw new FormatError('packet', `${describeLinkType(linkType)} packets cannot be given an Ethernet header`, {
      hint: 'XDP and tc programs see Ethernet frames: Ethernet, raw IP, PPP, Linux cooked and similar captures work',
    })
  }
  try {
    const payload = decapsulate(data)
    const end = payload.end ?? data.length
    if (payload.offset > end) throw new Refusal(`header of ${payload.offset} bytes is cut at ${end}`)
    return frame(payload, data.subarray(payload.offset, end))
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    throw new FormatError('packet', `${describeLinkType(linkType)}: ${error.message}`)
  }
}

function frame(payload: Payload, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(14 + body.length)
  bytes.set(payload.destination ?? ZERO_MAC, 0)
  bytes.set(payload.source ?? ZERO_MAC, 6)
  // Below 0x600 the field is the length of an LLC frame.
  const type = payload.etherType < 0x600 ? Math.min(body.length, 0x5dc) : payload.etherType
  bytes[12] = type >>> 8
  bytes[13] = type & 0xff
  bytes.set(body, 14)
  return bytes
}

function u8(data: Uint8Array, at: number, what: string): number {
  const value = data[at]
  if (value === undefined) throw new Refusal(`${what} is cut: the packet has ${data.length} bytes`)
  return value
}

function u16(data: Uint8Array, at: number, what: string): number {
  return (u8(data, at, what) << 8) | u8(data, at + 1, what)
}

function u16le(data: Uint8Array, at: number, what: string): number {
  return u8(data, at, what) | (u8(data, at + 1, what) << 8)
}

function u32(data: Uint8Array, at: number, what: string): number {
  return u16(data, at, what) * 0x1_0000 + u16(data, at + 2, what)
}

function rawIp(data: Uint8Array, offset: number): Payload {
  const version = u8(data, offset, 'IP header') >>> 4
  if (version === 4) return { etherType: ETH_P_IP, offset }
  if (version === 6) return { etherType: ETH_P_IPV6, offset }
  throw new Refusal(`the packet is neither IPv4 nor IPv6 (version ${version})`)
}

/** The family is stored in the byte order of the machine that captured; families are small numbers. */
function familyOfEitherOrder(data: Uint8Array): number {
  const value = u32(data, 0, 'address family')
  return value > 0xffff ? u16le(data, 0, 'address family') : value
}

/** AF_INET is 2 everywhere; AF_INET6 differs between NetBSD, FreeBSD, Darwin, Linux, Solaris and Windows. */
function family(offset: number, value: number): Payload {
  if (value === 2) return { etherType: ETH_P_IP, offset }
  if ([10, 23, 24, 26, 28, 30].includes(value)) return { etherType: ETH_P_IPV6, offset }
  throw new Refusal(`address family ${value} has no Ethernet type`)
}

function linuxSll(data: Uint8Array): Payload {
  const packetType = u16(data, 0, 'cooked header')
  const addressLength = u16(data, 4, 'cooked header')
  const protocol = u16(data, 14, 'cooked header')
  return cooked(
    u16(data, 2, 'cooked header'),
    protocol,
    packetType,
    addressLength === 6 ? data.slice(6, 12) : ZERO_MAC,
    16,
  )
}

function linuxSll2(data: Uint8Array): Payload {
  const protocol = u16(data, 0, 'cooked header')
  const packetType = u8(data, 10, 'cooked header')
  u8(data, 19, 'cooked header')
  return cooked(u16(data, 8, 'cooked header'), protocol, packetType, data[11] === 6 ? data.slice(12, 18) : ZERO_MAC, 20)
}

const ARPHRD_NETLINK = 824
const PACKET_BROADCAST = 1

function cooked(hardware: number, protocol: number, packetType: number, source: Uint8Array, offset: number): Payload {
  const destination = packetType === PACKET_BROADCAST ? BROADCAST_MAC : ZERO_MAC
  if (hardware === ARPHRD_NETLINK) throw new Refusal('the packet is a netlink message')
  // 1: 802.3 without LLC, 4: 802.2 LLC; other small numbers are not Ethernet (CAN, IrDA, ...).
  if (protocol >= 0x600 || protocol === 1 || protocol === 4) return { etherType: protocol, offset, source, destination }
  throw new Refusal(`protocol ${protocol} of the cooked header has no Ethernet type`)
}

const PPP_PROTOCOLS = new Map<number, number>([
  [0x0021, ETH_P_IP],
  [0x0057, ETH_P_IPV6],
  [0x0281, ETH_P_MPLS],
  [0x0283, 0x8848],
])

function ppp(data: Uint8Array, start: number): Payload {
  // Address and control bytes ff 03 are there unless they were negotiated away.
  let at = data[start] === 0xff && data[start + 1] === 0x03 ? start + 2 : start
  // So is the first byte of a protocol below 0x100: the last byte of a protocol is odd.
  let protocol = u8(data, at++, 'PPP protocol')
  if ((protocol & 1) === 0) protocol = (protocol << 8) | u8(data, at++, 'PPP protocol')
  const etherType = PPP_PROTOCOLS.get(protocol)
  if (etherType === undefined) throw new Refusal(`PPP protocol 0x${protocol.toString(16)} has no Ethernet type`)
  return { etherType, offset: at }
}

function ciscoHdlc(data: Uint8Array, start: number): Payload {
  const protocol = u16(data, start + 2, 'HDLC header')
  if (protocol < 0x600) throw new Refusal(`HDLC protocol 0x${protocol.toString(16)} has no Ethernet type`)
  return { etherType: protocol, offset: start + 4 }
}

/** RFC 2427: Q.922 address, control 03, an optional pad, and the NLPID; or Cisco's form with an Ethernet type. */
function frameRelay(data: Uint8Array, start: number): Payload {
  let at = start
  while ((u8(data, at, 'frame relay address') & 1) === 0 && at - start < 4) at++
  at++
  const cisco = u16(data, at, 'frame relay header')
  if (cisco === ETH_P_IP || cisco === ETH_P_IPV6) return { etherType: cisco, offset: at + 2 }
  if (u8(data, at++, 'frame relay control') !== 0x03) throw new Refusal('the frame carries no unnumbered information')
  if (data[at] === 0) at++
  const nlpid = u8(data, at++, 'NLPID')
  if (nlpid === 0xcc) return { etherType: ETH_P_IP, offset: at }
  if (nlpid === 0x8e) return { etherType: ETH_P_IPV6, offset: at }
  if (nlpid === 0x80 && u16(data, at, 'SNAP header') === 0 && data[at + 2] === 0) {
    return { etherType: u16(data, at + 3, 'SNAP header'), offset: at + 5 }
  }
  throw new Refusal(`NLPID 0x${nlpid.toString(16)} has no Ethernet type`)
}

function ipnet(data: Uint8Array): Payload {
  const value = u8(data, 1, 'ipnet header')
  return family(24, value)
}

/** Netfilter log: family, version, resource and attributes in host order; attribute 9 is the packet. */
function nflog(data: Uint8Array): Payload {
  const { etherType } = family(4, u8(data, 0, 'nflog header'))
  let at = 4
  while (at + 4 <= data.length) {
    const little = u16le(data, at, 'nflog attribute')
    const big = u16(data, at, 'nflog attribute')
    const swapped = little > data.length - at && big <= data.length - at
    const length = swapped ? big : little
    const type = (swapped ? u16(data, at + 2, 'nflog attribute') : u16le(data, at + 2, 'nflog attribute')) & 0x7fff
    if (length < 4 || length > data.length - at)
      throw new Refusal(`nflog attribute of ${length} bytes leaves the packet`)
    if (type === 9) return { etherType, offset: at + 4, end: at + length }
    at += (length + 3) & ~3
  }
  throw new Refusal('the netfilter log entry has no packet')
}

const SUNATM_LLC = 2

/** SunATM: direction and traffic type, virtual path and circuit; LLC-multiplexed traffic is like RFC 1483's. */
function sunAtm(data: Uint8Array): Payload {
  const traffic = u8(data, 0, 'SunATM header') & 0x0f
  if (traffic !== SUNATM_LLC) throw new Refusal(`ATM traffic type ${traffic} has no Ethernet type`)
  return llc(data, 4, {})
}

/** Juniper's own header before an Ethernet frame: magic "MGC", flags (0x80: extensions, 0x02: no link header). */
function juniperEther(data: Uint8Array): Payload {
  const flags = u8(data, 3, 'Juniper header')
  if (u16(data, 0, 'Juniper header') !== 0x4d47 || data[2] !== 0x43)
    throw new Refusal('the Juniper header lacks its magic')
  if ((flags & 0x02) !== 0) throw new Refusal('the packet was captured without its link header')
  const start = (flags & 0x80) !== 0 ? 6 + u16(data, 4, 'Juniper header') : 4
  return { ...macs(data, start, start + 6), etherType: u16(data, start + 12, 'Ethernet header'), offset: start + 14 }
}

function macs(data: Uint8Array, destination: number, source: number): { destination: Uint8Array; source: Uint8Array } {
  u8(data, Math.max(destination, source) + 5, 'link header')
  return { destination: data.slice(destination, destination + 6), source: data.slice(source, source + 6) }
}

/** An LLC header: SNAP with an Ethernet type is unwrapped, other LLC stays and gets an 802.3 length. */
function llc(data: Uint8Array, offset: number, addresses: Partial<Payload>): Payload {
  const snap = u16(data, offset, 'LLC header') === 0xaaaa && data[offset + 2] === 3
  if (snap && u16(data, offset + 3, 'SNAP header') === 0 && (data[offset + 5] === 0 || data[offset + 5] === 0xf8)) {
    const etherType = u16(data, offset + 6, 'SNAP header')
    if (etherType >= 0x600) return { ...addresses, etherType, offset: offset + 8 }
  }
  return { ...addresses, etherType: 0, offset }
}

function tokenRing(data: Uint8Array): Payload {
  const addresses = macs(data, 2, 8)
  let offset = 14
  // The top bit of the source address says that a routing field follows.
  if ((u8(data, 8, 'source address') & 0x80) !== 0) {
    addresses.source[0] = (addresses.source[0] as number) & 0x7f
    offset += u8(data, 14, 'routing field') & 0x1f
  }
  return llc(data, offset, addresses)
}

function ieee80211(data: Uint8Array, start: number): Payload {
  const { offset, source, destination } = ieee80211Payload(data, start)
  return llc(data, offset, { source, destination })
}

/** Per-packet information: a header that names the link type of what follows. */
function fromPpi(data: Uint8Array): Uint8Array {
  if (data.length < 8) throw new FormatError('packet', `${describeLinkType(LINK_TYPE.PPI)}: header is cut`)
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const length = view.getUint16(2, true)
  const inner = view.getUint32(4, true)
  if (length < 8 || length > data.length || inner === LINK_TYPE.PPI) {
    throw new FormatError('packet', `${describeLinkType(LINK_TYPE.PPI)}: header of ${length} bytes makes no sense`)
  }
  return toEthernet(inner, data.subarray(length))
}
