import { ERRNO } from '../../base/index.js'
import { csumFold, csumPartial } from '../../packet/index.js'
import { bpf_prog_type } from '../../spec/index.js'
import type { Machine } from '../machine.js'
import { ETH_P_IP, ETH_P_IPV6, SKB, type SkbPacket } from '../net/skb-packet.js'
import type { Addr } from '../types.js'
import { skbOf } from './packet-of.js'

const ENCAP_SEG6 = 0
const ENCAP_SEG6_INLINE = 1
const ENCAP_IP = 2
/** LWT_BPF_MAX_HEADROOM */
const MAX_HEADER = 256
const IPPROTO_UDP = 17
const IPPROTO_IPV6 = 41
const IPPROTO_ROUTING = 43
const IPV6_HEADER = 40
const SRH_HEADER = 8
const SRH_TYPE = 4
const GSO_TCP = 17

const ACTION_END_X = 2
const ACTION_END_T = 3
const ACTION_END_DT6 = 7
const ACTION_END_B6 = 9
const ACTION_END_B6_ENCAP = 10

export function lwtPushEncap(machine: Machine, _skb: number, type: number, header: number, length: number): number {
  const skb = skbOf(machine)
  const ingress = skb.programType !== bpf_prog_type.BPF_PROG_TYPE_LWT_XMIT
  if (type === ENCAP_IP) return pushIp(skb, header >>> 0, length >>> 0, ingress)
  if (ingress && (type === ENCAP_SEG6 || type === ENCAP_SEG6_INLINE)) return pushSeg6(skb, type, header >>> 0, length)
  return -ERRNO.EINVAL
}

function pushIp(skb: SkbPacket, header: Addr, length: number, ingress: boolean): number {
  if (length < 20 || length > MAX_HEADER) return -ERRNO.EINVAL
  const first = skb.memory.u8[header] as number
  const v4 = first >> 4 === 4
  if (!v4 && first >> 4 !== 6) return -ERRNO.EINVAL
  const headerLength = v4 ? (first & 0xf) * 4 : IPV6_HEADER
  if (length < headerLength) return -ERRNO.EINVAL
  const udp = skb.memory.u8[header + (v4 ? 9 : 6)] === IPPROTO_UDP
  if (udp && length < headerLength + 8) return -ERRNO.EINVAL
  skb.ensureHeadroom(length)
  skb.encapsulation = true
  skb.data -= length
  if (ingress) skb.postPushChecksum(header, length)
  skb.networkHeader = skb.data
  if (udp) skb.transportHeader = skb.data + headerLength
  skb.memory.u8.copyWithin(skb.data, header, header + length)
  skb.updatePointers()
  skb.clearHash()
  skb.setField(SKB.protocol, v4 ? ETH_P_IP : ETH_P_IPV6)
  const at = skb.data
  const { u8, view } = skb.memory
  if (v4 && view.getUint16(at + 10, true) === 0) view.setUint16(at + 10, headerSum(u8, at, headerLength), true)
  return skb.isGso ? encapGso(skb, v4, length) : 0
}

/** ip_fast_csum; of a header that claims fewer than five words x86-64 returns the first 16 bits. */
function headerSum(u8: Uint8Array, at: Addr, length: number): number {
  if (length >= 20) return csumFold(csumPartial(u8, at, at + length))
  return (u8[at] as number) | ((u8[at + 1] as number) << 8)
}

/** Only TCP segments can be encapsulated. */
function encapGso(skb: SkbPacket, v4: boolean, length: number): number {
  if ((skb.gsoType & GSO_TCP) === 0) return -ERRNO.ENOTSUPP
  const { u8 } = skb.memory
  const protocol = u8[skb.networkHeader + (v4 ? 9 : 6)] as number
  const base = v4 ? 20 : IPV6_HEADER
  const extra = protocol === 47 ? 4 : protocol === IPPROTO_UDP ? 8 : 0
  if (extra === 0 && protocol !== 0 && protocol !== IPPROTO_IPV6) return -ERRNO.EPROTONOSUPPORT
  if (base + extra > length && extra > 0) return -ERRNO.EINVAL
  skb.setField(SKB.gso_size, (skb.field(SKB.gso_size) - length) & 0xffff)
  skb.setField(SKB.gso_segs, 0)
  return 0
}

