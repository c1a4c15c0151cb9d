import { equalBytes, isZero } from './address-bytes.js'
import type { Device } from './device.js'
import type { Frame } from './frame.js'
import { IPPROTO, newFrame, transportSum } from './ip-output.js'
import { findNeighbour, setNeighbour } from './neighbours.js'
import type { VirtualNetwork } from './network.js'
import { ETH_HLEN, ETH_P, NUD } from './numbers.js'
import { transmit } from './transmit.js'

const SOLICITATION = 135
const ADVERTISEMENT = 136
const OPTION_SOURCE = 1
const OPTION_TARGET = 2
const SOLICITED = 0x40
const OVERRIDE = 0x20

/** One message of neighbour discovery: type, flags, target, and the sender's hardware address. */
function send(
  network: VirtualNetwork,
  device: Device,
  type: number,
  flags: number,
  target: Uint8Array,
  source: Uint8Array,
  destination: Uint8Array,
  mac: Uint8Array,
): void {
  const withMac = !isZero(source)
  const length = withMac ? 32 : 24
  const frame = newFrame(ETH_P.IPV6, 40 + length)
  const { bytes, start } = frame
  bytes.set(mac, start)
  bytes.set(device.mac, start + 6)
  const ip = start + ETH_HLEN
  bytes.set([0x60, 0, 0, 0, 0, length, IPPROTO.ICMPV6, 255], ip)
  bytes.set(source, ip + 8)
  bytes.set(destination, ip + 24)
  const at = ip + 40
  bytes[at] = type
  bytes[at + 4] = flags
  bytes.set(target, at + 8)
  if (withMac) {
    bytes[at + 24] = type === SOLICITATION ? OPTION_SOURCE : OPTION_TARGET
    bytes[at + 25] = 1
    bytes.set(device.mac, at + 26)
  }
  const sum = transportSum(bytes, ip, at, frame.end, IPPROTO.ICMPV6)
  bytes[at + 2] = sum & 0xff
  bytes[at + 3] = sum >> 8
  network.journeys?.number(frame)
  network.journeys?.step(device, frame, {
    hook: 'ndisc',
    what: type === SOLICITATION ? 'solicitation' : 'advertisement',
  })
  transmit(network, device, frame)
}

/** Asks for the hardware address of an IPv6 neighbour, by its solicited-node group. */
export function sendSolicitation(
  network: VirtualNetwork,
  device: Device,
  target: Uint8Array,
  source: Uint8Array,
): void {
  const group = new Uint8Array(16)
  group.set([0xff, 2])
  group.set([0, 1, 0xff], 10)
  group.set(target.subarray(13), 13)
  const mac = Uint8Array.of(0x33, 0x33, 0xff, ...target.subarray(13))
  send(network, device, SOLICITATION, 0, target, source, group, mac)
}

/** Whether a group is the solicited-node group of one of the device's addresses, or all nodes. */
export function joinedGroup(device: Device, group: Uint8Array): boolean {
  if (group[0] !== 0xff) return false
  if (group[15] === 1 && group.subarray(2, 15).every((byte) => byte === 0)) return true
  return device.netns.addresses.some(
    ({ device: owner, address }) =>
      owner === device && address.length === 16 && equalBytes(address.subarray(13), group.subarray(13)),
  )
}

/** A neighbour discovery message; false if it is none. */
export function receiveNdisc(network: VirtualNetwork, device: Device, frame: Frame, at: number): boolean {
  const { bytes } = frame
  const type = bytes[at] as number
  if (type !== SOLICITATION && type !== ADVERTISEMENT) return false
  const ip = frame.start + ETH_HLEN
  if (frame.end - at < 24 || bytes[ip + 7] !== 255) return true
  const target = bytes.slice(at + 8, at + 24)
  const source = bytes.slice(ip + 8, ip + 24)
  const option = frame.end - at >= 32 ? bytes.slice(at + 26, at + 32) : undefined
  const step = type === SOLICITATION ? 'solicitation' : 'advertisement'
  network.journeys?.step(device, frame, { hook: 'ndisc', what: step })
  if (type === SOLICITATION) {
    const own = device.netns.addresses.some((one) => one.device === device && equalBytes(one.address, target))
    if (!own) return true
    const mac = option ?? bytes.slice(frame.start + 6, frame.start + 12)
    if (!isZero(source)) {
      for (const one of setNeighbour(device, source, mac, NUD.STALE)) {
        one.bytes.set(mac, one.start)
        transmit(network, device, one)
      }
      send(network, device, ADVERTISEMENT, SOLICITED | OVERRIDE, target, target, source, mac)
    }
    return true
  }
  if (option !== undefined && findNeighbour(device, target) !== undefined) {
    for (const one of setNeighbour(device, target, option, NUD.REACHABLE)) {
      one.bytes.set(option, one.start)
      transmit(network, device, one)
    }
  }
  return true
}
