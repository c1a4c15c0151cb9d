import type { TestRunRequest, TestRunResult } from '../../kernel/index.js'
import { bpf_attach_type, bpf_test_run_flags, xdp_action } from '../../spec/index.js'
import { type LoadedProgram, type Machine, XdpPacket } from '../../vm/index.js'
import { ctxFinish, ctxInit, ctxRoom, dataFinish, dataRoom } from './context.js'
import { refuse } from './refuse.js'
import { runRepeated } from './run-repeated.js'

const PAGE_SIZE = 4096
const HEADROOM = 256
const TAILROOM = 320
const FRAME_STRUCT = 40
const ETH_HLEN = 14
const MAX_FRAGS = 17
const MAX_META = 255
const MAX_BATCH = 256
/** sizeof(struct xdp_page_head): what live frames keep at the start of their page. */
const PAGE_HEAD = 112
const XDP_MD_SIZE = 24
const LOOPBACK = 1

const LIVE_FRAMES = bpf_test_run_flags.BPF_F_TEST_XDP_LIVE_FRAMES

/** BPF_PROG_TEST_RUN of an XDP program (bpf_prog_test_run_xdp). Throws KernelError. */
export function testRunXdp(machine: Machine, program: LoadedProgram, r: TestRunRequest): TestRunResult {
  const attach = program.image.expectedAttachType
  if (attach === bpf_attach_type.BPF_XDP_DEVMAP || attach === bpf_attach_type.BPF_XDP_CPUMAP) {
    refuse('EINVAL', 'programs for devmap and cpumap entries cannot be run alone')
  }
  const flags = r.flags ?? 0
  const live = flags === LIVE_FRAMES
  if ((flags & ~LIVE_FRAMES) !== 0) refuse('EINVAL', 'flags')
  const batch = r.batchSize ?? 0
  if (live ? batch > MAX_BATCH : batch !== 0) refuse(live ? 'E2BIG' : 'EINVAL', 'batch_size')
  const data = r.dataIn ?? new Uint8Array(0)
  const ctx = ctxInit(r, XDP_MD_SIZE)
  const layout = layOut(r, data, ctx, live)
  const { meta } = layout
  const ingress = ingressOf(machine, ctx)
  if (data.length - layout.linear > MAX_FRAGS * PAGE_SIZE)
    refuse('ENOMEM', `${data.length} bytes need too many fragments`)

  const packet = new XdpPacket(machine.memory, machine.network)
  try {
    packet.load(data, 0, data.length, meta, layout.linear)
    packet.setIngress(ingress.ifindex, ingress.queue, ingress.fragSize)
    const run = live
      ? runLive(machine, program, packet, r, () => {
          packet.load(data, 0, data.length, meta, layout.linear)
          packet.setIngress(ingress.ifindex, ingress.queue, ingress.fragSize)
        })
      : runRepeated(machine, program, packet.ctx, r.repeat ?? 0, packet)
    if (ctx !== undefined) {
      const view = new DataView(ctx.buffer)
      view.setUint32(0, packet.metaLength, true)
      view.setUint32(4, packet.dataEnd - packet.dataMeta, true)
    }
    const dataOut = dataFinish(r, packet.outputLength) ? packet.output() : new Uint8Array(0)
    return { retval: live ? 0 : run.retval, duration: run.duration, dataOut, ctxOut: ctxFinish(r, ctx) }
  } finally {
    packet.free()
  }
}

/** Where the caller's bytes go: metadata first, then the linear part; the rest are fragments. */
function layOut(
  r: TestRunRequest,
  data: Uint8Array,
  ctx: Uint8Array | undefined,
  live: boolean,
): { meta: number; linear: number } {
  let meta = 0
  let linear = data.length
  let headroom = HEADROOM
  if (ctx !== undefined) {
    const view = new DataView(ctx.buffer)
    const dataAt = view.getUint32(0, true)
    const dataEnd = view.getUint32(4, true)
    if (view.getUint32(8, true) !== 0) refuse('EINVAL', 'xdp_md.data_meta must be 0: metadata starts the data')
    if (dataEnd > data.length || dataAt > dataEnd) refuse('EINVAL', 'xdp_md.data and data_end must lie in the data')
    if (live && ((dataRoom(r) ?? 1) !== 0 || ctxRoom(r) !== 0)) refuse('EINVAL', 'live frames give nothing back')
    if ((dataAt & 3) !== 0 || dataAt > MAX_META || dataAt > HEADROOM - FRAME_STRUCT) {
      refuse('EINVAL', `${dataAt} bytes of metadata: multiples of 4 up to ${HEADROOM - FRAME_STRUCT}`)
    }
    meta = dataAt
    headroom -= meta
    linear = dataEnd
  }
  if (live) headroom += PAGE_HEAD
  linear = Math.min(linear, PAGE_SIZE - headroom - TAILROOM)
  if (live && data.length > linear) refuse('EINVAL', 'live frames have no fragments')
  if (data.length - meta < ETH_HLEN) refuse('EINVAL', `a packet has at least ${ETH_HLEN} bytes`)
  return { meta, linear }
}

/** Device and queue of the context (xdp_convert_md_to_buff). */
function ingressOf(
  machine: Machine,
  ctx: Uint8Array | undefined,
): { ifindex: number; queue: number; fragSize: number } {
  if (ctx === undefined) return { ifindex: LOOPBACK, queue: 0, fragSize: PAGE_SIZE }
  const view = new DataView(ctx.buffer)
  if (view.getUint32(20, true) !== 0) refuse('EINVAL', 'xdp_md.egress_ifindex')
  const ifindex = view.getUint32(12, true)
  const queue = view.getUint32(16, true)
  if (ifindex === 0) {
    if (queue !== 0) refuse('EINVAL', 'xdp_md.rx_queue_index without ingress_ifindex')
    return { ifindex: LOOPBACK, queue: 0, fragSize: PAGE_SIZE }
  }
  const device = machine.network.host.device(ifindex)
  if (device === undefined) refuse('ENODEV', `no device has ifindex ${ifindex}`)
  if (queue >= device.rxQueues) refuse('EINVAL', `${device.name} has ${device.rxQueues} receive queues`)
  return { ifindex, queue, fragSize: ifindex === LOOPBACK && queue === 0 ? PAGE_SIZE : 0 }
}

/** Live frames: every run gets its own packet, and what it decides happens. */
function runLive(
  machine: Machine,
  program: LoadedProgram,
  packet: XdpPacket,
  r: TestRunRequest,
  reload: () => void,
): { retval: number; duration: number } {
  return runRepeated(machine, program, packet.ctx, r.repeat ?? 0, packet, () => {
    if (machine.r0lo === xdp_action.XDP_TX) packet.redirect.set('ifindex', packet.ingressIfindex, 0)
    reload()
  })
}
