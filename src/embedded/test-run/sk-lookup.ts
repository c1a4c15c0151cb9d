import type { TestRunRequest, TestRunResult } from '../../kernel/index.js'
import { structs } from '../../spec/index.js'
import type { LoadedProgram, Machine } from '../../vm/index.js'
import { ctxFinish, ctxInit, isZero } from './context.js'
import { refuse } from './refuse.js'
import { runRepeated } from './run-repeated.js'

const LAYOUT = structs.bpf_sk_lookup
const F = LAYOUT.fields
const AF_INET = 2
const AF_INET6 = 10
const SK_DROP = 0
const SK_PASS = 1
/** Fields that hold the addresses of one family; the other family's read as zero. */
const IPV4_FIELDS = [F.remote_ip4, F.local_ip4]
const IPV6_FIELDS = [F.remote_ip6, F.local_ip6]

/**
 * BPF_PROG_TEST_RUN of an sk_lookup program (bpf_prog_test_run_sk_lookup): the context is the connection, the cookie that
 * comes back the selected socket's. Socket maps of this kernel are empty, so a program can select none.
 */
export function testRunSkLookup(machine: Machine, program: LoadedProgram, r: TestRunRequest): TestRunResult {
  if ((r.flags ?? 0) !== 0 || (r.cpu ?? 0) !== 0 || (r.batchSize ?? 0) !== 0)
    refuse('EINVAL', 'flags, cpu or batch_size')
  if (r.dataIn !== undefined || (r.dataSizeOut ?? 0) !== 0) refuse('EINVAL', 'this program type takes a context only')
  const ctx = ctxInit(r, LAYOUT.size)
  if (ctx === undefined) refuse('EINVAL', 'a context is needed')
  const view = new DataView(ctx.buffer)
  const portEnd = F.local_port.offset + F.local_port.size
  if (view.getBigUint64(F.cookie.offset, true) !== 0n || !isZero(ctx, portEnd, LAYOUT.size)) {
    refuse('EINVAL', 'sk and ingress_ifindex of struct bpf_sk_lookup cannot be given')
  }
  if (view.getUint32(F.local_port.offset, true) > 0xffff) refuse('ERANGE', 'local_port')
  const family = view.getUint16(F.family.offset, true)
  if (family !== AF_INET && family !== AF_INET6) refuse('EAFNOSUPPORT', `family ${family}`)

  const { memory } = machine
  const addr = memory.alloc(LAYOUT.size)
  try {
    memory.write(addr, ctx)
    for (const { offset, size } of family === AF_INET ? IPV6_FIELDS : IPV4_FIELDS) {
      memory.u8.fill(0, addr + offset, addr + offset + size)
    }
    memory.view.setUint32(addr + F.family.offset, family, true)
    memory.view.setUint32(addr + F.protocol.offset, view.getUint16(F.protocol.offset, true), true)
    const run = runRepeated(machine, program, addr, r.repeat ?? 0, undefined)
    return {
      retval: run.retval === SK_DROP ? SK_DROP : SK_PASS,
      duration: run.duration,
      dataOut: new Uint8Array(0),
      ctxOut: ctxFinish(r, ctx),
    }
  } finally {
    memory.free(addr)
  }
}
