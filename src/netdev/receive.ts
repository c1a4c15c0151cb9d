import { receiveArp } from './arp.js'
import { bridgeReceive } from './bridge.js'
import type { Device } from './device.js'
import { dropFrame } from './drop.js'
import type { Frame } from './frame.js'
import { receiveIpv4 } from './ipv4.js'
import { receiveIpv6 } from './ipv6.js'
import { vlanKey } from './links.js'
import type { VirtualNetwork } from './network.js'
import { ETH_HLEN, ETH_P, TC_ACT } from './numbers.js'
import { deliverToTaps } from './taps.js'
import { runTc } from './tc.js'
import { countPair } from './transmit.js'
import { genericXdp, nativeXdp } from './xdp.js'

/** Where in the receive path a frame comes in. */
export const STAGE = { DRIVER: 0, STACK: 1 } as const

export const PACKET = { HOST: 0, BROADCAST: 1, MULTICAST: 2, OTHERHOST: 3 } as const

/** A frame arrives at a device. */
export function receiveFrame(network: VirtualNetwork, device: Device, frame: Frame, stage: number): void {
  if (!device.up) {
    device.stats.rxDropped++
    dropFrame(network, device, frame, 'driver', 'SKB_DROP_REASON_DEV_READY', `${device.name} is down`)
    return
  }
  if (stage === STAGE.DRIVER) {
    if (device.ring.length > 0) drainRing(network, device)
    const { driver, hardware } = device.xdp
    if (hardware !== undefined && !nativeXdp(network, device, frame, hardware.program, 'offload')) return
    if (driver !== undefined && !nativeXdp(network, device, frame, driver.program, 'native')) return
  }
  receiveSkb(network, device, frame)
}

/** Frames that an XDP program at the other end sent back, and that waited for the device to be woken. */
function drainRing(network: VirtualNetwork, device: Device): void {
  for (const frame of device.ring.splice(0)) {
    if (device.peer !== undefined) countPair(device.peer, device, frame.length)
    receiveFrame(network, device, frame, STAGE.DRIVER)
  }
}

/** __netif_receive_skb_core: what happens to a packet once it is an sk_buff. */
export function receiveSkb(network: VirtualNetwork, arrived: Device, frame: Frame): void {
  let device = arrived
  let tapped = false
  frame.packetType = packetType(device, frame)
  frame.ingressIfindex = device.ifindex
  for (let round = 0; round < 8; round++) {
    const { generic } = device.xdp
    if (generic !== undefined && !genericXdp(network, device, frame, generic.program)) return
    if (frame.length < ETH_HLEN) {
      dropFrame(network, device, frame, 'driver', 'SKB_DROP_REASON_PKT_TOO_SMALL')
      return
    }
    untag(frame)
    if (deliverToTaps(network, device, frame, true)) tapped = true
    const next = ingressHooks(network, device, frame)
    if (next === undefined) return
    if (next !== device) {
      // bpf_redirect_peer: the packet is at the other device now, as if it had arrived there.
      device = next
      frame.packetType = packetType(device, frame)
      continue
    }
    frame.metaLength = 0
    const vlan = takeVlan(network, device, frame)
    if (vlan === undefined) return
    if (vlan !== device) {
      device = vlan
      frame.packetType = packetType(device, frame)
      continue
    }
    if (device.master?.bridge !== undefined) {
      const up = bridgeReceive(network, device.master, device, frame)
      if (up === undefined) return
      device = up
      if (frame.packetType === PACKET.OTHERHOST) frame.packetType = PACKET.HOST
      continue
    }
    deliverProtocol(network, device, frame, tapped)
    return
  }
  dropFrame(network, device, frame, 'driver', 'SKB_DROP_REASON_RECURSION_LIMIT')
}

/** tcx and clsact ingress. The device the packet is at afterwards; undefined when it is gone. */
function ingressHooks(network: VirtualNetwork, device: Device, frame: Frame): Device | undefined {
  if (device.tcx.ingress.entries.length === 0 && (device.filterQdisc?.ingress.length ?? 0) === 0) return device
  const outcome = runTc(network, device, frame, true)
  return typeof outcome === 'object' ? outcome : outcome === TC_ACT.OK ? device : undefined
}

/** A VLAN tag in the frame goes beside it, as receiving drivers and the stack do. */
function untag(frame: Frame): void {
  const type = frame.u16(12)
  if (frame.vlanTag !== 0 || (type !== ETH_P.VLAN && type !== ETH_P.QINQ) || frame.length < ETH_HLEN + 4) return
  frame.vlanTag = 0x1_0000 | frame.u16(14)
  frame.vlanProtocol = type
  frame.bytes.copyWithin(frame.start + 4, frame.start, frame.start + 12)
  frame.start += 4
  frame.metaLength = 0
}

/** vlan_do_receive: a tagged packet goes up to the device of its VLAN. */
function takeVlan(network: VirtualNetwork, device: Device, frame: Frame): Device | undefined {
  if (frame.vlanTag === 0) return device
  const id = frame.vlanTag & 0xfff
  const upper = device.vlans.get(vlanKey(frame.vlanProtocol, id))
  if (upper === undefined) {
    if (id === 0) {
      frame.vlanTag = 0
      return device
    }
    if (device.master !== undefined) return device
    dropFrame(network, device, frame, 'vlan', 'SKB_DROP_REASON_OTHERHOST', `no device for VLAN ${id}`)
    return undefined
  }
  if (!upper.up) {
    dropFrame(network, upper, frame, 'vlan', 'SKB_DROP_REASON_DEV_READY', `${upper.name} is down`)
    return undefined
  }
  frame.vlanTag = 0
  upper.stats.rxPackets++
  upper.stats.rxBytes += frame.length - ETH_HLEN
  network.journeys?.step(upper, frame, { hook: 'vlan', what: 'receive' })
  return upper
}

/** Whom a frame's destination address means, seen from a device (eth_type_trans). */
export function packetType(device: Device, frame: Frame): number {
  const { bytes, start } = frame
  if (((bytes[start] as number) & 1) !== 0) {
    for (let at = 0; at < 6; at++) if (bytes[start + at] !== 0xff) return PACKET.MULTICAST
    return PACKET.BROADCAST
  }
  for (let at = 0; at < 6; at++) if (bytes[start + at] !== device.mac[at]) return PACKET.OTHERHOST
  return PACKET.HOST
}

/** The protocol's own receive function. */
function deliverProtocol(network: VirtualNetwork, device: Device, frame: Frame, tapped: boolean): void {
  switch (frame.u16(12)) {
    case ETH_P.IP:
      receiveIpv4(network, device, frame)
      return
    case ETH_P.IPV6:
      receiveIpv6(network, device, frame)
      return
    case ETH_P.ARP:
      receiveArp(network, device, frame)
      return
    default:
      // A packet socket that took it is reader enough.
      if (!tapped) dropFrame(network, device, frame, 'stack', 'SKB_DROP_REASON_UNHANDLED_PROTO')
  }
}
