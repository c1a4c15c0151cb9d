import { ERRNO, hi32, lo32 } from '../../base/index.js'
import { bpf_prog_type } from '../../spec/index.js'
import type { Machine } from '../machine.js'
import type { NetworkHost } from '../net/network-host.js'
import { IPPROTO_TCP, type KernelSocket, TCP_LISTEN } from '../net/socket-table.js'
import type { LocalStorageMap } from '../types.js'
import { skbOf } from './packet-of.js'

const TUPLE_V4 = 12
const TUPLE_V6 = 36
const OVERFLOW_UID = 65534
const INIT_NETNS_COOKIE = 1n
const STORAGE_CREATE = 1
/** BPF_SK_LOOKUP_F_REPLACE and BPF_SK_LOOKUP_F_NO_REUSEPORT */
const SELECT_REPLACE = 1
const SELECT_NO_REUSEPORT = 2

function long(machine: Machine, value: bigint): number {
  machine.r0hi = hi32(value) | 0
  return lo32(value) | 0
}

/** Finds the socket a packet with the tuple's addresses would reach; 0 or its address. */
function lookup(
  machine: Machine,
  protocol: 'tcp' | 'udp',
  tuple: number,
  length: number,
  netns: number,
  netnsHigh: number,
  flags: number,
  flagsHigh: number,
): KernelSocket | undefined {
  const { packet, memory } = machine
  if (packet === undefined || (length !== TUPLE_V4 && length !== TUPLE_V6)) return undefined
  if (flags !== 0 || flagsHigh !== 0) return undefined
  // Any negative number means this namespace; other namespaces have no ids here.
  if (netns >= 0 && (netnsHigh !== 0 || netns >= 0)) return undefined
  const at = tuple >>> 0
  const size = length === TUPLE_V4 ? 4 : 16
  const { view } = memory
  const found = packet.network.host.socket({
    protocol,
    family: length === TUPLE_V4 ? 4 : 6,
    sourceAddress: memory.read(at, size),
    destinationAddress: memory.read(at + size, size),
    sourcePort: view.getUint16(at + size * 2, false),
    destinationPort: view.getUint16(at + size * 2 + 2, false),
    ifindex: packet.kind === 'xdp' ? packet.ingressIfindex : packet.ifindex,
  })
  return found === undefined ? undefined : packet.network.sockets.of(found)
}

export function skcLookupTcp(
  machine: Machine,
  _ctx: number,
  tuple: number,
  length: number,
  netns: number,
  netnsHigh: number,
  flags: number,
  flagsHigh: number,
): number {
  return lookup(machine, 'tcp', tuple, length, netns, netnsHigh, flags, flagsHigh)?.address ?? 0
}

export function skLookupTcp(
  machine: Machine,
  _ctx: number,
  tuple: number,
  length: number,
  netns: number,
  netnsHigh: number,
  flags: number,
  flagsHigh: number,
): number {
  const socket = lookup(machine, 'tcp', tuple, length, netns, netnsHigh, flags, flagsHigh)
  return socket?.isFull === true ? socket.address : 0
}

export function skLookupUdp(
  machine: Machine,
  _ctx: number,
  tuple: number,
  length: number,
  netns: number,
  netnsHigh: number,
  flags: number,
  flagsHigh: number,
): number {
  const socket = lookup(machine, 'udp', tuple, length, netns, netnsHigh, flags, flagsHigh)
  return socket?.isFull === true ? socket.address : 0
}

/** Sockets belong to the host: there is nothing to give back. */
export function skRelease(): number {
  return 0
}

export function skFullsock(machine: Machine, sk: number): number {
  const socket = machine.network.sockets.at(sk)
  return socket?.isFull === true ? socket.address : 0
}

export function tcpSock(machine: Machine, sk: number): number {
  const socket = machine.network.sockets.at(sk)
  return socket?.isFull === true && socket.protocol === IPPROTO_TCP ? socket.tcpAddress : 0
}

export function getListenerSock(machine: Machine, sk: number): number {
  const socket = machine.network.sockets.at(sk)
  return socket?.state === TCP_LISTEN ? socket.address : 0
}

/** Sockets of kernel types are not laid out in this memory: no socket is one. */
export function skcToKernelSocket(): number {
  return 0
}

export function skAssign(machine: Machine, _ctx: number, sk: number, flags: number, flagsHigh: number): number {
  if (machine.image?.type === bpf_prog_type.BPF_PROG_TYPE_SK_LOOKUP) return selectSocket(machine, sk, flags, flagsHigh)
  const skb = skbOf(machine)
  const socket = skb.network.sockets.at(sk)
  if (socket === undefined || flags !== 0 || flagsHigh !== 0) return -ERRNO.EINVAL
  if (!skb.atIngress) return -ERRNO.EOPNOTSUPP
  if (socket.info === undefined) return -ERRNO.EOPNOTSUPP
  skb.setSocket(socket)
  return 0
}

