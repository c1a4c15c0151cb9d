import { encodeText, UsageError } from '../../base/index.js'
import { parseIpv4, parseIpv6, parseMac } from '../addresses.js'
import { csumFold, csumPartial, pseudoHeaderSum, swap16 } from '../checksum.js'
import { type Ipv4Layer, type Ipv6Layer, type Layer, type LayerKind, tcpFlagBits } from './layers.js'
import { ETHER_TYPE, IP_PROTOCOL } from './protocols.js'

/** A layer at its place in the packet being built. */
interface Placed<L extends Layer = Layer> {
  readonly layer: L
  readonly start: number
  readonly next: Layer | undefined
  /** The IP layer that TCP, UDP and ICMPv6 take their pseudo header from. */
  readonly ip: Ipv4Layer | Ipv6Layer | undefined
}

interface Target {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** End of the packet without padding: what lengths and checksums cover. */
  readonly end: number
}

const ZERO_MAC = '00:00:00:00:00:00'

/**
 * Bytes of a packet. Absent lengths, checksums and protocol numbers are worked out from what follows; those given are
 * written as they are, right or wrong. Throws UsageError for a layer whose fields cannot be encoded.
 */
export function buildPacket(layers: readonly Layer[]): Uint8Array<ArrayBuffer> {
  const payloads = new Map<Layer, Uint8Array>()
  const placed: Placed[] = []
  let length = 0
  let end = 0
  let ip: Ipv4Layer | Ipv6Layer | undefined
  for (const [index, layer] of layers.entries()) {
    if (layer.kind === 'payload' && typeof layer.data === 'string') payloads.set(layer, encodeText(layer.data))
    placed.push({ layer, start: length, next: layers[index + 1], ip })
    if (layer.kind === 'ipv4' || layer.kind === 'ipv6') ip = layer
    length += payloads.get(layer)?.length ?? sizeOf(layer)
    if (layer.kind !== 'padding') end = length
  }
  const bytes = new Uint8Array(length)
  const target: Target = { bytes, view: new DataView(bytes.buffer), end }
  for (const place of placed) write(target, place, payloads.get(place.layer))
  // From the inside out: a checksum covers those within.
  for (const place of placed.toReversed()) checksum(target, place)
  return bytes
}

function sizeOf(layer: Layer): number {
  switch (layer.kind) {
    case 'ethernet':
      return 14
    case 'vlan':
    case 'mpls':
      return 4
    case 'arp':
      return 28
    case 'ipv4':
      return 20 + optionsLength('IPv4', layer.options, 40)
    case 'ipv6':
      return 40
    case 'ip-extension':
      return extensionLength(layer.type, layer.data.length)
    case 'tcp':
      return 20 + optionsLength('TCP', layer.options, 40)
    case 'ipv6-fragment':
    case 'udp':
    case 'icmp':
    case 'icmpv6':
    case 'vxlan':
      return 8
    case 'gre':
      return (
        4 +
        [layer.checksum, layer.key, layer.sequence, layer.acknowledgment].filter((word) => word !== undefined).length *
          4
      )
    case 'geneve':
      return 8 + optionsLength('Geneve', layer.options, 252)
    case 'payload':
    case 'padding':
      return layer.data.length
  }
}

function optionsLength(name: string, options: Uint8Array | undefined, most: number): number {
  const length = options?.length ?? 0
  if (length % 4 !== 0 || length > most) {
    throw new UsageError(`${name} options of ${length} bytes: a multiple of 4 up to ${most} is needed`)
  }
  return length
}

function extensionLength(type: number, data: number): number {
  const unit = type === IP_PROTOCOL.AH ? 4 : 8
  const most = type === IP_PROTOCOL.AH ? 1028 : 2048
  if ((data + 2) % unit !== 0 || data + 2 < 8 || data + 2 > most) {
    throw new UsageError(
      `extension header ${type} with ${data} bytes of data: with 2 more it must be a multiple of ${unit}`,
    )
  }
  return data + 2
}

const ETHER_TYPE_OF: Partial<Record<LayerKind, number>> = {
  vlan: ETHER_TYPE.VLAN,
  arp: ETHER_TYPE.ARP,
  ipv4: ETHER_TYPE.IPV4,
  ipv6: ETHER_TYPE.IPV6,
  mpls: ETHER_TYPE.MPLS,
  ethernet: ETHER_TYPE.TEB,
}

const IP_PROTOCOL_OF: Partial<Record<LayerKind, number>> = {
  tcp: IP_PROTOCOL.TCP,
  udp: IP_PROTOCOL.UDP,
  icmp: IP_PROTOCOL.ICMP,
  icmpv6: IP_PROTOCOL.ICMPV6,
  ipv4: IP_PROTOCOL.IPIP,
  ipv6: IP_PROTOCOL.IPV6,
  gre: IP_PROTOCOL.GRE,
  mpls: IP_PROTOCOL.MPLS,
  'ipv6-fragment': IP_PROTOCOL.FRAGMENT,
}

