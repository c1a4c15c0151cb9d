import { FormatError } from '../../base/index.js'
import { formatIpv4, formatIpv6, formatMac } from '../addresses.js'
import { type Layer, tcpFlagLetters } from './layers.js'
import { ETHER_TYPE, IP_PROTOCOL, isVlanType, UDP_PORT } from './protocols.js'

export interface ParsedPacket {
  /** Outermost first; the last may be payload or padding. */
  readonly layers: readonly Layer[]
  /** Byte offset of each layer. */
  readonly offsets: readonly number[]
  /** Set when a header is cut or contradicts itself: layers end before it, its bytes are payload. */
  readonly malformed?: FormatError
  /** The IP header promises more bytes than were captured. */
  readonly truncated: boolean
}

export interface ParsePacketOptions {
  /** What the bytes begin with; Ethernet by default, 'ip' looks at the version. */
  readonly first?: 'ethernet' | 'ip'
}

/** What the header just read says comes next. */
type Next =
  | { readonly by: 'ethernet' | 'ip-version' | 'vxlan' | 'geneve' | 'payload' }
  | { readonly by: 'etherType' | 'ipProtocol'; readonly value: number }

interface State {
  readonly bytes: Uint8Array
  readonly view: DataView
  pos: number
  end: number
  truncated: boolean
  readonly layers: Layer[]
  readonly offsets: number[]
}

const PAYLOAD: Next = { by: 'payload' }
const MAX_LAYERS = 64

/** Splits a packet into its headers. Never throws: what is malformed is told in the result. */
export function parsePacket(data: Uint8Array, options: ParsePacketOptions = {}): ParsedPacket {
  const state: State = {
    bytes: data,
    view: new DataView(data.buffer, data.byteOffset, data.byteLength),
    pos: 0,
    end: data.length,
    truncated: false,
    layers: [],
    offsets: [],
  }
  let malformed: FormatError | undefined
  let next: Next = { by: options.first === 'ip' ? 'ip-version' : 'ethernet' }
  try {
    while (next.by !== 'payload' && state.layers.length < MAX_LAYERS) next = step(state, next)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    malformed = error
  }
  if (state.pos < state.end)
    add(state, { kind: 'payload', data: data.subarray(state.pos, state.end) }, state.end - state.pos)
  if (state.pos < data.length) {
    add(state, { kind: 'padding', data: data.subarray(state.pos) }, data.length - state.pos)
  }
  const { layers, offsets, truncated } = state
  return { layers, offsets, truncated, ...(malformed === undefined ? {} : { malformed }) }
}

function step(state: State, next: Next): Next {
  switch (next.by) {
    case 'ethernet':
      return ethernet(state)
    case 'etherType':
      return byEtherType(state, next.value)
    case 'ip-version':
      return byIpVersion(state)
    case 'ipProtocol':
      return byIpProtocol(state, next.value)
    case 'vxlan':
      return vxlan(state)
    case 'geneve':
      return geneve(state)
    case 'payload':
      return PAYLOAD
  }
}

function byEtherType(state: State, type: number): Next {
  if (type === ETHER_TYPE.IPV4) return ipv4(state)
  if (type === ETHER_TYPE.IPV6) return ipv6(state)
  if (isVlanType(type)) return vlan(state)
  if (type === ETHER_TYPE.ARP) return arp(state)
  if (type === ETHER_TYPE.MPLS || type === ETHER_TYPE.MPLS_MULTICAST) return mpls(state)
  if (type === ETHER_TYPE.TEB) return ethernet(state)
  return PAYLOAD
}

function byIpVersion(state: State): Next {
  const version = state.pos < state.end ? (state.bytes[state.pos] as number) >>> 4 : 0
  return version === 4 ? ipv4(state) : version === 6 ? ipv6(state) : PAYLOAD
}

