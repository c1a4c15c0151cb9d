import type { Device } from './device.js'
import { dropFrame } from './drop.js'
import type { Frame } from './frame.js'
import type { XdpTarget } from './hooks.js'
import type { VirtualNetwork } from './network.js'
import { XDP, xdpActionName } from './numbers.js'
import type { HookProgram } from './program.js'
import { receiveSkb, STAGE } from './receive.js'
import { longestFrame } from './redirect.js'
import { told } from './run-hook.js'
import { countPair, startTransmit } from './transmit.js'

const EINVAL = -22
const ENXIO = -6
const ENETDOWN = -100
const EMSGSIZE = -90
const EOPNOTSUPP = -95
const ENOSPC = -28
/** What XDP_REDIRECT without a redirect helper comes to. */
const EBADRQC = -56

const WHY: Readonly<Record<number, string>> = {
  [EINVAL]: 'EINVAL: no such target',
  [ENXIO]: 'ENXIO: the device takes no frames now',
  [ENETDOWN]: 'ENETDOWN: the device is down',
  [EMSGSIZE]: 'EMSGSIZE: longer than its MTU allows',
  [EOPNOTSUPP]: 'EOPNOTSUPP: the device takes no redirected frames',
  [ENOSPC]: 'ENOSPC: the queue is full',
  [EBADRQC]: 'EBADRQC: no redirect helper was called',
}

function run(network: VirtualNetwork, device: Device, frame: Frame, program: HookProgram, mode: string): number {
  const { hooks, journeys } = network
  if (hooks === undefined) return XDP.PASS
  if (journeys === undefined) return hooks.xdp(program, device, frame)
  let verdict: number = XDP.PASS
  told(
    journeys,
    device,
    frame,
    'xdp',
    program,
    () => {
      verdict = hooks.xdp(program, device, frame)
      return { verdict: xdpActionName(verdict) }
    },
    mode,
  )
  return verdict
}

/** A program of the driver's receive path. True: the frame goes on to the stack. */
export function nativeXdp(
  network: VirtualNetwork,
  device: Device,
  frame: Frame,
  program: HookProgram,
  mode: 'native' | 'offload',
): boolean {
  const { stats } = device
  stats.xdpPackets++
  stats.xdpBytes += frame.length
  const verdict = run(network, device, frame, program, mode)
  switch (verdict) {
    case XDP.PASS:
      return true
    case XDP.REDIRECT: {
      const error = redirectXdp(network, device, frame, program, false)
      if (error === 0) stats.xdpRedirect++
      else {
        stats.xdpRedirectErrors++
        stats.rxDropped++
      }
      return false
    }
    case XDP.TX: {
      if (++frame.hops > network.maxHops) {
        dropFrame(network, device, frame, 'xdp', 'SKB_DROP_REASON_RECURSION_LIMIT', 'sent back and forth')
        return false
      }
      const error = xdpTransmit(network, device, frame, true)
      if (network.hooks?.traced.has('xdp_bulk_tx') === true) {
        const sent = Number(error === 0)
        network.hooks.tracepoint('xdp_bulk_tx', {
          ifindex: device.ifindex,
          act: 'TX',
          sent,
          drops: 1 - sent,
          err: error,
        })
      }
      if (error === 0) stats.xdpTx++
      else {
        stats.xdpTxErrors++
        exception(network, device, program, verdict)
        dropFrame(network, device, frame, 'xdp', 'XDP_TX_FAILED', WHY[error])
      }
      return false
    }
    case XDP.DROP:
      stats.xdpDrops++
      dropFrame(network, device, frame, 'xdp', 'XDP_DROP')
      return false
    default:
      stats.xdpDrops++
      exception(network, device, program, verdict)
      dropFrame(
        network,
        device,
        frame,
        'xdp',
        'XDP_ABORTED',
        verdict === XDP.ABORTED ? undefined : `invalid verdict ${verdict >>> 0}`,
      )
      return false
  }
}

function exception(network: VirtualNetwork, device: Device, program: HookProgram, verdict: number): void {
  const { hooks } = network
  if (hooks?.traced.has('xdp_exception') !== true) return
  hooks.tracepoint('xdp_exception', { prog_id: program.id, act: verdict >>> 0, ifindex: device.ifindex })
}

/** A frame leaves a device by its driver alone (ndo_xdp_xmit; XDP_TX does the same). 0 or a negative errno. */
function xdpTransmit(network: VirtualNetwork, device: Device, frame: Frame, bounced: boolean): number {
  if (device.kind === 'veth') {
    const { peer } = device
    if (peer === undefined || !peer.hasNapi) return ENXIO
    if (frame.length > longestFrame(peer)) return ENOSPC
    frame.metaLength = 0
    if (bounced && peer.xdp.driver === undefined) {
      // Linux wakes the other end only if it has a program: until something else does, the frame lies in its ring.
      peer.ring.push(frame)
      network.journeys?.step(device, frame, {
        hook: 'driver',
        what: 'wait',
        target: peer.name,
        note: `${peer.name} has no XDP program and is not woken`,
      })
      return 0
    }
    countPair(device, peer, frame.length)
    network.journeys?.step(device, frame, { hook: 'driver', what: 'transmit', mode: 'native' })
    network.enqueue(peer, frame, STAGE.DRIVER)
    return 0
  }
  if (!device.nativeXdp) return EOPNOTSUPP
  startTransmit(network, device, frame)
  return 0
}

