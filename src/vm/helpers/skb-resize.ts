import { ERRNO } from '../../base/index.js'
import type { Machine } from '../machine.js'
import {
  CHECKSUM_COMPLETE,
  CHECKSUM_NONE,
  ETH_P_IP,
  ETH_P_IPV6,
  SKB,
  SKB_MAX_LENGTH,
  type SkbPacket,
} from '../net/skb-packet.js'
import { ETH_HLEN } from '../net/xdp-packet.js'
import { resetUnnecessary } from './csum.js'
import { skbOf } from './packet-of.js'

const IPV4_HEADER = 20
const IPV6_HEADER = 40

const MODE_NET = 0
const MODE_MAC = 1
const FIXED_GSO = 0x1
const ENCAP_L3_IPV4 = 0x2
const ENCAP_L3_IPV6 = 0x4
const ENCAP_L4_GRE = 0x8
const ENCAP_L4_UDP = 0x10
const NO_CSUM_RESET = 0x20
const ENCAP_L2_ETH = 0x40
const DECAP_L3_IPV4 = 0x80
const DECAP_L3_IPV6 = 0x100
const ENCAP_L3 = ENCAP_L3_IPV4 | ENCAP_L3_IPV6
const DECAP_L3 = DECAP_L3_IPV4 | DECAP_L3_IPV6
const LOW_FLAGS = FIXED_GSO | ENCAP_L3 | ENCAP_L4_GRE | ENCAP_L4_UDP | NO_CSUM_RESET | ENCAP_L2_ETH | DECAP_L3
/** BPF_F_ADJ_ROOM_ENCAP_L2: the inner link-layer header's length, in the top byte of the flags. */
const L2_LENGTH_HIGH = 0xff00_0000
const MAX_ADJUST = 0xfff

const GSO_TCPV4 = 1
const GSO_TCPV6 = 16
const GSO_UDP_L4 = 0x20000
const GSO_BY_FRAGS = 0xffff

export function skbAdjustRoom(
  machine: Machine,
  _skb: number,
  difference: number,
  mode: number,
  flags: number,
  flagsHigh: number,
): number {
  const skb = skbOf(machine)
  const amount = Math.abs(difference)
  const shrink = difference < 0
  if ((flags & ~LOW_FLAGS) !== 0 || (flagsHigh & ~L2_LENGTH_HIGH) !== 0) return -ERRNO.EINVAL
  if (amount > MAX_ADJUST) return -ERRNO.EFAULT
  const base = networkBaseLength(skb.protocol)
  if (base === 0) return -ERRNO.ENOTSUPP
  if (mode !== MODE_NET && mode !== MODE_MAC) return -ERRNO.ENOTSUPP
  const at = skb.macHeaderLength + (mode === MODE_NET ? base : 0)
  let least = base
  if ((flags & DECAP_L3) !== 0) {
    if (!shrink || (flags & DECAP_L3) === DECAP_L3) return -ERRNO.EINVAL
    least = (flags & DECAP_L3_IPV4) !== 0 ? IPV4_HEADER : IPV6_HEADER
  }
  const current = skb.length - skb.networkOffset
  if (shrink ? amount >= current || current - amount < least : skb.length + amount > SKB_MAX_LENGTH && !skb.isGso)
    return -ERRNO.ENOTSUPP
  const status = shrink ? shrinkRoom(skb, at, amount, flags, flagsHigh) : growRoom(skb, at, amount, flags, flagsHigh)
  if (status === 0 && (flags & NO_CSUM_RESET) === 0) resetUnnecessary(skb)
  skb.updatePointers()
  return status
}

function networkBaseLength(protocol: number): number {
  return protocol === ETH_P_IP ? IPV4_HEADER : protocol === ETH_P_IPV6 ? IPV6_HEADER : 0
}

/** Segments of UDP and of unknown kind may only change when their size stays. */
function gsoRefuses(skb: SkbPacket, flags: number): boolean {
  if (!skb.isGso || (skb.gsoType & (GSO_TCPV4 | GSO_TCPV6)) !== 0) return false
  return (skb.gsoType & GSO_UDP_L4) === 0 || (flags & FIXED_GSO) === 0
}

