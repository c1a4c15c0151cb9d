import { csumFold, csumPartial } from '../packet/index.js'
import { sourceAddress } from './addresses.js'
import type { Device } from './device.js'
import type { Frame } from './frame.js'
import { IPPROTO, sendIp } from './ip-output.js'
import type { VirtualNetwork } from './network.js'
import { ETH_HLEN } from './numbers.js'

export const ICMP = { ECHOREPLY: 0, UNREACH: 3, ECHO: 8, TIME_EXCEEDED: 11 } as const
export const ICMPV6 = { UNREACH: 1, TOO_BIG: 2, TIME_EXCEEDED: 3, ECHO: 128, ECHO_REPLY: 129 } as const
export const UNREACH = { NET: 0, HOST: 1, PORT: 3, FRAG_NEEDED: 4, FILTERED: 13 } as const

/** IPv4 errors quote as much as makes 576 bytes, IPv6 errors 1280. */
const QUOTE4 = 576 - 20 - 8
const QUOTE6 = 1280 - 40 - 8

/** Fills in the sum of an ICMP message. */
export function sumIcmp(message: Uint8Array): Uint8Array {
  message[2] = 0
  message[3] = 0
  const sum = csumFold(csumPartial(message, 0, message.length))
  message[2] = sum & 0xff
  message[3] = sum >> 8
  return message
}

/** Sends an ICMP error about a packet (icmp_send), by Linux's rules of what gets none. `info`: the next hop's MTU. */
export function sendIcmpError(
  network: VirtualNetwork,
  device: Device,
  frame: Frame,
  type: number,
  code: number,
  info = 0,
): void {
  const ip = frame.start + ETH_HLEN
  const { bytes } = frame
  const destination = bytes.slice(ip + 12, ip + 16)
  const group = ((bytes[frame.start] as number) & 1) !== 0
  const fragment = (((bytes[ip + 6] as number) & 0x1f) << 8) | (bytes[ip + 7] as number)
  if (group || fragment !== 0 || (destination[0] as number) === 0 || (destination[0] as number) >= 0xe0) return
  if (bytes[ip + 9] === IPPROTO.ICMP) {
    const inner = bytes[ip + ((bytes[ip] as number) & 15) * 4] as number
    if (inner !== ICMP.ECHO && inner !== ICMP.ECHOREPLY) return
  }
  const quoted = bytes.subarray(ip, Math.min(frame.end, ip + QUOTE4))
  const message = new Uint8Array(8 + quoted.length)
  message[0] = type
  message[1] = code
  message[6] = info >> 8
  message[7] = info & 0xff
  message.set(quoted, 8)
  network.journeys?.step(device, frame, { hook: 'icmp', what: 'error', note: `type ${type} code ${code}` })
  const source = sourceAddress(device, destination)
  sendIp(network, device.netns, destination, IPPROTO.ICMP, sumIcmp(message), { source, tos: 0xc0 })
}

/** Sends an ICMPv6 error about a packet. */
export function sendIcmpv6Error(
  network: VirtualNetwork,
  device: Device,
  frame: Frame,
  type: number,
  code: number,
  info = 0,
): void {
  const ip = frame.start + ETH_HLEN
  const { bytes } = frame
  const destination = bytes.slice(ip + 8, ip + 24)
  const group = bytes[ip + 24] === 0xff && type !== ICMPV6.TOO_BIG
  if (group || destination[0] === 0xff || destination.every((byte) => byte === 0)) return
  if (bytes[ip + 6] === IPPROTO.ICMPV6 && (bytes[ip + 40] as number) < 128) return
  const quoted = bytes.subarray(ip, Math.min(frame.end, ip + QUOTE6))
  const message = new Uint8Array(8 + quoted.length)
  message[0] = type
  message[1] = code
  new DataView(message.buffer).setUint32(4, info)
  message.set(quoted, 8)
  network.journeys?.step(device, frame, { hook: 'icmp', what: 'error', note: `type ${type} code ${code}` })
  const source = sourceAddress(device, destination)
  sendIp(network, device.netns, destination, IPPROTO.ICMPV6, message, { source, device })
}
