import type { Machine } from '../machine.js'
import type { Addr } from '../types.js'
import type { Network } from './network.js'
import { siphashLow } from './siphash.js'

// TCP SYN cookies as Linux makes them: the connection's hash, the minute and the index of the MSS in a table.

const COOKIE_BITS = 24
const COOKIE_MASK = 0xff_ffff
/** Minutes a cookie is taken back. */
const MAX_AGE = 2
const MSS_V4 = [536, 1300, 1440, 1460] as const
const MSS_V6 = [1220, 1420, 1440, 8940] as const
export const MSS_DEFAULT_V4 = 536
export const MSS_DEFAULT_V6 = 1220

const OPTION_END = 0
const OPTION_NOP = 1
const OPTION_MSS = 2
const TCP_HEADER = 20

export interface Cookie {
  readonly cookie: number
  readonly mss: number
}

/** The cookie that answers the SYN at `tcp` under the IP header at `ip`. */
export function makeCookie(
  machine: Machine,
  network: Network,
  ip: Addr,
  tcp: Addr,
  ipv6: boolean,
  mss: number,
): Cookie {
  const table = ipv6 ? MSS_V6 : MSS_V4
  let index = table.length - 1
  while (index > 0 && mss < (table[index] as number)) index--
  const minute = minutes(machine)
  const sequence = machine.memory.view.getUint32(tcp + 4, false)
  const first = hash(machine, network, ip, tcp, ipv6, 0, 0)
  const second = hash(machine, network, ip, tcp, ipv6, minute, 1)
  return {
    cookie: (first + sequence + (minute << COOKIE_BITS) + ((second + index) & COOKIE_MASK)) | 0,
    mss: table[index] as number,
  }
}

/** MSS of the cookie that the ACK at `tcp` brings back; 0 if it is none of ours or too old. */
export function checkCookie(machine: Machine, network: Network, ip: Addr, tcp: Addr, ipv6: boolean): number {
  const { view } = machine.memory
  const minute = minutes(machine)
  const sequence = (view.getUint32(tcp + 4, false) - 1) | 0
  let cookie = (view.getUint32(tcp + 8, false) - 1) | 0
  cookie = (cookie - (hash(machine, network, ip, tcp, ipv6, 0, 0) + sequence)) | 0
  const age = (minute - (cookie >>> COOKIE_BITS)) & 0xff
  if (age >= MAX_AGE) return 0
  const index = (cookie - hash(machine, network, ip, tcp, ipv6, (minute - age) | 0, 1)) & COOKIE_MASK
  const table: readonly number[] = ipv6 ? MSS_V6 : MSS_V4
  return table[index] ?? 0
}

function minutes(machine: Machine): number {
  return Number(BigInt.asIntN(32, machine.clock.monotonic() / 60_000_000_000n))
}

function hash(
  machine: Machine,
  network: Network,
  ip: Addr,
  tcp: Addr,
  ipv6: boolean,
  count: number,
  which: 0 | 1,
): number {
  const { u8 } = machine.memory
  const key = network.cookieKey(machine, which)
  const input = new Uint8Array(ipv6 ? 40 : 16)
  const view = new DataView(input.buffer)
  if (ipv6) {
    input.set(u8.subarray(ip + 8, ip + 40))
    view.setInt32(32, count, true)
    input.set(u8.subarray(tcp, tcp + 4), 36)
  } else {
    input.set(u8.subarray(ip + 12, ip + 20))
    // The source port's two bytes are the upper half of the word, the destination port's the lower.
    input.set(u8.subarray(tcp + 2, tcp + 4), 8)
    input.set(u8.subarray(tcp, tcp + 2), 10)
    view.setInt32(12, count, true)
  }
  return siphashLow(input, key)
}

/** tcp_parse_mss_option: the MSS option of the header at `tcp`, 0 if there is none. */
export function mssOption(u8: Uint8Array, tcp: Addr): number {
  let left = ((u8[tcp + 12] as number) >> 4) * 4 - TCP_HEADER
  let at = tcp + TCP_HEADER
  let mss = 0
  while (left > 0) {
    const kind = u8[at] as number
    if (kind === OPTION_END) return mss
    if (kind === OPTION_NOP) {
      at++
      left--
      continue
    }
    const size = left < 2 ? 0 : (u8[at + 1] as number)
    if (size < 2 || size > left) return mss
    if (kind === OPTION_MSS && size === 4) {
      const value = ((u8[at + 2] as number) << 8) | (u8[at + 3] as number)
      if (value !== 0) mss = value
    }
    at += size
    left -= size
  }
  return mss
}