function growRoom(skb: SkbPacket, at: number, amount: number, flags: number, flagsHigh: number): number {
  if (gsoRefuses(skb, flags)) return -ERRNO.ENOTSUPP
  skb.ensureHeadroom(amount)
  const encap = (flags & ENCAP_L3) !== 0
  const macLength = skb.macHeaderLength
  if (encap) {
    const { protocol } = skb
    const l2Length = flagsHigh >>> 24
    if (protocol !== ETH_P_IP && protocol !== ETH_P_IPV6) return -ERRNO.ENOTSUPP
    if ((flags & ENCAP_L3) === ENCAP_L3) return -ERRNO.EINVAL
    if ((flags & ENCAP_L4_GRE) !== 0 && (flags & ENCAP_L4_UDP) !== 0) return -ERRNO.EINVAL
    if ((flags & ENCAP_L2_ETH) !== 0 && l2Length < ETH_HLEN) return -ERRNO.EINVAL
    if (skb.encapsulation) return -ERRNO.EALREADY
    if (l2Length > amount) return -ERRNO.EINVAL
  }
  pushHeaders(skb, at, amount)
  if (encap) {
    skb.encapsulation = true
    skb.networkHeader = skb.data + macLength
    const outer = (flags & ENCAP_L3_IPV6) !== 0 ? ETH_P_IPV6 : ETH_P_IP
    if ((flags & (ENCAP_L4_GRE | ENCAP_L4_UDP)) !== 0)
      skb.transportHeader = skb.networkHeader + (outer === ETH_P_IPV6 ? IPV6_HEADER : IPV4_HEADER)
    if (skb.protocol !== outer) changeProtocol(skb, outer)
  }
  if (skb.isGso) {
    skb.setField(SKB.gso_segs, 0)
    if ((flags & FIXED_GSO) === 0) changeGsoSize(skb, -amount)
  }
  return 0
}

function shrinkRoom(skb: SkbPacket, at: number, amount: number, flags: number, flagsHigh: number): number {
  if ((flags & ~(FIXED_GSO | DECAP_L3 | NO_CSUM_RESET)) !== 0 || flagsHigh !== 0) return -ERRNO.EINVAL
  if (gsoRefuses(skb, flags)) return -ERRNO.ENOTSUPP
  const status = popHeaders(skb, at, amount)
  if (status < 0) return status
  if (skb.protocol === ETH_P_IP && (flags & DECAP_L3_IPV6) !== 0) changeProtocol(skb, ETH_P_IPV6)
  else if (skb.protocol === ETH_P_IPV6 && (flags & DECAP_L3_IPV4) !== 0) changeProtocol(skb, ETH_P_IP)
  if (skb.isGso) {
    if ((flags & FIXED_GSO) === 0) changeGsoSize(skb, amount)
    skb.setField(SKB.gso_segs, 0)
  }
  return 0
}

function changeGsoSize(skb: SkbPacket, by: number): void {
  const size = skb.field(SKB.gso_size)
  if (size !== GSO_BY_FRAGS) skb.setField(SKB.gso_size, (size + by) & 0xffff)
}

/** bpf_skb_change_protocol */
function changeProtocol(skb: SkbPacket, protocol: number): void {
  skb.setField(SKB.protocol, protocol)
}

/** Opens `amount` zero bytes at `at`; what is before moves to the front (bpf_skb_net_hdr_push). */
export function pushHeaders(skb: SkbPacket, at: number, amount: number): void {
  const same = skb.transportHeader === skb.networkHeader
  const { u8 } = skb.memory
  const start = skb.data - amount
  u8.copyWithin(start, skb.data, skb.data + at)
  u8.fill(0, start + at, start + at + amount)
  skb.data = start
  skb.macHeader -= amount
  skb.networkHeader -= amount
  if (same) skb.transportHeader = skb.networkHeader
}

