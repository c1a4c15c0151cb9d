import { ERRNO } from '../../base/index.js'
import { bpf_fib_lookup_ret } from '../../spec/index.js'
import type { Machine } from '../machine.js'
import type { Network } from '../net/network.js'
import type { NetworkDevice, RouteAnswer } from '../net/network-host.js'
import { SKB, type SkbPacket } from '../net/skb-packet.js'
import type { PacketContext } from '../net/types.js'
import type { Addr } from '../types.js'

const RET = bpf_fib_lookup_ret

// struct bpf_fib_lookup
const FAMILY = 0
const TOT_LEN = 6
const IFINDEX = 8
const RT_METRIC = 12
const SRC = 16
const DST = 32
const VLAN_OR_TBID = 48
const MARK = 52
const SMAC = 52
const DMAC = 58
const SIZE = 64

const DIRECT = 1
const OUTPUT = 2
const SKIP_NEIGH = 4
const TBID = 8
const SOURCE = 16
const USE_MARK = 32
const ALL_FLAGS = DIRECT | OUTPUT | SKIP_NEIGH | TBID | SOURCE | USE_MARK

const AF_INET = 2
const AF_INET6 = 10
const TABLE_MAIN = 254
const ETH_HLEN = 14
const VLAN_HLEN = 4

export function fibLookup(machine: Machine, _ctx: number, params: number, length: number, flags: number): number {
  const { packet } = machine
  if (packet === undefined || length < SIZE || (flags & ~ALL_FLAGS) !== 0) return -ERRNO.EINVAL
  const { view } = machine.memory
  const at = params >>> 0
  const family = view.getUint8(at + FAMILY)
  if (family !== AF_INET && family !== AF_INET6) return -ERRNO.EAFNOSUPPORT
  const checkMtu = packet.kind === 'xdp' || view.getUint16(at + TOT_LEN, true) !== 0
  const result = lookup(machine, packet.network, at, family, flags, checkMtu)
  if (result === RET.BPF_FIB_LKUP_RET_SUCCESS && !checkMtu && packet.kind === 'skb')
    return checkPacket(machine, packet, at)
  return result
}

/** Without a length in the request the packet itself is held against the device it would leave by. */
function checkPacket(machine: Machine, skb: SkbPacket, at: Addr): number {
  const { view } = machine.memory
  const device = skb.network.host.device(view.getUint32(at + IFINDEX, true))
  if (device === undefined) return RET.BPF_FIB_LKUP_RET_SUCCESS
  view.setUint16(at + TOT_LEN, device.mtu, true)
  const fits = skb.length <= device.mtu + (device.hasMacHeader ? ETH_HLEN : 0) + VLAN_HLEN || skb.isGso
  return device.up && fits ? RET.BPF_FIB_LKUP_RET_SUCCESS : RET.BPF_FIB_LKUP_RET_FRAG_NEEDED
}

function lookup(
  machine: Machine,
  network: Network,
  at: Addr,
  family: number,
  flags: number,
  checkMtu: boolean,
): number {
  const { memory } = machine
  const { view } = memory
  const v4 = family === AF_INET
  const size = v4 ? 4 : 16
  const source = memory.read(at + SRC, size)
  const destination = memory.read(at + DST, size)
  // Such addresses never leave their link.
  if (!v4 && (isLocalScope(destination) || isLocalScope(source))) return RET.BPF_FIB_LKUP_RET_NOT_FWDED
  const ifindex = view.getUint32(at + IFINDEX, true)
  const incoming = network.host.device(ifindex)
  if (incoming === undefined) return -ERRNO.ENODEV
  if (!(v4 ? incoming.forwardIpv4 : incoming.forwardIpv6)) return RET.BPF_FIB_LKUP_RET_FWD_DISABLED
  const route = network.host.route({
    family: v4 ? 4 : 6,
    destination,
    source,
    ifindex,
    output: (flags & OUTPUT) !== 0,
    table: tableOf(machine, at, flags),
    mark: (flags & USE_MARK) !== 0 ? view.getUint32(at + MARK, true) : 0,
  })
  const refusal = routeResult(route)
  if (refusal !== 0 || route === undefined) return refusal
  const outgoing = network.host.device(route.ifindex)
  if (outgoing === undefined) return RET.BPF_FIB_LKUP_RET_NOT_FWDED
  let mtu = 0
  if (checkMtu) {
    mtu = route.mtu ?? Math.min(outgoing.mtu, 0xffff)
    if (view.getUint16(at + TOT_LEN, true) > mtu) {
      view.setUint16(at + TOT_LEN, mtu, true)
      return RET.BPF_FIB_LKUP_RET_FRAG_NEEDED
    }
  }
  if (route.encapsulated) return RET.BPF_FIB_LKUP_RET_UNSUPP_LWT
  view.setUint32(at + RT_METRIC, route.metric, true)
  view.setUint32(at + IFINDEX, outgoing.ifindex, true)
  if ((flags & SOURCE) !== 0) {
    if (route.source !== undefined) memory.write(at + SRC, route.source)
    else if (v4) view.setUint32(at + SRC, 0, true)
    else return RET.BPF_FIB_LKUP_RET_NO_SRC_ADDR
  }
  if (route.gateway !== undefined) {
    if (v4 && route.gateway.length === 16) view.setUint8(at + FAMILY, AF_INET6)
    memory.write(at + DST, route.gateway)
  }
  if ((flags & SKIP_NEIGH) === 0) {
    const neighbour = network.host.neighbour(outgoing.ifindex, route.gateway ?? destination)
    if (neighbour === undefined) return RET.BPF_FIB_LKUP_RET_NO_NEIGH
    memory.write(at + DMAC, neighbour)
    memory.write(at + SMAC, outgoing.mac)
  }
  view.setUint32(at + VLAN_OR_TBID, 0, true)
  if (mtu !== 0) view.setUint16(at + TOT_LEN, mtu, true)
  return RET.BPF_FIB_LKUP_RET_SUCCESS
}

