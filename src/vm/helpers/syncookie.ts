import { ERRNO } from '../../base/index.js'
import type { Machine } from '../machine.js'
import type { Network } from '../net/network.js'
import { IPPROTO_TCP, type KernelSocket, TCP_LISTEN } from '../net/socket-table.js'
import { type Cookie, checkCookie, MSS_DEFAULT_V4, MSS_DEFAULT_V6, makeCookie, mssOption } from '../net/syncookie.js'

const AF_INET6 = 10
const TCP_HEADER = 20
const FIN = 0x01
const SYN = 0x02
const RST = 0x04
const ACK = 0x10
/** How long a listener that sent a cookie takes one back, ns. */
const VALID = 120_000_000_000

function result(machine: Machine, value: number): number {
  machine.r0hi = value < 0 ? -1 : 0
  return value
}

function give(machine: Machine, cookie: Cookie): number {
  machine.r0hi = cookie.mss
  return cookie.cookie
}

/** 4, 6 or a negative errno: the IP version, if the listener takes connections of it. */
function version(machine: Machine, socket: KernelSocket, ip: number, length: number): number {
  switch ((machine.memory.u8[ip] as number) >> 4) {
    case 4:
      return socket.family === AF_INET6 && socket.v6only ? -ERRNO.EINVAL : 4
    case 6:
      return length < 40 || socket.family !== AF_INET6 ? -ERRNO.EINVAL : 6
    default:
      return -ERRNO.EPROTONOSUPPORT
  }
}

export function tcpGenSyncookie(
  machine: Machine,
  sk: number,
  ip: number,
  ipLength: number,
  tcp: number,
  tcpLength: number,
): number {
  const network = machine.network
  const socket = network.sockets.at(sk)
  const { u8 } = machine.memory
  const th = tcp >>> 0
  if (socket === undefined || tcpLength >>> 0 < TCP_HEADER || tcpLength !== headerLength(u8, th))
    return result(machine, -ERRNO.EINVAL)
  if (socket.state !== TCP_LISTEN || socket.protocol !== IPPROTO_TCP) return result(machine, -ERRNO.EINVAL)
  if (network.host.syncookies === 0) return result(machine, -ERRNO.ENOENT)
  if (((u8[th + 13] as number) & (FIN | SYN | RST | ACK)) !== SYN) return result(machine, -ERRNO.EINVAL)
  if (ipLength >>> 0 < 20) return result(machine, -ERRNO.EINVAL)
  const family = version(machine, socket, ip >>> 0, ipLength >>> 0)
  if (family < 0) return result(machine, family)
  // Unless cookies are forced, they answer only a full queue of half-open connections, which there is none of.
  if (network.host.syncookies !== 2) return result(machine, -ERRNO.ENOENT)
  socket.synOverflow = Number(machine.clock.monotonic())
  return give(machine, cookieOf(machine, network, ip >>> 0, th, family === 6))
}

export function tcpCheckSyncookie(
  machine: Machine,
  sk: number,
  ip: number,
  ipLength: number,
  tcp: number,
  tcpLength: number,
): number {
  const network = machine.network
  const socket = network.sockets.at(sk)
  const flags = machine.memory.u8[(tcp >>> 0) + 13] as number
  if (socket === undefined || tcpLength >>> 0 < TCP_HEADER) return -ERRNO.EINVAL
  if (socket.state !== TCP_LISTEN || socket.protocol !== IPPROTO_TCP) return -ERRNO.EINVAL
  if (network.host.syncookies === 0) return -ERRNO.EINVAL
  if ((flags & (ACK | RST | SYN)) !== ACK) return -ERRNO.ENOENT
  if (ipLength >>> 0 < 20) return -ERRNO.EINVAL
  const now = Number(machine.clock.monotonic())
  if (socket.synOverflow < 0 || now - socket.synOverflow > VALID) return -ERRNO.ENOENT
  const family = version(machine, socket, ip >>> 0, ipLength >>> 0)
  if (family < 0) return family
  return checkCookie(machine, network, ip >>> 0, tcp >>> 0, family === 6) > 0 ? 0 : -ERRNO.ENOENT
}

export function tcpRawGenSyncookieIpv4(machine: Machine, ip: number, tcp: number, tcpLength: number): number {
  return rawGenerate(machine, ip >>> 0, tcp >>> 0, tcpLength, false)
}

export function tcpRawGenSyncookieIpv6(machine: Machine, ip: number, tcp: number, tcpLength: number): number {
  return rawGenerate(machine, ip >>> 0, tcp >>> 0, tcpLength, true)
}

export function tcpRawCheckSyncookieIpv4(machine: Machine, ip: number, tcp: number): number {
  return checkCookie(machine, machine.network, ip >>> 0, tcp >>> 0, false) > 0 ? 0 : -ERRNO.EACCES
}

export function tcpRawCheckSyncookieIpv6(machine: Machine, ip: number, tcp: number): number {
  return checkCookie(machine, machine.network, ip >>> 0, tcp >>> 0, true) > 0 ? 0 : -ERRNO.EACCES
}

function rawGenerate(machine: Machine, ip: number, tcp: number, length: number, ipv6: boolean): number {
  if (length >>> 0 < TCP_HEADER || length !== headerLength(machine.memory.u8, tcp))
    return result(machine, -ERRNO.EINVAL)
  return give(machine, cookieOf(machine, machine.network, ip, tcp, ipv6))
}

function cookieOf(machine: Machine, network: Network, ip: number, tcp: number, ipv6: boolean): Cookie {
  const mss = mssOption(machine.memory.u8, tcp) || (ipv6 ? MSS_DEFAULT_V6 : MSS_DEFAULT_V4)
  return makeCookie(machine, network, ip, tcp, ipv6, mss)
}

function headerLength(u8: Uint8Array, tcp: number): number {
  return ((u8[tcp + 12] as number) >> 4) * 4
}