/** The Ethernet type that announces the next layer; the experimental 0x88b5 announces plain payload. */
function etherTypeOf(next: Layer | undefined): number {
  return (next === undefined ? undefined : ETHER_TYPE_OF[next.kind]) ?? 0x88b5
}

/** The protocol number that announces the next layer; 59 is "nothing follows", 253 is for experiments. */
function ipProtocolOf(next: Layer | undefined): number {
  if (next === undefined || next.kind === 'padding') return IP_PROTOCOL.NONE
  return next.kind === 'ip-extension' ? next.type : (IP_PROTOCOL_OF[next.kind] ?? 253)
}

function write(target: Target, { layer, start: at, next }: Placed, text: Uint8Array | undefined): void {
  const { bytes, view, end } = target
  switch (layer.kind) {
    case 'ethernet': {
      bytes.set(parseMac(layer.destination ?? ZERO_MAC), at)
      bytes.set(parseMac(layer.source ?? ZERO_MAC), at + 6)
      view.setUint16(at + 12, layer.etherType ?? etherTypeOf(next))
      return
    }
    case 'vlan':
      view.setUint16(
        at,
        (layer.id & 0xfff) | ((layer.priority ?? 0) << 13) | (layer.dropEligible === true ? 0x1000 : 0),
      )
      view.setUint16(at + 2, layer.etherType ?? etherTypeOf(next))
      return
    case 'arp':
      view.setUint32(at, 0x0001_0800)
      view.setUint16(at + 4, 0x0604)
      view.setUint16(at + 6, layer.operation)
      bytes.set(parseMac(layer.senderMac ?? ZERO_MAC), at + 8)
      bytes.set(parseIpv4(layer.senderIp), at + 14)
      bytes.set(parseMac(layer.targetMac ?? ZERO_MAC), at + 18)
      bytes.set(parseIpv4(layer.targetIp), at + 24)
      return
    case 'ipv4': {
      const options = layer.options?.length ?? 0
      view.setUint8(at, 0x40 | (5 + options / 4))
      view.setUint8(at + 1, layer.tos ?? 0)
      view.setUint16(at + 2, layer.totalLength ?? end - at)
      view.setUint16(at + 4, layer.id ?? 0)
      view.setUint16(
        at + 6,
        (layer.reservedFlag === true ? 0x8000 : 0) |
          (layer.dontFragment === true ? 0x4000 : 0) |
          (layer.moreFragments === true ? 0x2000 : 0) |
          ((layer.fragmentOffset ?? 0) & 0x1fff),
      )
      view.setUint8(at + 8, layer.ttl ?? 64)
      view.setUint8(at + 9, layer.protocol ?? ipProtocolOf(next))
      bytes.set(parseIpv4(layer.source), at + 12)
      bytes.set(parseIpv4(layer.destination), at + 16)
      if (layer.options !== undefined) bytes.set(layer.options, at + 20)
      return
    }
    case 'ipv6':
      view.setUint32(at, (0x6000_0000 | ((layer.trafficClass ?? 0) << 20) | ((layer.flowLabel ?? 0) & 0xfffff)) >>> 0)
      view.setUint16(at + 4, layer.payloadLength ?? end - at - 40)
      view.setUint8(at + 6, layer.nextHeader ?? ipProtocolOf(next))
      view.setUint8(at + 7, layer.hopLimit ?? 64)
      bytes.set(parseIpv6(layer.source), at + 8)
      bytes.set(parseIpv6(layer.destination), at + 24)
      return
    case 'ip-extension':
      view.setUint8(at, layer.nextHeader ?? ipProtocolOf(next))
      view.setUint8(
        at + 1,
        layer.type === IP_PROTOCOL.AH ? (layer.data.length + 2) / 4 - 2 : (layer.data.length + 2) / 8 - 1,
      )
      bytes.set(layer.data, at + 2)
      return
    case 'ipv6-fragment': {
      const reserved = layer.reserved ?? 0
      view.setUint8(at, layer.nextHeader ?? ipProtocolOf(next))
      view.setUint8(at + 1, reserved >>> 2)
      view.setUint16(at + 2, (layer.fragmentOffset << 3) | ((reserved & 3) << 1) | (layer.moreFragments ? 1 : 0))
      view.setUint32(at + 4, layer.id)
      return
    }
    case 'tcp': {
      const words = 5 + (layer.options?.length ?? 0) / 4
      view.setUint16(at, layer.sourcePort)
      view.setUint16(at + 2, layer.destinationPort)
      view.setUint32(at + 4, layer.sequence ?? 0)
      view.setUint32(at + 8, layer.acknowledgment ?? 0)
      view.setUint16(at + 12, (words << 12) | (((layer.reserved ?? 0) & 0xf) << 8) | tcpFlagBits(layer.flags ?? 'S'))
      view.setUint16(at + 14, layer.window ?? 64240)
      view.setUint16(at + 18, layer.urgent ?? 0)
      if (layer.options !== undefined) bytes.set(layer.options, at + 20)
      return
    }
    case 'udp':
      view.setUint16(at, layer.sourcePort)
      view.setUint16(at + 2, layer.destinationPort)
      view.setUint16(at + 4, layer.length ?? end - at)
      return
    case 'icmp':
    case 'icmpv6':
      view.setUint8(at, layer.type)
      view.setUint8(at + 1, layer.code ?? 0)
      view.setUint32(at + 4, layer.rest ?? 0)
      return
    case 'gre': {
      const { checksum: sum, key, sequence, acknowledgment } = layer
      const present =
        (sum === undefined ? 0 : 0x8000) |
        (key === undefined ? 0 : 0x2000) |
        (sequence === undefined ? 0 : 0x1000) |
        (acknowledgment === undefined ? 0 : 0x0081)
      view.setUint16(at, (layer.flags ?? 0) | present)
      view.setUint16(at + 2, layer.protocol ?? etherTypeOf(next))
      let pos = at + 4
      for (const word of [sum === undefined ? undefined : 0, key, sequence, acknowledgment]) {
        if (word === undefined) continue
        view.setUint32(pos, word)
        pos += 4
      }
      return
    }
    case 'vxlan':
      view.setUint32(at, layer.flags ?? 0x0800_0000)
      view.setUint32(at + 4, ((layer.vni << 8) | (layer.reserved ?? 0)) >>> 0)
      return
    case 'geneve':
      view.setUint8(at, (layer.options?.length ?? 0) / 4)
      view.setUint8(at + 1, layer.flags ?? 0)
      view.setUint16(at + 2, layer.protocol ?? etherTypeOf(next))
      view.setUint32(at + 4, ((layer.vni << 8) | (layer.reserved ?? 0)) >>> 0)
      if (layer.options !== undefined) bytes.set(layer.options, at + 8)
      return
    case 'mpls':
      view.setUint32(
        at,
        ((layer.label << 12) |
          ((layer.trafficClass ?? 0) << 9) |
          ((layer.bottom ?? next?.kind !== 'mpls') ? 0x100 : 0) |
          (layer.ttl ?? 64)) >>>
          0,
      )
      return
    case 'payload':
    case 'padding':
      bytes.set(text ?? (layer.data as Uint8Array), at)
  }
}

