import type { TestRunRequest, TestRunResult } from '../../kernel/index.js'
import { bpf_test_run_flags } from '../../spec/index.js'
import type { LoadedProgram, Machine } from '../../vm/index.js'
import { ctxRoom } from './context.js'
import { contextExtent } from './context-extent.js'
import { refuse } from './refuse.js'
import { runRepeated } from './run-repeated.js'

/** MAX_BPF_FUNC_ARGS times eight bytes. */
const MAX_RAW_TP_CTX = 96
const MAX_SYSCALL_CTX = 0xffff
const ON_CPU = bpf_test_run_flags.BPF_F_TEST_RUN_ON_CPU
const NOTHING = new Uint8Array(0)

function refuseData(r: TestRunRequest): void {
  if (r.dataIn !== undefined || (r.dataSizeOut ?? 0) !== 0 || (r.repeat ?? 0) !== 0 || (r.batchSize ?? 0) !== 0) {
    refuse('EINVAL', 'this program type takes a context only: no data, repeat or batch_size')
  }
}

/** BPF_PROG_TEST_RUN of raw tracepoints (bpf_prog_test_run_raw_tp): the context is the tracepoint's arguments. */
export function testRunRawTracepoint(machine: Machine, program: LoadedProgram, r: TestRunRequest): TestRunResult {
  refuseData(r)
  if ((r.ctxSizeOut ?? 0) !== 0) refuse('EINVAL', 'the context is not given back')
  const ctx = r.ctxIn ?? NOTHING
  if (ctx.length < contextExtent(program.image.insns) || ctx.length > MAX_RAW_TP_CTX) {
    refuse('EINVAL', `a context of ${ctx.length} bytes: at most ${MAX_RAW_TP_CTX}, and all that the program reads`)
  }
  const cpu = r.cpu ?? 0
  const onCpu = ((r.flags ?? 0) & ON_CPU) !== 0
  if (!onCpu && cpu !== 0) refuse('EINVAL', 'cpu without BPF_F_TEST_RUN_ON_CPU')
  if (onCpu && cpu >= machine.cpus) refuse('ENXIO', `there is no CPU ${cpu}`)
  const before = machine.cpu
  if (onCpu) machine.cpu = cpu
  try {
    return { ...runOnContext(machine, program, ctx, 0), ctxOut: NOTHING, duration: 0 }
  } finally {
    machine.cpu = before
  }
}

/** BPF_PROG_TEST_RUN of SYSCALL programs; `ctxOut` is the context as the program left it: Linux writes it over the input. */
export function testRunSyscall(machine: Machine, program: LoadedProgram, r: TestRunRequest): TestRunResult {
  refuseData(r)
  if ((r.ctxSizeOut ?? 0) !== 0 || (r.flags ?? 0) !== 0) refuse('EINVAL', 'ctx_out and flags')
  const ctx = r.ctxIn ?? NOTHING
  if (ctx.length < contextExtent(program.image.insns) || ctx.length > MAX_SYSCALL_CTX) {
    refuse('EINVAL', `a context of ${ctx.length} bytes: less than the program reads, or more than ${MAX_SYSCALL_CTX}`)
  }
  const result = runOnContext(machine, program, ctx, 0)
  return { ...result, duration: 0, ctxOut: r.ctxSizeOut === 0 ? NOTHING : result.ctxOut }
}

/**
 * A run of a tracepoint, kprobe or perf_event program on a given context. Linux runs these only on their events
 * (ENOTSUPP); this kernel has no such events and takes the context from the caller.
 */
export function testRunOnContext(machine: Machine, program: LoadedProgram, r: TestRunRequest): TestRunResult {
  if (r.ctxIn === undefined) refuse('ENOTSUPP', 'give the context of the event: this kernel has no such events')
  if (r.dataIn !== undefined || (r.dataSizeOut ?? 0) !== 0) refuse('EINVAL', 'data')
  if (r.ctxIn.length < contextExtent(program.image.insns)) {
    refuse('EINVAL', `the program reads more than the context's ${r.ctxIn.length} bytes`)
  }
  const result = runOnContext(machine, program, r.ctxIn, r.repeat ?? 0)
  return ctxRoom(r) === 0 ? { ...result, ctxOut: NOTHING } : result
}

function runOnContext(machine: Machine, program: LoadedProgram, ctx: Uint8Array, repeat: number): TestRunResult {
  // An absent context is NULL.
  const addr = ctx.length === 0 ? 0 : machine.memory.alloc(ctx.length)
  try {
    machine.memory.write(addr, ctx)
    const run = runRepeated(machine, program, addr, repeat, undefined)
    return { ...run, dataOut: NOTHING, ctxOut: machine.memory.read(addr, ctx.length) }
  } finally {
    machine.memory.free(addr)
  }
}