function tableOf(machine: Machine, at: Addr, flags: number): number | undefined {
  if ((flags & DIRECT) === 0) return undefined
  if ((flags & TBID) === 0) return TABLE_MAIN
  const { view } = machine.memory
  const table = view.getUint32(at + VLAN_OR_TBID, true)
  view.setUint32(at + VLAN_OR_TBID, 0, true)
  return table
}

/** 0 for a route that forwards, else the answer the route's kind gives. */
function routeResult(route: RouteAnswer | undefined): number {
  switch (route?.type) {
    case 'unicast':
      return 0
    case 'blackhole':
      return RET.BPF_FIB_LKUP_RET_BLACKHOLE
    case 'unreachable':
      return RET.BPF_FIB_LKUP_RET_UNREACHABLE
    case 'prohibit':
      return RET.BPF_FIB_LKUP_RET_PROHIBIT
    default:
      return RET.BPF_FIB_LKUP_RET_NOT_FWDED
  }
}

/** IPv6 multicast, link-local and loopback addresses. */
function isLocalScope(address: Uint8Array): boolean {
  const first = address[0] as number
  if (first === 0xff) return true
  if (first === 0xfe) return ((address[1] as number) & 0xc0) === 0x80
  return first === 0 && address[15] === 1 && address.subarray(0, 15).every((byte) => byte === 0)
}

const CHECK_SEGMENTS = 1
const FRAG_NEEDED = 1
const SEGMENTS_TOO_BIG = 2
/** SKB_GSO_TCPV4 and SKB_GSO_TCPV6 */
const GSO_TCP = 17
const GSO_UDP_L4 = 0x20000
const UDP_HEADER = 8

export function checkMtu(
  machine: Machine,
  _ctx: number,
  ifindex: number,
  mtuLength: number,
  difference: number,
  flags: number,
  flagsHigh: number,
): number {
  const { packet, memory } = machine
  const at = mtuLength >>> 0
  if (packet === undefined || flagsHigh !== 0) return -ERRNO.EINVAL
  const given = memory.view.getUint32(at, true)
  if (packet.kind === 'xdp' ? flags !== 0 : (flags & ~CHECK_SEGMENTS) !== 0) return -ERRNO.EINVAL
  if ((flags & CHECK_SEGMENTS) !== 0 && (difference !== 0 || given !== 0)) return -ERRNO.EINVAL
  const device = deviceOf(packet, ifindex >>> 0)
  if (device === undefined) return -ERRNO.ENODEV
  const own = packet.kind === 'xdp' ? packet.linearLength : packet.length
  const headerLength = device.hasMacHeader ? ETH_HLEN : 0
  const length = ((given !== 0 ? given + headerLength : own) + difference) | 0
  let result = length <= device.mtu + headerLength ? 0 : FRAG_NEEDED
  if (result !== 0 && packet.kind === 'skb' && packet.isGso) {
    if ((flags & CHECK_SEGMENTS) !== 0) {
      if (packet.transportHeader === 0) return -ERRNO.EINVAL
      result = segmentLength(packet) > device.mtu ? SEGMENTS_TOO_BIG : 0
    } else result = 0
  }
  memory.view.setUint32(at, device.mtu, true)
  return result
}

function deviceOf(packet: PacketContext, ifindex: number): NetworkDevice | undefined {
  const own = packet.kind === 'xdp' ? packet.ingressIfindex : packet.ifindex
  return packet.network.host.device(ifindex === 0 ? own : ifindex)
}

/** Layer-3 length of the packet's segments: headers and gso_size bytes. */
function segmentLength(skb: SkbPacket): number {
  const tcp = (skb.gsoType & GSO_TCP) !== 0
  const udp = (skb.gsoType & GSO_UDP_L4) !== 0
  const transport = tcp ? ((skb.memory.u8[skb.transportHeader + 12] as number) >> 4) * 4 : udp ? UDP_HEADER : 0
  return (skb.transportHeader - skb.networkHeader + transport + skb.field(SKB.gso_size)) >>> 0
}