function byIpProtocol(state: State, protocol: number): Next {
  switch (protocol) {
    case IP_PROTOCOL.TCP:
      return tcp(state)
    case IP_PROTOCOL.UDP:
      return udp(state)
    case IP_PROTOCOL.ICMP:
      return icmp(state, 'icmp')
    case IP_PROTOCOL.ICMPV6:
      return icmp(state, 'icmpv6')
    case IP_PROTOCOL.IPIP:
      return ipv4(state)
    case IP_PROTOCOL.IPV6:
      return ipv6(state)
    case IP_PROTOCOL.GRE:
      return gre(state)
    case IP_PROTOCOL.MPLS:
      return mpls(state)
    case IP_PROTOCOL.FRAGMENT:
      return fragment(state)
    case IP_PROTOCOL.HOPOPTS:
    case IP_PROTOCOL.ROUTING:
    case IP_PROTOCOL.DSTOPTS:
    case IP_PROTOCOL.AH:
    case IP_PROTOCOL.MOBILITY:
    case IP_PROTOCOL.HIP:
    case IP_PROTOCOL.SHIM6:
      return extension(state, protocol)
    default:
      return PAYLOAD
  }
}

/** Records a layer of `size` bytes at the current position and moves past it. */
function add(state: State, layer: Layer, size: number): void {
  state.layers.push(layer)
  state.offsets.push(state.pos)
  state.pos += size
}

function need(state: State, size: number, what: string): number {
  if (state.end - state.pos >= size) return state.pos
  throw new FormatError('packet', `${what} is cut: ${state.end - state.pos} bytes of ${size}`, { offset: state.pos })
}

function ethernet(state: State): Next {
  const at = need(state, 14, 'Ethernet header')
  const etherType = state.view.getUint16(at + 12)
  const { bytes } = state
  add(state, { kind: 'ethernet', destination: formatMac(bytes, at), source: formatMac(bytes, at + 6), etherType }, 14)
  // 802.3: the field is a length, LLC follows.
  if (etherType < 0x600) {
    state.end = Math.min(state.end, state.pos + etherType)
    return PAYLOAD
  }
  return { by: 'etherType', value: etherType }
}

function vlan(state: State): Next {
  const at = need(state, 4, 'VLAN tag')
  const tag = state.view.getUint16(at)
  const etherType = state.view.getUint16(at + 2)
  add(state, { kind: 'vlan', id: tag & 0xfff, priority: tag >>> 13, dropEligible: (tag & 0x1000) !== 0, etherType }, 4)
  return etherType < 0x600 ? PAYLOAD : { by: 'etherType', value: etherType }
}

function arp(state: State): Next {
  const at = need(state, 8, 'ARP header')
  const { view, bytes } = state
  if (view.getUint32(at) !== 0x0001_0800 || view.getUint16(at + 4) !== 0x0604) return PAYLOAD
  need(state, 28, 'ARP message')
  add(
    state,
    {
      kind: 'arp',
      operation: view.getUint16(at + 6),
      senderMac: formatMac(bytes, at + 8),
      senderIp: formatIpv4(bytes, at + 14),
      targetMac: formatMac(bytes, at + 18),
      targetIp: formatIpv4(bytes, at + 24),
    },
    28,
  )
  // What is left pads the frame.
  state.end = state.pos
  return PAYLOAD
}

function ipv4(state: State): Next {
  const at = need(state, 20, 'IPv4 header')
  const { view, bytes } = state
  const first = view.getUint8(at)
  const headerLength = (first & 0xf) * 4
  if (first >>> 4 !== 4) throw contradiction(state, `IPv4 header has version ${first >>> 4}`)
  if (headerLength < 20) throw contradiction(state, `IPv4 header length is ${headerLength}`)
  need(state, headerLength, 'IPv4 header')
  const totalLength = view.getUint16(at + 2)
  // A frame before segmentation (TSO) may hold 0: its length did not fit or was not yet set.
  if (totalLength !== 0) {
    if (totalLength < headerLength) throw contradiction(state, `IPv4 total length is ${totalLength}`)
    limit(state, at + totalLength)
  }
  const fragments = view.getUint16(at + 6)
  const protocol = view.getUint8(at + 9)
  const fragmentOffset = fragments & 0x1fff
  add(
    state,
    {
      kind: 'ipv4',
      source: formatIpv4(bytes, at + 12),
      destination: formatIpv4(bytes, at + 16),
      protocol,
      tos: view.getUint8(at + 1),
      id: view.getUint16(at + 4),
      reservedFlag: (fragments & 0x8000) !== 0,
      dontFragment: (fragments & 0x4000) !== 0,
      moreFragments: (fragments & 0x2000) !== 0,
      fragmentOffset,
      ttl: view.getUint8(at + 8),
      totalLength,
      checksum: view.getUint16(at + 10),
      options: bytes.subarray(at + 20, at + headerLength),
    },
    headerLength,
  )
  // IPv6's extension numbers mean nothing here, but for the authentication header.
  const extensionOnly = protocol !== IP_PROTOCOL.AH && isIpv6Extension(protocol)
  return fragmentOffset !== 0 || extensionOnly ? PAYLOAD : { by: 'ipProtocol', value: protocol }
}