/** sk_assign of sk_lookup programs. Their sockets come from socket maps, which are empty here. */
function selectSocket(machine: Machine, sk: number, flags: number, flagsHigh: number): number {
  if ((flags & ~(SELECT_REPLACE | SELECT_NO_REUSEPORT)) !== 0 || flagsHigh !== 0) return -ERRNO.EINVAL
  return sk === 0 || machine.network.sockets.at(sk) === undefined ? 0 : -ERRNO.ESOCKTNOSUPPORT
}

export function getSocketCookie(machine: Machine): number {
  const { packet } = machine
  const socket = packet?.kind === 'skb' ? packet.socket : undefined
  if (packet === undefined || socket === undefined) return long(machine, 0n)
  return long(machine, packet.network.sockets.cookie(socket))
}

export function getSocketUid(machine: Machine): number {
  const socket = skbOf(machine).socket
  return socket?.isFull === true ? socket.uid : OVERFLOW_UID
}

/** Without a context the initial namespace is meant. */
export function getNetnsCookie(machine: Machine, ctx: number): number {
  const { packet } = machine
  return long(machine, ctx === 0 || packet === undefined ? INIT_NETNS_COOKIE : packet.network.host.netnsCookie)
}

/** Cgroup ids from the root to the socket's own. */
function cgroupPath(host: NetworkHost, socket: KernelSocket | undefined): readonly bigint[] {
  if (socket === undefined || !socket.isFull) return []
  if (socket.info === undefined) return host.cgroups
  const index = host.cgroups.indexOf(socket.cgroupId)
  return index < 0 ? [host.cgroups[0] ?? 1n, socket.cgroupId] : host.cgroups.slice(0, index + 1)
}

export function skbCgroupId(machine: Machine): number {
  const skb = skbOf(machine)
  return long(machine, cgroupPath(skb.network.host, skb.socket).at(-1) ?? 0n)
}

export function skbAncestorCgroupId(machine: Machine, _skb: number, level: number): number {
  const skb = skbOf(machine)
  return long(machine, level < 0 ? 0n : (cgroupPath(skb.network.host, skb.socket)[level] ?? 0n))
}

export function skCgroupId(machine: Machine, sk: number): number {
  const network = machine.network
  return long(machine, cgroupPath(network.host, network.sockets.at(sk)).at(-1) ?? 0n)
}

export function skAncestorCgroupId(machine: Machine, sk: number, level: number): number {
  const network = machine.network
  const path = cgroupPath(network.host, network.sockets.at(sk))
  return long(machine, level < 0 ? 0n : (path[level] ?? 0n))
}

/** This kernel has one cgroup tree, the host's, and no descriptors of its cgroups: the elements of a cgroup array are empty. */
export function skbUnderCgroup(machine: Machine, _skb: number, mapHandle: number, index: number): number {
  const skb = skbOf(machine)
  const map = machine.mapOf(mapHandle)
  if (skb.socket?.isFull !== true) return -ERRNO.ENOENT
  return map === undefined || index >>> 0 >= map.maxEntries ? -ERRNO.E2BIG : -ERRNO.EAGAIN
}

function storageOf(machine: Machine, mapHandle: number): LocalStorageMap | undefined {
  const map = machine.mapOf(mapHandle)
  return map !== undefined && 'storageOf' in map ? (map as LocalStorageMap) : undefined
}

export function skStorageGet(
  machine: Machine,
  mapHandle: number,
  sk: number,
  value: number,
  flags: number,
  flagsHigh: number,
): number {
  const map = storageOf(machine, mapHandle)
  const { sockets } = machine.network
  const socket = sockets.at(sk)
  if (map === undefined || socket?.isFull !== true || flags >>> 0 > STORAGE_CREATE || flagsHigh !== 0) return 0
  const owner = sockets.cookie(socket)
  const found = map.storageOf(owner)
  if (found !== 0 || flags !== STORAGE_CREATE) return found
  socket.storages.add(map)
  return map.createStorage(owner, value >>> 0)
}

export function skStorageDelete(machine: Machine, mapHandle: number, sk: number): number {
  const map = storageOf(machine, mapHandle)
  const { sockets } = machine.network
  const socket = sockets.at(sk)
  if (map === undefined || socket?.isFull !== true) return -ERRNO.EINVAL
  return map.deleteStorage(sockets.cookie(socket))
}
