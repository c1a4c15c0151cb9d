import { ERRNO } from '../../base/index.js'
import { bpf_map_type, xdp_action } from '../../spec/index.js'
import type { Machine } from '../machine.js'
import type { SkbPacket } from '../net/skb-packet.js'
import type { BpfMap } from '../types.js'
import { skbOf, xdpOf } from './packet-of.js'

const TC_ACT_SHOT = 2
const TC_ACT_REDIRECT = 7
const INGRESS = 1
const BROADCAST = 8
const EXCLUDE_INGRESS = 16
/** Low bits of redirect_map's flags: the verdict when the look-up finds nothing. */
const ACTION_MASK = 3
const NET_RX_DROP = 1
/** What the queue of a device that is down answers. */
const NET_XMIT_CN = 2

/** struct bpf_redir_neigh: u32 nh_family, 16 bytes of address. */
const REDIR_NEIGH_SIZE = 20
const AF_INET = 2
const AF_INET6 = 10

export function redirect(machine: Machine, ifindex: number, flags: number, flagsHigh: number): number {
  const { packet } = machine
  if (packet?.kind === 'xdp') {
    if (flags !== 0 || flagsHigh !== 0) return xdp_action.XDP_ABORTED
    machine.attend()
    packet.redirect.set('ifindex', ifindex >>> 0, 0)
    return xdp_action.XDP_REDIRECT
  }
  const skb = skbOf(machine)
  if ((flags & ~INGRESS) !== 0 || flagsHigh !== 0) return TC_ACT_SHOT
  skb.redirect.set('ifindex', ifindex >>> 0, flags)
  return TC_ACT_REDIRECT
}

export function redirectPeer(machine: Machine, ifindex: number, flags: number, flagsHigh: number): number {
  const skb = skbOf(machine)
  if (flags !== 0 || flagsHigh !== 0) return TC_ACT_SHOT
  skb.redirect.set('peer', ifindex >>> 0, 0)
  return TC_ACT_REDIRECT
}

export function redirectNeigh(
  machine: Machine,
  ifindex: number,
  params: number,
  length: number,
  flags: number,
  flagsHigh: number,
): number {
  const skb = skbOf(machine)
  // The kernel compares the signed length with an unsigned size: negative lengths pass.
  if ((length !== 0 && length >>> 0 < REDIR_NEIGH_SIZE) || flags !== 0 || flagsHigh !== 0) return TC_ACT_SHOT
  const target = skb.redirect
  target.set('neigh', ifindex >>> 0, 0)
  if (length !== 0) {
    const at = params >>> 0
    const family = machine.memory.u32[at >>> 2] as number
    if (family === AF_INET) target.nextHop = machine.memory.read(at + 4, 4)
    else if (family === AF_INET6) target.nextHop = machine.memory.read(at + 4, 16)
  }
  return TC_ACT_REDIRECT
}

/** bpf_redirect_map: the verdict, and what the packet's Redirect then says. */
export function redirectMap(
  machine: Machine,
  mapHandle: number,
  key: number,
  _keyHigh: number,
  flags: number,
  flagsHigh: number,
): number {
  const packet = xdpOf(machine)
  const map = machine.mapOf(mapHandle)
  if (map === undefined) return xdp_action.XDP_ABORTED
  const isDevmap = map.type === bpf_map_type.BPF_MAP_TYPE_DEVMAP || map.type === bpf_map_type.BPF_MAP_TYPE_DEVMAP_HASH
  const allowed = ACTION_MASK | (isDevmap ? BROADCAST | EXCLUDE_INGRESS : 0)
  if ((flags & ~allowed) !== 0 || flagsHigh !== 0) return xdp_action.XDP_ABORTED
  const value = lookupTarget(machine, map, key)
  if (value === 0 && (flags & BROADCAST) === 0) {
    packet.redirect.clear()
    return flags & ACTION_MASK
  }
  const ifindex = value === 0 ? 0 : isDevmap ? (machine.memory.u32[value >>> 2] as number) : key >>> 0
  machine.attend()
  packet.redirect.setMap(map, key >>> 0, ifindex, (flags & BROADCAST) !== 0 ? flags : 0)
  return xdp_action.XDP_REDIRECT
}

/** Address of the target's cell, 0 where the map has none for the key. */
function lookupTarget(machine: Machine, map: BpfMap, key: number): number {
  if (map.elementAt !== undefined) {
    const slot = map.elementAt(key >>> 0)
    // Slots of handle arrays exist when they are empty too.
    const empty = slot === 0 || (machine.memory.u32[slot >>> 2] as number) === 0
    return empty ? 0 : slot
  }
  const { scratch } = xdpOf(machine)
  machine.memory.u32[scratch >>> 2] = key
  return map.lookup(scratch)
}

export function cloneRedirect(
  machine: Machine,
  _skb: number,
  ifindex: number,
  flags: number,
  flagsHigh: number,
): number {
  const skb = skbOf(machine)
  if ((flags & ~INGRESS) !== 0 || flagsHigh !== 0) return -ERRNO.EINVAL
  if (skb.isGso && skb.gsoType === 0) return -ERRNO.EBADMSG
  const device = skb.network.host.device(ifindex >>> 0)
  if (device === undefined) return -ERRNO.EINVAL
  const start = device.hasMacHeader ? skb.data : layer3Start(skb)
  if (device.hasMacHeader ? skb.macHeader >= skb.networkHeader || skb.length === 0 : start >= skb.tail)
    return -ERRNO.ERANGE
  if (!device.up) return (flags & INGRESS) !== 0 ? NET_RX_DROP : NET_XMIT_CN
  skb.clones.push({ ifindex: ifindex >>> 0, flags, data: machine.memory.read(start, skb.tail - start) })
  return 0
}

/** Devices without a link-layer header get the packet from its network header on. */
function layer3Start(skb: SkbPacket): number {
  return Math.max(skb.data, skb.networkHeader)
}