/** Whether a device takes redirected frames (NETDEV_XDP_ACT_NDO_XMIT): a veth whose other end receives by NAPI does. */
function takesFrames(device: Device): boolean {
  if (device.kind === 'veth')
    return device.peer !== undefined && (device.peer.gro || device.peer.xdp.driver !== undefined)
  return device.nativeXdp
}

/** dev_map_enqueue: may this frame leave by this device? */
function checkForward(device: Device, length: number, generic: boolean): number {
  if (!generic && !takesFrames(device)) return EOPNOTSUPP
  if (!device.up) return ENETDOWN
  return length > longestFrame(device) ? EMSGSIZE : 0
}

/** What XDP_REDIRECT asks for (xdp_do_redirect, xdp_do_generic_redirect). 0 or a negative errno. */
function redirectXdp(
  network: VirtualNetwork,
  device: Device,
  frame: Frame,
  program: HookProgram,
  generic: boolean,
): number {
  const { hooks } = network
  if (hooks === undefined) return EINVAL
  const target = hooks.xdpTarget(device)
  const to = target.broadcast ? undefined : target.device
  let error: number = target.kind === 'none' ? EBADRQC : EINVAL
  if (target.broadcast) error = broadcast(network, device, frame, target, generic)
  else if (to !== undefined) error = toDevice(network, device, to, target.program, frame, generic)
  else if (target.kind === 'cpu') error = toCpu(network, device, frame, target, generic)
  else if (target.kind === 'socket') error = toSocket(network, device, frame, target)
  const { traced } = hooks
  if (traced.size > 0) traceRedirect(network, device, program, target, error)
  if (error !== 0) {
    const note = describeError(target, error)
    dropFrame(network, device, frame, 'xdp', generic ? 'SKB_DROP_REASON_XDP' : 'XDP_REDIRECT_FAILED', note)
  }
  return error
}

function describeError(target: XdpTarget, error: number): string {
  const { device } = target
  const why = WHY[error] ?? String(error)
  if (device === undefined) return `${why} (ifindex or key ${target.ifindex})`
  if (error === EOPNOTSUPP && device.kind === 'veth') {
    return `EOPNOTSUPP: ${device.name} is a veth whose other end has neither GRO nor an XDP program`
  }
  return `${why} (${device.name})`
}

function traceRedirect(
  network: VirtualNetwork,
  device: Device,
  program: HookProgram,
  target: XdpTarget,
  error: number,
): void {
  const name = error === 0 ? 'xdp_redirect' : 'xdp_redirect_err'
  const { hooks } = network
  if (hooks?.traced.has(name) !== true) return
  hooks.tracepoint(name, {
    prog_id: program.id,
    act: 'REDIRECT',
    ifindex: device.ifindex,
    err: error,
    to_ifindex: target.device?.ifindex ?? (target.kind === 'cpu' ? target.key : target.ifindex),
    map_id: target.mapId,
    map_index: target.mapType === undefined ? 0 : target.key,
  })
}

function toDevice(
  network: VirtualNetwork,
  from: Device,
  to: Device,
  program: HookProgram | undefined,
  frame: Frame,
  generic: boolean,
): number {
  const error = checkForward(to, frame.length, generic)
  if (error !== 0) return error
  network.journeys?.step(from, frame, { hook: 'xdp', what: 'redirect', target: to.name })
  if (program !== undefined && !egressProgram(network, from, to, program, frame)) return 0
  frame.hops++
  if (frame.hops > network.maxHops) {
    dropFrame(network, to, frame, 'xdp', 'SKB_DROP_REASON_RECURSION_LIMIT', 'redirected in a circle')
    return 0
  }
  if (generic) {
    startTransmit(network, to, frame)
    return 0
  }
  const sent = xdpTransmit(network, to, frame, false)
  if (sent === 0) to.stats.xdpXmit++
  else {
    to.stats.xdpXmitErrors++
    dropFrame(network, to, frame, 'xdp', 'XDP_REDIRECT_FAILED', WHY[sent])
  }
  if (network.hooks?.traced.has('xdp_devmap_xmit') === true) {
    network.hooks.tracepoint('xdp_devmap_xmit', {
      from_ifindex: from.ifindex,
      to_ifindex: to.ifindex,
      act: 'REDIRECT',
      sent: sent === 0 ? 1 : 0,
      drops: sent === 0 ? 0 : 1,
      err: sent,
    })
  }
  return 0
}

