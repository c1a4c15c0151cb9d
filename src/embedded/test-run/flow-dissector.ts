import type { TestRunRequest, TestRunResult } from '../../kernel/index.js'
import { structs } from '../../spec/index.js'
import { type LoadedProgram, type Machine, SkbPacket } from '../../vm/index.js'
import { ctxFinish, ctxInit, dataFinish, isZero } from './context.js'
import { refuse } from './refuse.js'
import { runRepeated } from './run-repeated.js'

const ETH_HLEN = 14
const PAGE_SIZE = 4096
const LOOPBACK = 1
const KEYS = structs.bpf_flow_keys
const FLOW_KEYS = structs.__sk_buff.fields.flow_keys.offset

/** BPF_PROG_TEST_RUN of a flow dissector: the output is struct bpf_flow_keys (bpf_prog_test_run_flow_dissector). */
export function testRunFlowDissector(machine: Machine, program: LoadedProgram, r: TestRunRequest): TestRunResult {
  if ((r.flags ?? 0) !== 0 || (r.cpu ?? 0) !== 0 || (r.batchSize ?? 0) !== 0)
    refuse('EINVAL', 'flags, cpu or batch_size')
  const data = r.dataIn ?? new Uint8Array(0)
  if (data.length < ETH_HLEN) refuse('EINVAL', `a packet has at least ${ETH_HLEN} bytes`)
  if (data.length > PAGE_SIZE) refuse('EINVAL', 'a packet has at most a page')
  const ctx = ctxInit(r, KEYS.size)
  const { flags } = KEYS.fields
  if (ctx !== undefined && !(isZero(ctx, 0, flags.offset) && isZero(ctx, flags.offset + 4, KEYS.size))) {
    refuse('EINVAL', 'only flags of struct bpf_flow_keys may be given')
  }
  const { memory } = machine
  const packet = new SkbPacket(memory, machine.network)
  const keys = memory.alloc(KEYS.size)
  try {
    packet.programType = program.image.type
    packet.load(data, 0, data.length, true, LOOPBACK)
    packet.setField(FLOW_KEYS, keys)
    const begin = (): void => {
      const { view, u8 } = memory
      u8.fill(0, keys, keys + KEYS.size)
      view.setUint16(keys + KEYS.fields.n_proto.offset, view.getUint16(packet.data + 12, true), true)
      view.setUint16(keys + KEYS.fields.nhoff.offset, ETH_HLEN, true)
      view.setUint16(keys + KEYS.fields.thoff.offset, ETH_HLEN, true)
      if (ctx !== undefined) u8.set(ctx.subarray(flags.offset, flags.offset + 4), keys + flags.offset)
    }
    begin()
    let left = Math.max(1, r.repeat ?? 0)
    const run = runRepeated(machine, program, packet.ctx, r.repeat ?? 0, packet, () => {
      if (--left > 0) begin()
    })
    clampOffset(machine, keys + KEYS.fields.nhoff.offset, ETH_HLEN, data.length)
    const nhoff = memory.view.getUint16(keys + KEYS.fields.nhoff.offset, true)
    clampOffset(machine, keys + KEYS.fields.thoff.offset, nhoff, data.length)
    const dataOut = dataFinish(r, KEYS.size) ? memory.read(keys, KEYS.size) : new Uint8Array(0)
    return { ...run, dataOut, ctxOut: ctxFinish(r, ctx) }
  } finally {
    memory.free(keys)
    packet.free()
  }
}

function clampOffset(machine: Machine, at: number, low: number, high: number): void {
  const { view } = machine.memory
  view.setUint16(at, Math.min(Math.max(view.getUint16(at, true), low), high), true)
}
