import type { TestRunRequest, TestRunResult } from '../../kernel/index.js'
import { bpf_prog_type, bpf_test_run_flags, structs } from '../../spec/index.js'
import { type LoadedProgram, type Machine, SkbPacket } from '../../vm/index.js'
import { ctxFinish, ctxInit, dataFinish, isZero } from './context.js'
import { refuse } from './refuse.js'
import { runRepeated } from './run-repeated.js'

const ETH_HLEN = 14
/** A page without NET_SKB_PAD and struct skb_shared_info. */
const MAX_INPUT = 4096 - 64 - 320
const LOOPBACK = 1
const GSO_LEGACY_MAX_SIZE = 65536
const GSO_MAX_SEGS = 65535
const CHECKSUM_COMPLETE = 2
const IPV4 = 0x0008
const IPV6 = 0xdd86

const F = structs.__sk_buff.fields
const COMPLETE = bpf_test_run_flags.BPF_F_TEST_SKB_CHECKSUM_COMPLETE

/** Program types whose packets start at the Ethernet header; for others it has been taken off. */
export function startsAtEthernet(progType: number): boolean {
  return progType === bpf_prog_type.BPF_PROG_TYPE_SCHED_CLS || progType === bpf_prog_type.BPF_PROG_TYPE_SCHED_ACT
}

/** BPF_PROG_TEST_RUN of a program on socket buffers (bpf_prog_test_run_skb). Throws KernelError. */
export function testRunSkb(machine: Machine, program: LoadedProgram, r: TestRunRequest): TestRunResult {
  if (((r.flags ?? 0) & ~COMPLETE) !== 0 || (r.cpu ?? 0) !== 0 || (r.batchSize ?? 0) !== 0) {
    refuse('EINVAL', 'flags, cpu or batch_size')
  }
  const data = r.dataIn ?? new Uint8Array(0)
  if (data.length < ETH_HLEN) refuse('EINVAL', `a packet has at least ${ETH_HLEN} bytes`)
  if (data.length > MAX_INPUT) refuse('EINVAL', `a packet has at most ${MAX_INPUT} bytes here`)
  const ctx = ctxInit(r, structs.__sk_buff.size)
  const ifindex = Math.max(LOOPBACK, ctx === undefined ? 0 : field(ctx, F.ifindex.offset))
  if (machine.network.host.device(ifindex) === undefined) refuse('ENODEV', `no device has ifindex ${ifindex}`)

  const { type } = program.image
  const layer2 = startsAtEthernet(type)
  const { sockets } = machine.network
  const packet = new SkbPacket(machine.memory, machine.network)
  const socket = sockets.anonymous()
  try {
    packet.programType = type
    packet.load(data, 0, data.length, layer2, ifindex)
    const family = familyOf(packet)
    if (family < 0) refuse('EINVAL', 'the IP header is cut off')
    socket.setAnonymous(family, packet.networkHeader)
    packet.setSocket(socket)
    if (ctx !== undefined) applyContext(packet, ctx)
    const complete = (r.flags ?? 0) === COMPLETE
    if (complete) {
      packet.csum = packet.sum(packet.networkHeader)
      packet.ipSummed = CHECKSUM_COMPLETE
    }
    const run = runRepeated(machine, program, packet.ctx, r.repeat ?? 0, packet)
    if (!layer2) packet.pushEthernet()
    if (complete && !packet.sumIs(packet.csum)) refuse('EBADMSG', 'the program left a wrong checksum')
    if (ctx !== undefined) readContext(packet, ctx)
    const dataOut = dataFinish(r, packet.length) ? packet.output() : new Uint8Array(0)
    return { ...run, dataOut, ctxOut: ctxFinish(r, ctx) }
  } finally {
    sockets.release(socket)
    packet.free()
  }
}

function field(ctx: Uint8Array, offset: number): number {
  return new DataView(ctx.buffer).getUint32(offset, true)
}

/** Address family of the packet's socket; -1 where its IP header is incomplete. */
export function familyOf(packet: SkbPacket): number {
  const { protocol } = packet
  if (protocol === IPV4) return packet.tail - packet.networkHeader < 20 ? -1 : 2
  if (protocol === IPV6) return packet.tail - packet.networkHeader < 40 ? -1 : 10
  return 0
}

/** Fields of struct __sk_buff that a caller may give, in order of their offsets. */
const SETTABLE = [
  F.mark,
  F.priority,
  F.ingress_ifindex,
  F.ifindex,
  F.cb,
  F.tstamp,
  F.wire_len,
  F.gso_segs,
  F.gso_size,
  F.hwtstamp,
] as const

/** convert___skb_to_skb */
function applyContext(packet: SkbPacket, ctx: Uint8Array): void {
  let end = 0
  for (const { offset, size } of [...SETTABLE, { offset: ctx.length, size: 0 }]) {
    if (!isZero(ctx, end, offset)) refuse('EINVAL', 'a field of struct __sk_buff was given that cannot be')
    end = offset + size
  }
  const { memory } = packet
  for (const { offset, size } of [F.mark, F.priority, F.ingress_ifindex, F.cb, F.tstamp, F.gso_size, F.hwtstamp]) {
    memory.write(packet.ctx + offset, ctx.subarray(offset, offset + size))
  }
  const wireLength = field(ctx, F.wire_len.offset)
  if (wireLength !== 0 && (wireLength < packet.length || wireLength > GSO_LEGACY_MAX_SIZE)) refuse('EINVAL', 'wire_len')
  packet.setField(F.wire_len.offset, wireLength === 0 ? packet.length : wireLength)
  const segments = field(ctx, F.gso_segs.offset)
  if (segments > GSO_MAX_SEGS) refuse('EINVAL', 'gso_segs')
  packet.setField(F.gso_segs.offset, segments)
  packet.setField(F.gso_size.offset, field(ctx, F.gso_size.offset) & 0xffff)
}

/** convert_skb_to___skb: what the program may have changed. */
function readContext(packet: SkbPacket, ctx: Uint8Array): void {
  for (const { offset, size } of SETTABLE) {
    if (offset !== F.gso_size.offset) ctx.set(packet.memory.bytes(packet.ctx + offset, size), offset)
  }
}
