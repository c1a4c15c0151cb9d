import { bridgeTransmit } from './bridge.js'
import type { Device } from './device.js'
import { dropFrame } from './drop.js'
import type { Frame } from './frame.js'
import type { VirtualNetwork } from './network.js'
import { ETH_HLEN, ETH_P, IFF, TC_ACT, VLAN_HLEN } from './numbers.js'
import { STAGE } from './receive.js'
import { deliverToTaps } from './taps.js'
import { runTc } from './tc.js'

/** dev_queue_xmit: egress hooks, the queue, the driver. */
export function transmit(network: VirtualNetwork, device: Device, frame: Frame): void {
  if (device.tcx.egress.entries.length > 0 || (device.filterQdisc?.egress.length ?? 0) > 0) {
    if (runTc(network, device, frame, false) !== TC_ACT.OK) return
  }
  if (!device.up) {
    device.stats.txDropped++
    // Its queue is the one that takes nothing.
    dropFrame(network, device, frame, 'qdisc', 'SKB_DROP_REASON_QDISC_DROP', `${device.name} is down`)
    return
  }
  deliverToTaps(network, device, frame, false)
  startTransmit(network, device, frame)
}

/** The driver's transmit function. Generic XDP comes here past the hooks and the queue. */
export function startTransmit(network: VirtualNetwork, device: Device, frame: Frame): void {
  const { stats } = device
  network.journeys?.step(device, frame, { hook: 'driver', what: 'transmit' })
  if (device.loopback) {
    stats.txPackets++
    stats.rxPackets++
    stats.txBytes += frame.length
    stats.rxBytes += frame.length
    frame.metaLength = 0
    network.enqueue(device, frame, STAGE.STACK)
    return
  }
  switch (device.kind) {
    case 'veth':
      // validate_xmit_vlan: a device that cannot carry the tag beside the frame gets it inside.
      if (device.features.get('tx-vlan-hw-insert') !== true) writeTag(frame)
      vethTransmit(network, device, frame)
      return
    case 'bridge':
      stats.txPackets++
      stats.txBytes += frame.length
      bridgeTransmit(network, device, frame)
      return
    case 'vlan':
      vlanTransmit(network, device, frame)
      return
    case 'port':
    case 'tun':
      stats.txPackets++
      stats.txBytes += frame.length
      writeTag(frame)
      network.journeys?.step(device, frame, { hook: 'port', what: 'sent' })
      device.receiver?.(frame.bytes.slice(frame.start, frame.end))
      return
    case 'ifb':
      stats.txDropped++
      dropFrame(network, device, frame, 'driver', 'SKB_DROP_REASON_NOT_SPECIFIED', 'ifb takes redirected packets only')
      return
    default:
      // A dummy's wire ends in the wall.
      stats.txPackets++
      stats.txBytes += frame.length
      network.journeys?.step(device, frame, { hook: 'driver', what: 'sent' })
  }
}

/** veth_xmit: the other end receives it. */
function vethTransmit(network: VirtualNetwork, device: Device, frame: Frame): void {
  const { peer, stats } = device
  if (peer === undefined || frame.length < ETH_HLEN) {
    stats.txDropped++
    dropFrame(network, device, frame, 'driver', 'SKB_DROP_REASON_NOT_SPECIFIED', 'the pair has no other end')
    return
  }
  const tagged = frame.vlanTag === 0 ? 0 : VLAN_HLEN
  if (!peer.up || frame.length - tagged > peer.mtu + ETH_HLEN + VLAN_HLEN) {
    stats.txDropped++
    peer.stats.rxDropped++
    const why = peer.up ? `longer than ${peer.name} takes` : `${peer.name} is down`
    dropFrame(network, device, frame, 'driver', 'SKB_DROP_REASON_NOT_SPECIFIED', why)
    return
  }
  // An end that receives by NAPI, as for XDP, counts what is left when the Ethernet header is taken off.
  countPair(device, peer, peer.xdp.driver !== undefined ? frame.length - ETH_HLEN : frame.length)
  crossing(device, peer, frame)
  network.enqueue(peer, frame, STAGE.DRIVER)
}

/** Linux counts a packet at both ends of a pair at once. */
export function countPair(device: Device, peer: Device, length: number): void {
  device.stats.txPackets++
  device.stats.txBytes += length
  peer.stats.rxPackets++
  peer.stats.rxBytes += length
}

/** What a packet loses on its way to another device (skb_scrub_packet), and more so to another namespace. */
function crossing(device: Device, peer: Device, frame: Frame): void {
  frame.metaLength = 0
  frame.tstamp = 0n
  frame.tcIndex = 0
  frame.redirected = false
  if (device.netns !== peer.netns) {
    frame.mark = 0
    frame.priority = 0
  }
}

function vlanTransmit(network: VirtualNetwork, device: Device, frame: Frame): void {
  const { lower, vlan, stats } = device
  stats.txPackets++
  stats.txBytes += frame.length
  if (lower === undefined || vlan === undefined) return
  if (frame.vlanTag !== 0) writeTag(frame)
  frame.vlanTag = 0x1_0000 | vlan.id
  frame.vlanProtocol = vlan.protocol
  transmit(network, lower, frame)
}

/** A tag beside the frame goes into it: for wires that know nothing of sk_buffs. */
export function writeTag(frame: Frame): void {
  if (frame.vlanTag === 0) return
  const tagged = new Uint8Array(frame.length + VLAN_HLEN)
  tagged.set(frame.bytes.subarray(frame.start, frame.start + 12))
  const view = new DataView(tagged.buffer)
  view.setUint16(12, frame.vlanProtocol === 0 ? ETH_P.VLAN : frame.vlanProtocol)
  view.setUint16(14, frame.vlanTag & 0xffff)
  tagged.set(frame.bytes.subarray(frame.start + 12, frame.end), 16)
  frame.bytes = tagged
  frame.start = 0
  frame.end = tagged.length
  frame.limit = tagged.length
  frame.words = undefined
  frame.vlanTag = 0
  frame.metaLength = 0
}

/** Whether a device needs hardware addresses of its neighbours. */
export function needsNeighbour(device: Device): boolean {
  return !device.loopback && (device.flags & IFF.NOARP) === 0
}