/** Checks a segment routing header: lengths, segments and TLVs (seg6_validate_srh). */
function validSrh(u8: Uint8Array, at: Addr, length: number): boolean {
  if (length < SRH_HEADER || u8[at + 2] !== SRH_TYPE) return false
  const words = u8[at + 1] as number
  if ((words + 1) * 8 !== length) return false
  const left = u8[at + 3] as number
  const lastEntry = u8[at + 4] as number
  if (left > lastEntry) return false
  if (lastEntry > (words >> 1) - 1) return false
  let position = SRH_HEADER + (lastEntry + 1) * 16
  if (position > length) return false
  while (position < length) {
    if (length - position < 2) return false
    position += 2 + (u8[at + position + 1] as number)
    if (position > length) return false
  }
  return true
}

function pushSeg6(skb: SkbPacket, type: number, header: Addr, length: number): number {
  const { memory } = skb
  if (!validSrh(memory.u8, header, length)) return -ERRNO.EINVAL
  if (type === ENCAP_SEG6_INLINE && skb.protocol !== ETH_P_IPV6) return -ERRNO.EBADMSG
  const srh = memory.read(header, length)
  const segment = SRH_HEADER + (srh[4] as number) * 16
  if (type === ENCAP_SEG6_INLINE) {
    skb.ensureHeadroom(length)
    const old = memory.read(skb.networkHeader, IPV6_HEADER)
    skb.postPullChecksum(skb.networkHeader, IPV6_HEADER)
    skb.data -= length
    srh[0] = old[6] as number
    old[6] = IPPROTO_ROUTING
    srh.set(old.subarray(24, 40), SRH_HEADER)
    old.set(srh.subarray(segment, segment + 16), 24)
    finishSeg6(skb, old, srh)
  } else {
    const inner = memory.read(skb.networkHeader, IPV6_HEADER)
    const outer = new Uint8Array(IPV6_HEADER)
    const v6 = skb.protocol === ETH_P_IPV6
    outer.set(v6 ? inner.subarray(0, 4) : [0x60, 0, 0, 0])
    // Flow labels are not inherited by default; the traffic class is.
    outer[1] = (outer[1] as number) & 0xf0
    outer[2] = 0
    outer[3] = 0
    outer[6] = IPPROTO_ROUTING
    outer[7] = v6 ? (inner[7] as number) : 64
    srh[0] = IPPROTO_IPV6
    outer.set(srh.subarray(segment, segment + 16), 24)
    skb.ensureHeadroom(IPV6_HEADER + length)
    skb.encapsulation = true
    skb.data -= IPV6_HEADER + length
    finishSeg6(skb, outer, srh)
  }
  skb.transportHeader = skb.data + IPV6_HEADER
  return nextHop(skb)
}

/** Writes the headers in front of the data and their length. */
function finishSeg6(skb: SkbPacket, header: Uint8Array, srh: Uint8Array): void {
  const { memory } = skb
  skb.networkHeader = skb.data
  memory.write(skb.data, header)
  memory.write(skb.data + IPV6_HEADER, srh)
  memory.view.setUint16(skb.data + 4, (skb.length - IPV6_HEADER) & 0xffff, false)
  skb.postPushChecksum(skb.data, IPV6_HEADER + srh.length)
  skb.updatePointers()
}

/** Looks up where the packet goes now (seg6_lookup_nexthop). */
function nextHop(skb: SkbPacket): number {
  const { memory } = skb
  const route = skb.network.host.route({
    family: 6,
    destination: memory.read(skb.networkHeader + 24, 16),
    source: memory.read(skb.networkHeader + 8, 16),
    ifindex: skb.ifindex,
    output: false,
    table: undefined,
    mark: skb.field(SKB.mark),
  })
  return route?.type === 'unicast' ? 0 : -ERRNO.ENETUNREACH
}

// The seg6local helpers work on the routing header that the seg6local input path found; a test run has none.

export function lwtSeg6StoreBytes(): number {
  return -ERRNO.EINVAL
}

export function lwtSeg6AdjustSrh(): number {
  return -ERRNO.EINVAL
}

export function lwtSeg6Action(machine: Machine, _skb: number, action: number, param: number, length: number): number {
  const skb = skbOf(machine)
  switch (action) {
    case ACTION_END_X:
    case ACTION_END_T:
    case ACTION_END_DT6:
      return -ERRNO.EBADMSG
    case ACTION_END_B6:
      return pushSeg6(skb, ENCAP_SEG6_INLINE, param >>> 0, length)
    case ACTION_END_B6_ENCAP:
      return pushSeg6(skb, ENCAP_SEG6, param >>> 0, length)
    default:
      return -ERRNO.EINVAL
  }
}