function ipv6(state: State): Next {
  const at = need(state, 40, 'IPv6 header')
  const { view, bytes } = state
  const word = view.getUint32(at)
  if (word >>> 28 !== 6) throw contradiction(state, `IPv6 header has version ${word >>> 28}`)
  const payloadLength = view.getUint16(at + 4)
  const nextHeader = view.getUint8(at + 6)
  // 0: a jumbogram, or a frame before segmentation.
  if (payloadLength !== 0 || nextHeader === IP_PROTOCOL.NONE) limit(state, at + 40 + payloadLength)
  add(
    state,
    {
      kind: 'ipv6',
      source: formatIpv6(bytes, at + 8),
      destination: formatIpv6(bytes, at + 24),
      nextHeader,
      hopLimit: view.getUint8(at + 7),
      trafficClass: (word >>> 20) & 0xff,
      flowLabel: word & 0xfffff,
      payloadLength,
    },
    40,
  )
  return { by: 'ipProtocol', value: nextHeader }
}

function isIpv6Extension(protocol: number): boolean {
  switch (protocol) {
    case IP_PROTOCOL.HOPOPTS:
    case IP_PROTOCOL.ROUTING:
    case IP_PROTOCOL.FRAGMENT:
    case IP_PROTOCOL.AH:
    case IP_PROTOCOL.DSTOPTS:
    case IP_PROTOCOL.MOBILITY:
    case IP_PROTOCOL.HIP:
    case IP_PROTOCOL.SHIM6:
      return true
    default:
      return false
  }
}

function extension(state: State, type: number): Next {
  const at = need(state, 8, 'extension header')
  const nextHeader = state.view.getUint8(at)
  const count = state.view.getUint8(at + 1)
  const size = type === IP_PROTOCOL.AH ? 4 * (count + 2) : 8 * (count + 1)
  need(state, size, 'extension header')
  add(state, { kind: 'ip-extension', type, nextHeader, data: state.bytes.subarray(at + 2, at + size) }, size)
  return { by: 'ipProtocol', value: nextHeader }
}

function fragment(state: State): Next {
  const at = need(state, 8, 'fragment header')
  const word = state.view.getUint16(at + 2)
  const nextHeader = state.view.getUint8(at)
  const fragmentOffset = word >>> 3
  add(
    state,
    {
      kind: 'ipv6-fragment',
      nextHeader,
      fragmentOffset,
      moreFragments: (word & 1) !== 0,
      id: state.view.getUint32(at + 4),
      reserved: (state.view.getUint8(at + 1) << 2) | ((word >>> 1) & 3),
    },
    8,
  )
  return fragmentOffset !== 0 ? PAYLOAD : { by: 'ipProtocol', value: nextHeader }
}

function tcp(state: State): Next {
  const at = need(state, 20, 'TCP header')
  const { view } = state
  const word = view.getUint16(at + 12)
  const headerLength = (word >>> 12) * 4
  if (headerLength < 20) throw contradiction(state, `TCP header length is ${headerLength}`)
  need(state, headerLength, 'TCP header')
  add(
    state,
    {
      kind: 'tcp',
      sourcePort: view.getUint16(at),
      destinationPort: view.getUint16(at + 2),
      sequence: view.getUint32(at + 4),
      acknowledgment: view.getUint32(at + 8),
      flags: tcpFlagLetters(word & 0xff),
      reserved: (word >>> 8) & 0xf,
      window: view.getUint16(at + 14),
      checksum: view.getUint16(at + 16),
      urgent: view.getUint16(at + 18),
      options: state.bytes.subarray(at + 20, at + headerLength),
    },
    headerLength,
  )
  return PAYLOAD
}