/** Removes `amount` bytes at `at` (bpf_skb_net_hdr_pop). */
export function popHeaders(skb: SkbPacket, at: number, amount: number): number {
  if (at + amount > skb.length) return -ERRNO.ENOMEM
  const same = skb.transportHeader === skb.networkHeader
  const { u8 } = skb.memory
  const old = skb.data
  skb.postPullChecksum(old + at, amount)
  u8.copyWithin(old + amount, old, old + at)
  skb.data = old + amount
  skb.macHeader += amount
  skb.networkHeader += amount
  if (same) skb.transportHeader = skb.networkHeader
  return 0
}

export function skbChangeProto(
  machine: Machine,
  _skb: number,
  proto: number,
  flags: number,
  flagsHigh: number,
): number {
  const skb = skbOf(machine)
  if (flags !== 0 || flagsHigh !== 0) return -ERRNO.EINVAL
  const from = skb.protocol
  const to = proto & 0xffff
  const difference = IPV6_HEADER - IPV4_HEADER
  const at = skb.macHeaderLength
  if (from === ETH_P_IP && to === ETH_P_IPV6) {
    skb.ensureHeadroom(difference)
    pushHeaders(skb, at, difference)
    swapGsoType(skb, GSO_TCPV4, GSO_TCPV6)
  } else if (from === ETH_P_IPV6 && to === ETH_P_IP) {
    const status = popHeaders(skb, at, difference)
    if (status < 0) {
      skb.updatePointers()
      return status
    }
    swapGsoType(skb, GSO_TCPV6, GSO_TCPV4)
  } else return -ERRNO.ENOTSUPP
  changeProtocol(skb, to)
  skb.clearHash()
  skb.updatePointers()
  return 0
}

function swapGsoType(skb: SkbPacket, from: number, to: number): void {
  if ((skb.gsoType & from) !== 0) skb.gsoType = (skb.gsoType & ~from) | to
}

/** Shortest packet bpf_skb_change_tail leaves: up to the transport or network header. */
function leastLength(skb: SkbPacket): number {
  let least = Math.max(0, skb.networkOffset)
  if (skb.transportHeader !== 0) {
    const offset = skb.transportHeader - skb.data
    if (offset > 0) least = offset
  }
  return least
}

export function skbChangeTail(
  machine: Machine,
  _skb: number,
  newLength: number,
  flags: number,
  flagsHigh: number,
): number {
  const skb = skbOf(machine)
  const wanted = newLength >>> 0
  if (flags !== 0 || flagsHigh !== 0 || wanted > SKB_MAX_LENGTH || wanted < leastLength(skb)) return -ERRNO.EINVAL
  if (skb.encapsulation) return -ERRNO.ENOTSUPP
  const { length } = skb
  if (wanted !== length && skb.ipSummed === CHECKSUM_COMPLETE) skb.ipSummed = CHECKSUM_NONE
  if (wanted > length) {
    skb.ensureTailroom(wanted - length)
    skb.memory.u8.fill(0, skb.tail, skb.data + wanted)
  }
  skb.tail = skb.data + wanted
  if (skb.isGso) {
    skb.gsoType = 0
    skb.setField(SKB.gso_size, 0)
    skb.setField(SKB.gso_segs, 0)
  }
  skb.updatePointers()
  return 0
}

export function skbChangeHead(
  machine: Machine,
  _skb: number,
  headroom: number,
  flags: number,
  flagsHigh: number,
): number {
  const skb = skbOf(machine)
  const room = headroom >>> 0
  const total = (skb.length + room) >>> 0
  if (flags !== 0 || flagsHigh !== 0 || (!skb.isGso && total > SKB_MAX_LENGTH) || total < skb.length)
    return -ERRNO.EINVAL
  // A GSO packet has no limit of its own; past what the host can hold it is out of memory, as on Linux.
  if (room > 0x40_0000) return -ERRNO.ENOMEM
  skb.ensureHeadroom(room)
  skb.data -= room
  skb.memory.u8.fill(0, skb.data, skb.data + room)
  skb.macHeader = skb.data
  skb.resetMacLength()
  skb.updatePointers()
  return 0
}
