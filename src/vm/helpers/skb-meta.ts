import { ERRNO } from '../../base/index.js'
import { csumAdd, csumSub, flowHash } from '../../packet/index.js'
import type { Machine } from '../machine.js'
import { CHECKSUM_COMPLETE, ETH_P_IP, ETH_P_IPV6, PACKET_OTHERHOST, SKB, type SkbPacket } from '../net/skb-packet.js'
import { ETH_HLEN } from '../net/xdp-packet.js'
import { skbOf } from './packet-of.js'
import { isVlan } from './vlan.js'

const ECN_MASK = 3
const TSTAMP_REALTIME = 0
const TSTAMP_MONOTONIC = 1
const TSTAMP_TAI = 2

export function skbChangeType(machine: Machine, _skb: number, type: number): number {
  const skb = skbOf(machine)
  const wanted = type >>> 0
  if (skb.field(SKB.pkt_type) > PACKET_OTHERHOST || wanted > PACKET_OTHERHOST) return -ERRNO.EINVAL
  skb.setField(SKB.pkt_type, wanted)
  return 0
}

/** The flow hash, computed from the frame where none is set. Linux keys it with a random number at boot. */
export function getHashRecalc(machine: Machine): number {
  const skb = skbOf(machine)
  if (!skb.hashValid) {
    const start = skb.networkHeader - ETH_HLEN
    const hash = flowHash(machine.memory.u8, start, Math.max(start, skb.tail))
    skb.setField(SKB.hash, hash)
    skb.hashValid = true
  }
  return skb.field(SKB.hash) | 0
}

export function setHash(machine: Machine, _skb: number, hash: number): number {
  const skb = skbOf(machine)
  skb.setField(SKB.hash, hash)
  skb.hashValid = true
  return 0
}

export function setHashInvalid(machine: Machine): number {
  skbOf(machine).clearHash()
  return 0
}

export function skbSetTstamp(machine: Machine, _skb: number, low: number, high: number, type: number): number {
  const skb = skbOf(machine)
  const { protocol } = skb
  if (protocol !== ETH_P_IP && protocol !== ETH_P_IPV6) return -ERRNO.EOPNOTSUPP
  if (type !== TSTAMP_REALTIME && type !== TSTAMP_MONOTONIC && type !== TSTAMP_TAI) return -ERRNO.EINVAL
  if (type !== TSTAMP_REALTIME && low === 0 && high === 0) return -ERRNO.EINVAL
  skb.setField(SKB.tstamp, low)
  skb.setField(SKB.tstamp + 4, high)
  machine.memory.u8[skb.ctx + SKB.tstamp_type] = type
  return 0
}

/** Protocol behind the VLAN tags: skb_protocol(skb, true). */
function innerProtocol(skb: SkbPacket): number {
  let type = skb.protocol
  if (!isVlan(type)) return type
  const { u8 } = skb.memory
  let depth = skb.macLength === 0 ? ETH_HLEN : skb.macLength - 4
  if (depth < 0) return 0
  for (let tags = 0; isVlan(type); tags++) {
    const at = skb.data + depth
    if (tags === 7 || at + 4 > skb.tail) return 0
    type = (u8[at + 2] as number) | ((u8[at + 3] as number) << 8)
    depth += 4
  }
  return type
}

export function skbEcnSetCe(machine: Machine): number {
  const skb = skbOf(machine)
  const { u8, view } = machine.memory
  const at = skb.networkHeader
  const protocol = innerProtocol(skb)
  if (protocol === ETH_P_IP) {
    if (skb.length < 20 || at + 20 > skb.tail) return 0
    const tos = u8[at + 1] as number
    const ecn = (tos + 1) & ECN_MASK
    if ((ecn & 2) === 0) return ecn === 0 ? 1 : 0
    // ECT(1) to CE takes 2 from the header's sum, ECT(0) to CE takes 1: their complements as big-endian words.
    const add = ecn === 2 ? 0xfdff : 0xfeff
    const sum = view.getUint16(at + 10, true) + add
    view.setUint16(at + 10, (sum & 0xffff) + (sum >>> 16), true)
    u8[at + 1] = tos | ECN_MASK
    return 1
  }
  if (protocol === ETH_P_IPV6) {
    if (skb.length < 40 || at + 40 > skb.tail) return 0
    const from = view.getUint32(at, true)
    if ((((u8[at + 1] as number) >> 4) & ECN_MASK) === 0) return 0
    u8[at + 1] = (u8[at + 1] as number) | (ECN_MASK << 4)
    if (skb.ipSummed === CHECKSUM_COMPLETE) skb.csum = csumAdd(csumSub(skb.csum, from), view.getUint32(at, true))
    return 1
  }
  return 0
}

/** No packet here was routed by a route with a realm. */
export function getRouteRealm(): number {
  return 0
}

/** net_cls class of the running task: tasks here have none. */
export function getCgroupClassid(): number {
  return 0
}

export function skbCgroupClassid(machine: Machine): number {
  machine.r0hi = 0
  return 0
}

/** Nothing here passed IPsec: there is no state at any index. */
export function skbGetXfrmState(machine: Machine, _skb: number, _index: number, to: number, size: number): number {
  machine.memory.u8.fill(0, to >>> 0, (to >>> 0) + (size >>> 0))
  return -ERRNO.EINVAL
}
