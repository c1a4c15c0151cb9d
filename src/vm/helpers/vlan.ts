import { ERRNO } from '../../base/index.js'
import type { Machine } from '../machine.js'
import { ETH_P_8021AD, ETH_P_8021Q, SKB, type SkbPacket } from '../net/skb-packet.js'
import { ETH_HLEN } from '../net/xdp-packet.js'
import { skbOf } from './packet-of.js'

const VLAN_HLEN = 4
const MAC_ADDRESSES = 12

export function skbVlanPush(machine: Machine, _skb: number, protocol: number, tag: number): number {
  const skb = skbOf(machine)
  const given = protocol & 0xffff
  const proto = isVlan(given) ? given : ETH_P_8021Q
  pushMacSum(skb)
  const status = push(skb, proto, tag & 0xffff)
  pullMacSum(skb)
  skb.resetMacLength()
  skb.updatePointers()
  return status
}

export function skbVlanPop(machine: Machine): number {
  const skb = skbOf(machine)
  pushMacSum(skb)
  const status = pop(skb)
  pullMacSum(skb)
  skb.updatePointers()
  return status
}

export function isVlan(protocol: number): boolean {
  return protocol === ETH_P_8021Q || protocol === ETH_P_8021AD
}

function push(skb: SkbPacket, proto: number, tag: number): number {
  if (skb.field(SKB.vlan_present) !== 0) {
    if (skb.data !== skb.macHeader) return -ERRNO.EINVAL
    const outer = skb.field(SKB.vlan_proto)
    const status = insertTag(skb, outer, skb.field(SKB.vlan_tci))
    if (status !== 0) return status
    skb.setField(SKB.protocol, outer)
    skb.networkHeader -= VLAN_HLEN
    skb.postPushChecksum(skb.data + MAC_ADDRESSES, VLAN_HLEN)
  }
  putTag(skb, proto, tag)
  return 0
}

/** Keeps the tag beside the packet, as network cards deliver it. */
function putTag(skb: SkbPacket, proto: number, tag: number): void {
  skb.setField(SKB.vlan_present, 1)
  skb.setField(SKB.vlan_proto, proto)
  skb.setField(SKB.vlan_tci, tag)
}

/** Writes a tag into the Ethernet header. */
function insertTag(skb: SkbPacket, proto: number, tag: number): number {
  if (skb.length < ETH_HLEN) return -ERRNO.EINVAL
  skb.ensureHeadroom(VLAN_HLEN)
  skb.data -= VLAN_HLEN
  skb.macHeader -= VLAN_HLEN
  const { u8 } = skb.memory
  const start = skb.data
  u8.copyWithin(start, start + VLAN_HLEN, start + VLAN_HLEN + MAC_ADDRESSES)
  u8[start + 12] = proto & 0xff
  u8[start + 13] = proto >> 8
  u8[start + 14] = tag >> 8
  u8[start + 15] = tag & 0xff
  return 0
}

function pop(skb: SkbPacket): number {
  if (skb.field(SKB.vlan_present) !== 0) {
    skb.setField(SKB.vlan_present, 0)
    skb.setField(SKB.vlan_proto, 0)
    skb.setField(SKB.vlan_tci, 0)
  } else {
    if (!isVlan(skb.protocol)) return 0
    const tag = removeTag(skb)
    if (tag < 0) return tag
  }
  // The next tag moves beside the packet.
  const next = skb.protocol
  if (!isVlan(next)) return 0
  const tag = removeTag(skb)
  if (tag < 0) return tag
  putTag(skb, next, tag)
  return 0
}

/** Takes the tag out of the Ethernet header; the tag, or a negative errno. */
function removeTag(skb: SkbPacket): number {
  if (skb.data !== skb.macHeader) return -ERRNO.EINVAL
  if (skb.ensureWritable(ETH_HLEN + VLAN_HLEN) !== 0) return -ERRNO.ENOMEM
  const { u8 } = skb.memory
  const start = skb.data
  skb.postPullChecksum(start + MAC_ADDRESSES, VLAN_HLEN)
  const tag = ((u8[start + 14] as number) << 8) | (u8[start + 15] as number)
  const type = skb.lengthOrType(u8[start + 16] as number, u8[start + 17] as number, start + 18)
  skb.setField(SKB.protocol, type)
  u8.copyWithin(start + VLAN_HLEN, start, start + MAC_ADDRESSES)
  skb.data += VLAN_HLEN
  skb.macHeader += VLAN_HLEN
  if (skb.networkHeader - skb.data < ETH_HLEN) skb.networkHeader = skb.data + ETH_HLEN
  skb.resetMacLength()
  return tag
}

// At ingress the running sum starts behind the link-layer header.
export function pushMacSum(skb: SkbPacket): void {
  if (skb.atIngress) skb.postPushChecksum(skb.macHeader, skb.macLength)
}

function pullMacSum(skb: SkbPacket): void {
  if (skb.atIngress) skb.postPullChecksum(skb.macHeader, skb.macLength)
}