function udp(state: State): Next {
  const at = need(state, 8, 'UDP header')
  const { view } = state
  const destinationPort = view.getUint16(at + 2)
  const length = view.getUint16(at + 4)
  if (length !== 0 && length < 8) throw contradiction(state, `UDP length is ${length}`)
  if (length !== 0) state.end = Math.min(state.end, at + length)
  add(
    state,
    { kind: 'udp', sourcePort: view.getUint16(at), destinationPort, length, checksum: view.getUint16(at + 6) },
    8,
  )
  if (destinationPort === UDP_PORT.VXLAN || destinationPort === UDP_PORT.VXLAN_LINUX) return { by: 'vxlan' }
  return destinationPort === UDP_PORT.GENEVE ? { by: 'geneve' } : PAYLOAD
}

function icmp(state: State, kind: 'icmp' | 'icmpv6'): Next {
  const at = need(state, 8, kind === 'icmp' ? 'ICMP header' : 'ICMPv6 header')
  const { view } = state
  add(
    state,
    {
      kind,
      type: view.getUint8(at),
      code: view.getUint8(at + 1),
      checksum: view.getUint16(at + 2),
      rest: view.getUint32(at + 4),
    },
    8,
  )
  return PAYLOAD
}

function gre(state: State): Next {
  const at = need(state, 4, 'GRE header')
  const { view } = state
  const flags = view.getUint16(at)
  const protocol = view.getUint16(at + 2)
  // Source routing (RFC 1701) was given up by RFC 2784; higher versions do not exist.
  if ((flags & 0x4000) !== 0 || (flags & 7) > 1) return PAYLOAD
  let size = 4
  const word = (present: boolean): number | undefined => {
    if (!present) return undefined
    size += 4
    need(state, size, 'GRE header')
    return view.getUint32(at + size - 4)
  }
  const checksum = word((flags & 0x8000) !== 0)
  // The checksum's other half is RFC 1701's route offset, which must be 0 by now.
  if (checksum !== undefined && (checksum & 0xffff) !== 0) return PAYLOAD
  const key = word((flags & 0x2000) !== 0)
  const sequence = word((flags & 0x1000) !== 0)
  const acknowledgment = word((flags & 0x87) === 0x81)
  add(
    state,
    {
      kind: 'gre',
      protocol,
      flags,
      ...(checksum === undefined ? {} : { checksum: checksum >>> 16 }),
      ...(key === undefined ? {} : { key }),
      ...(sequence === undefined ? {} : { sequence }),
      ...(acknowledgment === undefined ? {} : { acknowledgment }),
    },
    size,
  )
  return protocol < 0x600 ? PAYLOAD : { by: 'etherType', value: protocol }
}

function vxlan(state: State): Next {
  const at = need(state, 8, 'VXLAN header')
  const flags = state.view.getUint32(at)
  if ((flags & 0x0800_0000) === 0) return PAYLOAD
  const word = state.view.getUint32(at + 4)
  add(state, { kind: 'vxlan', vni: word >>> 8, flags, reserved: word & 0xff }, 8)
  return { by: 'ethernet' }
}

function geneve(state: State): Next {
  const at = need(state, 8, 'Geneve header')
  const first = state.view.getUint8(at)
  if (first >>> 6 !== 0) return PAYLOAD
  const size = 8 + (first & 0x3f) * 4
  need(state, size, 'Geneve header')
  const word = state.view.getUint32(at + 4)
  const protocol = state.view.getUint16(at + 2)
  add(
    state,
    {
      kind: 'geneve',
      vni: word >>> 8,
      protocol,
      flags: state.view.getUint8(at + 1),
      reserved: word & 0xff,
      options: state.bytes.subarray(at + 8, at + size),
    },
    size,
  )
  return protocol < 0x600 ? PAYLOAD : { by: 'etherType', value: protocol }
}

function mpls(state: State): Next {
  const at = need(state, 4, 'MPLS label')
  const word = state.view.getUint32(at)
  const bottom = (word & 0x100) !== 0
  add(state, { kind: 'mpls', label: word >>> 12, trafficClass: (word >>> 9) & 7, bottom, ttl: word & 0xff }, 4)
  return bottom ? { by: 'ip-version' } : { by: 'etherType', value: ETHER_TYPE.MPLS }
}

/** The network packet ends at `end`: bytes after it pad the frame. */
function limit(state: State, end: number): void {
  if (end > state.end) state.truncated = true
  else state.end = end
}

function contradiction(state: State, reason: string): FormatError {
  return new FormatError('packet', reason, { offset: state.pos })
}
