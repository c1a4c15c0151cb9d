import type { TestRunRequest, TestRunResult } from '../../kernel/index.js'
import { bpf_prog_type } from '../../spec/index.js'
import type { LoadedProgram, Machine } from '../../vm/index.js'
import { testRunFlowDissector } from './flow-dissector.js'
import { refuse } from './refuse.js'
import { testRunSkLookup } from './sk-lookup.js'
import { testRunSkb } from './skb.js'
import { testRunOnContext, testRunRawTracepoint, testRunSyscall } from './tracing.js'
import { testRunXdp } from './xdp.js'

type TestRun = (machine: Machine, program: LoadedProgram, request: TestRunRequest) => TestRunResult

const T = bpf_prog_type

const byType: ReadonlyMap<number, TestRun> = new Map<number, TestRun>([
  [T.BPF_PROG_TYPE_XDP, testRunXdp],
  [T.BPF_PROG_TYPE_SOCKET_FILTER, testRunSkb],
  [T.BPF_PROG_TYPE_SCHED_CLS, testRunSkb],
  [T.BPF_PROG_TYPE_SCHED_ACT, testRunSkb],
  [T.BPF_PROG_TYPE_CGROUP_SKB, testRunSkb],
  [T.BPF_PROG_TYPE_LWT_IN, testRunSkb],
  [T.BPF_PROG_TYPE_LWT_OUT, testRunSkb],
  [T.BPF_PROG_TYPE_LWT_XMIT, testRunSkb],
  [T.BPF_PROG_TYPE_FLOW_DISSECTOR, testRunFlowDissector],
  [T.BPF_PROG_TYPE_SK_LOOKUP, testRunSkLookup],
  [T.BPF_PROG_TYPE_RAW_TRACEPOINT, testRunRawTracepoint],
  [T.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, testRunRawTracepoint],
  [T.BPF_PROG_TYPE_SYSCALL, testRunSyscall],
  [T.BPF_PROG_TYPE_TRACEPOINT, testRunOnContext],
  [T.BPF_PROG_TYPE_KPROBE, testRunOnContext],
  [T.BPF_PROG_TYPE_PERF_EVENT, testRunOnContext],
])

/**
 * BPF_PROG_TEST_RUN: runs a loaded program on the request's data and context, with Linux's checks in Linux's order.
 * Throws KernelError (ENOTSUPP for types that have no test run), and what the run throws: BudgetError, MemoryFault.
 */
export function testRun(machine: Machine, program: LoadedProgram, request: TestRunRequest): TestRunResult {
  if (request.ctxIn !== undefined && request.ctxIn.length === 0) refuse('EINVAL', 'an empty context')
  const run = byType.get(program.image.type)
  if (run === undefined) refuse('ENOTSUPP', 'programs of this type have no test run')
  return run(machine, program, request)
}
