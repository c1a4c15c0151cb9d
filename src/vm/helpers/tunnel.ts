import { ERRNO } from '../../base/index.js'
import type { Machine } from '../machine.js'
import { skbOf } from './packet-of.js'

// struct bpf_tunnel_key
const TUNNEL_ID = 0
const REMOTE = 4
const TUNNEL_TOS = 20
const TUNNEL_TTL = 21
const TUNNEL_EXT = 22
const TUNNEL_LABEL = 24
const LOCAL = 28
const SIZE = 44
/** Older, shorter layouts that are still taken. */
const COMPAT_SIZES = new Set([LOCAL, TUNNEL_LABEL, TUNNEL_EXT])
const COMPAT_IPV4_SIZE = REMOTE + 4

const TUNINFO_IPV6 = 1
const ZERO_CSUM_TX = 2
const DONT_FRAGMENT = 4
const SEQ_NUMBER = 8
const NO_TUNNEL_KEY = 16
const SET_FLAGS = TUNINFO_IPV6 | ZERO_CSUM_TX | DONT_FRAGMENT | SEQ_NUMBER | NO_TUNNEL_KEY
const TUNINFO_FLAGS = 16

// TUNNEL_* flags of linux/if_tunnel.h, host byte order.
const TUNNEL_CSUM = 0x01
const TUNNEL_KEY = 0x04
const TUNNEL_SEQ = 0x08
const TUNNEL_DONT_FRAGMENT = 0x0100
const TUNNEL_NOCACHE = 0x2000
/** Geneve, VXLAN, ERSPAN and GTP: the kernel cannot tell whose options a program wrote. */
const TUNNEL_OPTIONS_PRESENT = 0xd800
const OPTIONS_MAX = 255
const FLOW_LABEL_MASK = 0xfffff

export function skbSetTunnelKey(
  machine: Machine,
  _skb: number,
  from: number,
  size: number,
  flags: number,
  flagsHigh: number,
): number {
  const skb = skbOf(machine)
  if ((flags & ~SET_FLAGS) !== 0 || flagsHigh !== 0) return -ERRNO.EINVAL
  const length = size >>> 0
  if (length !== SIZE && !COMPAT_SIZES.has(length) && length !== COMPAT_IPV4_SIZE) return -ERRNO.EINVAL
  const key = new Uint8Array(SIZE)
  key.set(machine.memory.bytes(from >>> 0, length))
  const view = new DataView(key.buffer)
  const ipv6 = (flags & TUNINFO_IPV6) !== 0
  const label = view.getUint32(TUNNEL_LABEL, true)
  if ((!ipv6 && label !== 0) || view.getUint16(TUNNEL_EXT, true) !== 0) return -ERRNO.EINVAL
  skb.tunnel = {
    transmit: true,
    ipv6,
    id: BigInt(view.getUint32(TUNNEL_ID, true)),
    tos: key[TUNNEL_TOS] as number,
    ttl: key[TUNNEL_TTL] as number,
    flags:
      TUNNEL_NOCACHE |
      ((flags & DONT_FRAGMENT) !== 0 ? TUNNEL_DONT_FRAGMENT : 0) |
      ((flags & ZERO_CSUM_TX) !== 0 ? 0 : TUNNEL_CSUM) |
      ((flags & SEQ_NUMBER) !== 0 ? TUNNEL_SEQ : 0) |
      ((flags & NO_TUNNEL_KEY) !== 0 ? 0 : TUNNEL_KEY),
    label: ipv6 ? label & FLOW_LABEL_MASK : 0,
    source: address(key, LOCAL, ipv6),
    destination: address(key, REMOTE, ipv6),
    options: new Uint8Array(0),
  }
  return 0
}

/** IPv4 addresses are in host byte order in the key, IPv6 ones in network order. */
function address(key: Uint8Array, at: number, ipv6: boolean): Uint8Array {
  return ipv6 ? key.slice(at, at + 16) : key.slice(at, at + 4).reverse()
}

export function skbGetTunnelKey(
  machine: Machine,
  _skb: number,
  to: number,
  size: number,
  flags: number,
  flagsHigh: number,
): number {
  const info = skbOf(machine).tunnel
  const target = to >>> 0
  const length = size >>> 0
  const { u8 } = machine.memory
  const refuse = (errno: number): number => {
    u8.fill(0, target, target + length)
    return -errno
  }
  if (info === undefined || (flags & ~(TUNINFO_IPV6 | TUNINFO_FLAGS)) !== 0 || flagsHigh !== 0)
    return refuse(ERRNO.EINVAL)
  const ipv6 = (flags & TUNINFO_IPV6) !== 0
  if (info.ipv6 !== ipv6) return refuse(ERRNO.EPROTO)
  if (length !== SIZE && !COMPAT_SIZES.has(length) && (length !== COMPAT_IPV4_SIZE || info.ipv6))
    return refuse(ERRNO.EINVAL)
  const key = new Uint8Array(SIZE)
  const view = new DataView(key.buffer)
  view.setUint32(TUNNEL_ID, Number(BigInt.asUintN(32, info.id)), true)
  key[TUNNEL_TOS] = info.tos
  key[TUNNEL_TTL] = info.ttl
  if ((flags & TUNINFO_FLAGS) !== 0) view.setUint16(TUNNEL_EXT, info.flags, false)
  if (ipv6) {
    key.set(info.source, REMOTE)
    key.set(info.destination, LOCAL)
    view.setUint32(TUNNEL_LABEL, info.label, true)
  } else {
    key.set(info.source.slice().reverse(), REMOTE)
    key.set(info.destination.slice().reverse(), LOCAL)
  }
  u8.set(key.subarray(0, length), target)
  return 0
}

export function skbSetTunnelOpt(machine: Machine, _skb: number, from: number, size: number): number {
  const info = skbOf(machine).tunnel
  const length = size >>> 0
  if (info === undefined || !info.transmit || (length & 3) !== 0) return -ERRNO.EINVAL
  if (length > OPTIONS_MAX) return -ERRNO.ENOMEM
  info.options = machine.memory.read(from >>> 0, length)
  if (length > 0) info.flags |= TUNNEL_OPTIONS_PRESENT
  return 0
}

export function skbGetTunnelOpt(machine: Machine, _skb: number, to: number, size: number): number {
  const info = skbOf(machine).tunnel
  const target = to >>> 0
  const length = size >>> 0
  const { u8 } = machine.memory
  const options = info !== undefined && (info.flags & TUNNEL_OPTIONS_PRESENT) !== 0 ? info.options : undefined
  if (options === undefined || length < options.length) {
    u8.fill(0, target, target + length)
    return options === undefined ? -ERRNO.ENOENT : -ERRNO.ENOMEM
  }
  u8.fill(0, target, target + length)
  u8.set(options, target)
  return options.length
}
