import type { Device } from './device.js'
import { dropFrame } from './drop.js'
import type { Frame } from './frame.js'
import type { TcResult } from './hooks.js'
import type { VirtualNetwork } from './network.js'
import { ETH_HLEN, TC_ACT, tcActionName } from './numbers.js'
import { redirectSkb } from './redirect.js'
import { told } from './run-hook.js'

/**
 * Runs tcx programs, then clsact's, at one side of a device (sch_handle_ingress, sch_handle_egress). TC_ACT_OK: the packet
 * goes on; another device: it is there now, by bpf_redirect_peer; otherwise it is gone.
 */
export function runTc(network: VirtualNetwork, device: Device, frame: Frame, ingress: boolean): number | Device {
  const side = ingress ? 'ingress' : 'egress'
  const { hooks, journeys } = network
  if (hooks === undefined) return TC_ACT.OK
  let result: TcResult | undefined
  const list = device.tcx[side].entries
  if (list.length > 0) {
    told(journeys, device, frame, `tcx/${side}`, undefined, () => {
      result = hooks.tcx(list, device, frame, ingress)
      return { verdict: tcActionName(result.verdict), program: result.program }
    })
    sendClones(network, device)
  }
  const qdisc = device.filterQdisc
  const classifiers = qdisc?.[side] ?? []
  if (qdisc !== undefined && classifiers.length > 0) {
    qdisc.packets++
    // On its way in a packet has left its link-layer header behind.
    qdisc.bytes += frame.length - (ingress ? ETH_HLEN : 0)
  }
  if ((result === undefined || result.verdict === TC_ACT.UNSPEC) && classifiers.length > 0) {
    told(journeys, device, frame, `tc/${side}`, undefined, () => {
      result = hooks.tc(classifiers, device, frame, ingress)
      return { verdict: tcActionName(result.verdict), program: result.program }
    })
    sendClones(network, device)
    if (result?.verdict === TC_ACT.SHOT && qdisc !== undefined) qdisc.drops++
  }
  return actOn(network, device, frame, result, ingress)
}

function sendClones(network: VirtualNetwork, device: Device): void {
  const clones = network.hooks?.takeClones() ?? []
  for (const { frame, ifindex, ingress } of clones) {
    network.journeys?.begin(frame, device, frame.packet)
    redirectSkb(network, device, frame, { kind: 'ifindex', ifindex, flags: ingress ? 1 : 0, nextHop: undefined }, true)
  }
}

function actOn(
  network: VirtualNetwork,
  device: Device,
  frame: Frame,
  result: TcResult | undefined,
  ingress: boolean,
): number | Device {
  const hook = ingress ? 'tc/ingress' : 'tc/egress'
  switch (result?.verdict) {
    case undefined:
    case TC_ACT.UNSPEC:
      return TC_ACT.OK
    case TC_ACT.OK:
      frame.tcIndex = result.classid
      return TC_ACT.OK
    case TC_ACT.SHOT:
      dropFrame(network, device, frame, hook, ingress ? 'SKB_DROP_REASON_TC_INGRESS' : 'SKB_DROP_REASON_TC_EGRESS')
      return TC_ACT.SHOT
    case TC_ACT.STOLEN:
    case TC_ACT.QUEUED:
    case TC_ACT.TRAP:
      network.journeys?.step(device, frame, { hook, what: 'consume', verdict: tcActionName(result.verdict) })
      return TC_ACT.STOLEN
    case TC_ACT.REDIRECT: {
      const there =
        network.hooks === undefined ? undefined : redirectSkb(network, device, frame, network.hooks.tcRedirect, ingress)
      return there ?? TC_ACT.REDIRECT
    }
    default:
      return TC_ACT.OK
  }
}
