import { equalBytes, isZero } from './address-bytes.js'
import { isLocalAddress } from './addresses.js'
import type { Device } from './device.js'
import { dropFrame } from './drop.js'
import type { Frame } from './frame.js'
import { newFrame } from './ip-output.js'
import { findNeighbour, setNeighbour } from './neighbours.js'
import type { VirtualNetwork } from './network.js'
import { ETH_HLEN, ETH_P, NUD } from './numbers.js'
import { PACKET } from './receive.js'
import { needsNeighbour, transmit } from './transmit.js'

const REQUEST = 1
const REPLY = 2
const LENGTH = 28

function send(
  network: VirtualNetwork,
  device: Device,
  operation: number,
  to: Uint8Array,
  targetMac: Uint8Array,
  target: Uint8Array,
  source: Uint8Array,
): void {
  const frame = newFrame(ETH_P.ARP, LENGTH)
  const { bytes, start } = frame
  bytes.set(to, start)
  bytes.set(device.mac, start + 6)
  const at = start + ETH_HLEN
  bytes.set([0, 1, 8, 0, 6, 4, 0, operation], at)
  bytes.set(device.mac, at + 8)
  bytes.set(source, at + 14)
  bytes.set(targetMac, at + 18)
  bytes.set(target, at + 24)
  network.journeys?.number(frame)
  network.journeys?.step(device, frame, {
    hook: 'arp',
    what: operation === REQUEST ? 'request' : 'reply',
    target: target.join('.'),
  })
  transmit(network, device, frame)
}

export function sendArpRequest(network: VirtualNetwork, device: Device, target: Uint8Array, source: Uint8Array): void {
  send(network, device, REQUEST, device.broadcast, new Uint8Array(6), target, source)
}

/** arp_rcv: answers for own addresses, and learns. */
export function receiveArp(network: VirtualNetwork, device: Device, frame: Frame): void {
  if (frame.packetType === PACKET.OTHERHOST) {
    dropFrame(network, device, frame, 'arp', 'SKB_DROP_REASON_OTHERHOST')
    return
  }
  const at = frame.start + ETH_HLEN
  const { bytes } = frame
  if (frame.end - at < LENGTH || !needsNeighbour(device) || bytes[at + 4] !== 6 || bytes[at + 5] !== 4) {
    dropFrame(network, device, frame, 'arp', 'SKB_DROP_REASON_NOT_SPECIFIED', 'no ARP message for this device')
    return
  }
  const operation = bytes[at + 7] as number
  const senderMac = bytes.slice(at + 8, at + 14)
  const sender = bytes.slice(at + 14, at + 18)
  const target = bytes.slice(at + 24, at + 28)
  network.journeys?.step(device, frame, {
    hook: 'arp',
    what: operation === REQUEST ? 'request' : 'reply',
    target: target.join('.'),
  })
  if (isZero(sender) && operation === REQUEST) {
    // Duplicate address detection: the owner answers.
    if (isLocalAddress(device.netns, target)) send(network, device, REPLY, senderMac, senderMac, sender, target)
    return
  }
  const own = isLocalAddress(device.netns, target)
  const known = findNeighbour(device, sender)
  if (known !== undefined || (own && operation === REQUEST)) {
    const fresh = operation === REPLY && own
    const waiting = setNeighbour(device, sender, senderMac, fresh ? NUD.REACHABLE : NUD.STALE)
    for (const one of waiting) {
      one.bytes.set(senderMac, one.start)
      transmit(network, device, one)
    }
  }
  if (own && operation === REQUEST && !equalBytes(sender, target)) {
    send(network, device, REPLY, senderMac, senderMac, sender, target)
  }
}