/** Offset of the checksum field in a header. */
const CHECKSUM_AT = { ipv4: 10, tcp: 16, udp: 6, icmp: 2, icmpv6: 2, gre: 4 } as const

function checksum(target: Target, { layer, start, ip }: Placed): void {
  const { bytes, view, end } = target
  switch (layer.kind) {
    case 'ipv4':
    case 'icmp': {
      const stop = layer.kind === 'ipv4' ? start + sizeOf(layer) : end
      const sum = layer.checksum ?? swap16(csumFold(csumPartial(bytes, start, stop)))
      view.setUint16(start + CHECKSUM_AT[layer.kind], sum)
      return
    }
    case 'tcp':
    case 'udp':
    case 'icmpv6':
      view.setUint16(
        start + CHECKSUM_AT[layer.kind],
        layer.checksum ?? transportChecksum(target, layer.kind, start, ip),
      )
      return
    case 'gre':
      if (layer.checksum === undefined) return
      view.setUint16(
        start + 4,
        layer.checksum === true ? swap16(csumFold(csumPartial(bytes, start, end))) : layer.checksum,
      )
  }
}

function transportChecksum(
  target: Target,
  kind: 'tcp' | 'udp' | 'icmpv6',
  start: number,
  ip: Ipv4Layer | Ipv6Layer | undefined,
): number {
  const parse = ip?.kind === 'ipv6' ? parseIpv6 : parseIpv4
  const protocol = IP_PROTOCOL_OF[kind] as number
  // Without an IP layer there is no pseudo header to count.
  const pseudo =
    ip === undefined ? 0 : pseudoHeaderSum(parse(ip.source), parse(ip.destination), protocol, target.end - start)
  const value = swap16(csumFold(csumPartial(target.bytes, start, target.end, pseudo)))
  // RFC 768: 0 means that there is no checksum, so a sum of 0 is sent as all ones.
  return kind === 'udp' && value === 0 ? 0xffff : value
}