/** The program of a devmap entry, which runs before the frame leaves. True: it goes. */
function egressProgram(network: VirtualNetwork, from: Device, to: Device, program: HookProgram, frame: Frame): boolean {
  const { hooks, journeys } = network
  if (hooks === undefined) return true
  let verdict: number = XDP.PASS
  told(journeys, to, frame, 'xdp/devmap', program, () => {
    verdict = hooks.xdp(program, from, frame, to)
    return { verdict: xdpActionName(verdict) }
  })
  if (verdict === XDP.PASS) return true
  if (verdict !== XDP.DROP) exception(network, to, program, verdict)
  dropFrame(network, to, frame, 'xdp/devmap', verdict === XDP.DROP ? 'XDP_DROP' : 'XDP_ABORTED')
  return false
}

/** BPF_F_BROADCAST: a copy for each device of the map but, if asked so, the one the frame came by. */
function broadcast(network: VirtualNetwork, from: Device, frame: Frame, target: XdpTarget, generic: boolean): number {
  const exclude = (target.flags & 16) !== 0
  const wanted = target.entries.filter(
    ({ device }) => !(exclude && device === from) && checkForward(device, frame.length, generic) === 0,
  )
  wanted.forEach(({ device, program }, index) => {
    // The last one gets the frame itself.
    const copy = index === wanted.length - 1 ? frame : frame.clone()
    if (copy !== frame) network.journeys?.begin(copy, from, frame.packet)
    toDevice(network, from, device, program, copy, generic)
  })
  if (wanted.length === 0) dropFrame(network, from, frame, 'xdp', 'XDP_DROP', 'no device of the map takes it')
  return 0
}

/** CPUMAP: the entry's program runs on the other CPU, then the stack takes the packet. */
function toCpu(network: VirtualNetwork, device: Device, frame: Frame, target: XdpTarget, generic: boolean): number {
  const { hooks, journeys } = network
  if (hooks === undefined) return EINVAL
  const cpu = target.key
  journeys?.step(device, frame, { hook: 'xdp', what: 'redirect', target: `cpu ${cpu}` })
  const trace = (name: string, fields: Readonly<Record<string, number | string>>): void => {
    if (hooks.traced.has(name)) hooks.tracepoint(name, fields)
  }
  trace('xdp_cpumap_enqueue', { map_id: target.mapId, act: 'REDIRECT', cpu: 0, processed: 1, drops: 0, to_cpu: cpu })
  frame.redirected = generic
  const { program, mapId } = target
  network.later(() => {
    hooks.onCpu(cpu, () => {
      let verdict: number = XDP.PASS
      if (program !== undefined) {
        told(journeys, device, frame, 'xdp/cpumap', program, () => {
          verdict = hooks.xdp(program, device, frame)
          return { verdict: xdpActionName(verdict) }
        })
      }
      const pass = verdict === XDP.PASS
      const counts = {
        xdp_pass: Number(pass),
        xdp_drop: Number(!pass && verdict !== XDP.REDIRECT),
        xdp_redirect: Number(verdict === XDP.REDIRECT),
      }
      trace('xdp_cpumap_kthread', { map_id: mapId, act: 'REDIRECT', cpu, sched: 0, drops: 0, processed: 1, ...counts })
      if (pass) receiveSkb(network, device, frame)
      else if (verdict === XDP.REDIRECT && program !== undefined) redirectXdp(network, device, frame, program, false)
      else {
        if (verdict !== XDP.DROP && program !== undefined) exception(network, device, program, verdict)
        dropFrame(network, device, frame, 'xdp/cpumap', verdict === XDP.DROP ? 'XDP_DROP' : 'XDP_ABORTED')
      }
    })
  })
  return 0
}

/** XSKMAP: user space gets the frame, if its socket is bound to this device and queue. */
function toSocket(network: VirtualNetwork, device: Device, frame: Frame, target: XdpTarget): number {
  const socket = target.xsk
  if (socket === undefined || socket.device !== device || socket.queue !== frame.queue) return EINVAL
  network.journeys?.step(device, frame, {
    hook: 'xdp',
    what: 'redirect',
    target: `AF_XDP socket of queue ${frame.queue}`,
  })
  if (!socket.deliver(frame)) return ENOSPC
  return 0
}

/** Generic XDP: a program before the hooks of tc. True: the packet goes on. */
export function genericXdp(network: VirtualNetwork, device: Device, frame: Frame, program: HookProgram): boolean {
  // What was redirected once is not asked again.
  if (frame.redirected) return true
  const { stats } = device
  stats.xdpPackets++
  stats.xdpBytes += frame.length
  const verdict = run(network, device, frame, program, 'generic')
  switch (verdict) {
    case XDP.PASS:
      return true
    case XDP.TX:
      startTransmit(network, device, frame)
      stats.xdpTx++
      return false
    case XDP.REDIRECT:
      if (redirectXdp(network, device, frame, program, true) === 0) stats.xdpRedirect++
      else stats.xdpRedirectErrors++
      return false
    case XDP.DROP:
      stats.xdpDrops++
      dropFrame(network, device, frame, 'xdp', 'XDP_DROP')
      return false
    default:
      stats.xdpDrops++
      exception(network, device, program, verdict)
      dropFrame(
        network,
        device,
        frame,
        'xdp',
        'XDP_ABORTED',
        verdict === XDP.ABORTED ? undefined : `invalid verdict ${verdict >>> 0}`,
      )
      return false
  }
}
