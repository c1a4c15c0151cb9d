import type { Device } from './device.js'
import { dropFrame } from './drop.js'
import type { Frame } from './frame.js'
import type { RedirectTarget } from './hooks.js'
import { outputTo } from './ip-output.js'
import type { VirtualNetwork } from './network.js'
import { ETH_HLEN, ETH_P, VLAN_HLEN } from './numbers.js'
import { STAGE } from './receive.js'
import { transmit } from './transmit.js'

const INGRESS = 1

/**
 * What a tc program's redirect helper asked for (skb_do_redirect). The device the packet is received at again for
 * bpf_redirect_peer; undefined: it is on its way, or gone.
 */
export function redirectSkb(
  network: VirtualNetwork,
  from: Device,
  frame: Frame,
  target: RedirectTarget,
  atIngress: boolean,
): Device | undefined {
  const hook = atIngress ? 'tc/ingress' : 'tc/egress'
  const fail = (note: string): undefined => {
    dropFrame(network, from, frame, hook, 'SKB_DROP_REASON_NOT_SPECIFIED', note)
    return undefined
  }
  const device = from.netns.devices.get(target.ifindex)
  if (device === undefined) return fail(`bpf_redirect to ifindex ${target.ifindex}, which does not exist`)
  const { journeys } = network
  if (target.kind === 'peer') {
    const { peer } = device
    if (!atIngress) return fail('bpf_redirect_peer works at ingress only')
    if (peer === undefined || !peer.up) return fail(`bpf_redirect_peer: ${device.name} has no peer that is up`)
    if (peer.netns === from.netns) return fail('bpf_redirect_peer within one namespace')
    journeys?.step(from, frame, { hook, what: 'redirect', target: `peer ${peer.name}` })
    scrub(frame)
    peer.stats.rxPackets++
    peer.stats.rxBytes += frame.length
    return peer
  }
  frame.hops++
  if (frame.hops > network.maxHops) {
    dropFrame(network, device, frame, hook, 'SKB_DROP_REASON_RECURSION_LIMIT', 'redirected in a circle')
    return undefined
  }
  if (target.kind === 'neigh') {
    journeys?.step(from, frame, { hook, what: 'redirect', target: `neighbour by ${device.name}` })
    redirectNeigh(network, device, frame, target)
    return undefined
  }
  const inward = (target.flags & INGRESS) !== 0
  journeys?.step(from, frame, { hook, what: 'redirect', target: `${device.name}${inward ? ' ingress' : ''}` })
  if (!inward) {
    frame.redirected = true
    transmit(network, device, frame)
    return undefined
  }
  if (!device.up) {
    device.stats.rxDropped++
    dropFrame(network, device, frame, hook, 'SKB_DROP_REASON_DEV_READY', `${device.name} is down`)
    return undefined
  }
  scrub(frame)
  network.enqueue(device, frame, STAGE.STACK)
  return undefined
}

/** skb_scrub_packet within a namespace: what belongs to the way so far. */
function scrub(frame: Frame): void {
  frame.metaLength = 0
  frame.tstamp = 0n
}

/** bpf_redirect_neigh: the neighbour's address is written in, by its table or by asking. */
function redirectNeigh(network: VirtualNetwork, device: Device, frame: Frame, target: RedirectTarget): void {
  const type = frame.u16(12)
  if (type !== ETH_P.IP && type !== ETH_P.IPV6) {
    dropFrame(
      network,
      device,
      frame,
      'tc/egress',
      'SKB_DROP_REASON_NOT_SPECIFIED',
      'bpf_redirect_neigh of no IP packet',
    )
    return
  }
  const v4 = type === ETH_P.IP
  const at = frame.start + ETH_HLEN
  const destination = v4 ? frame.bytes.slice(at + 16, at + 20) : frame.bytes.slice(at + 24, at + 40)
  outputTo(network, device, frame, target.nextHop ?? destination)
}

/** xdp_ok_fwd_dev and is_skb_forwardable: longest frame a device takes. */
export function longestFrame(device: Device): number {
  return device.mtu + ETH_HLEN + VLAN_HLEN
}
