import { ERRNO } from '../../base/index.js'
import type { Insn, Op } from '../../isa/index.js'
import { FRAME_SIZE, MAX_FRAMES } from './cells.js'
import { fail } from './emit-memory.js'
import { type CallSite, type FunctionContext, get32, get64, set64 } from './emitter.js'
import { emitIntrinsic } from './intrinsics.js'
import { callKnownMap } from './map-functions.js'

const LOOKUP_ELEM = 1
const TAIL_CALL = 12
const LOOP = 181
/** BPF_MAX_LOOPS */
const MAX_LOOPS = 1 << 23
/** What a call of a callback counts as, in instructions. */
const CALLBACK_COST = 4
const MAX_TAIL_CALLS = 33
/** Offset in a program's handle of its entry's index in the table, 0 where it has none (see TailTargets). */
export const HANDLE_TABLE_INDEX = 16

export function emitCall(f: FunctionContext, insn: Insn, op: Op): void {
  if (op.op === 'subprog') {
    callSubprogram(f, insn)
    return
  }
  if (op.op === 'helper') {
    if (insn.imm === TAIL_CALL) {
      tailCall(f, insn)
      return
    }
    if (insn.imm === LOOKUP_ELEM && lookupKnownMap(f)) return
    if (callKnownMap(f, insn.imm)) return
    if (insn.imm === LOOP && loopOverKnownFunction(f, insn)) return
    if (emitIntrinsic(f, insn.imm, () => callHost(f, f.module.callAt(insn.pc)))) return
  }
  callHost(f, f.module.callAt(insn.pc))
}

function callHost(f: FunctionContext, site: CallSite): void {
  const { code, module } = f
  const { cells } = module
  if (site.reenters) enterHost(f)
  ;[...site.args].forEach((kind, index) => {
    get32(f, 1 + index)
    if (kind !== 'l') return
    get64(f, 1 + index)
    code.i64(32).op('i64.shr_u').op('i32.wrap_i64')
  })
  code.call(site.func)
  if (site.result === 'i') code.op('i64.extend_i32_s')
  else code.op('i64.extend_i32_u')
  if (site.result === 'l') {
    code.i32(cells.result + 4).memory('i64.load32_u', 0)
    code.i64(32).op('i64.shl').op('i64.or')
  }
  set64(f, 0)
  if (site.reenters) leaveHost(f)
}

/** Tells the host where free stack begins and how much fuel is left: it may run another program or a callback. */
function enterHost({ code, module, frame, fuel }: FunctionContext): void {
  const { cells } = module
  code.i32(cells.frame).get(frame).i32(FRAME_SIZE).op('i32.sub').memory('i32.store', 0)
  if (fuel >= 0) code.i32(cells.fuel).get(fuel).memory('i64.store', 0)
}

function leaveHost({ code, module, frame, fuel }: FunctionContext): void {
  const { cells } = module
  code.i32(cells.frame).get(frame).memory('i32.store', 0)
  if (fuel >= 0) code.i32(cells.fuel).memory('i64.load', 0).set(fuel)
}

export function storeFuel({ code, module, fuel }: FunctionContext): void {
  if (fuel >= 0) code.i32(module.cells.fuel).get(fuel).memory('i64.store', 0)
}

export function loadFuel({ code, module, fuel }: FunctionContext): void {
  if (fuel >= 0) code.i32(module.cells.fuel).memory('i64.load', 0).set(fuel)
}

function callSubprogram(f: FunctionContext, insn: Insn): void {
  const { code, module } = f
  const target = insn.pc + 1 + insn.imm
  const sharesFuel = module.usesFuel(target)
  if (sharesFuel) storeFuel(f)
  for (let register = 1; register <= 5; register++) get64(f, register)
  code.get(f.frame).i32(FRAME_SIZE).op('i32.sub')
  code.call(module.subprogram(target))
  set64(f, 0)
  if (sharesFuel) loadFuel(f)
}

/** Fails where a frame begins below what a run may use: in programs whose calls may nest too deeply. */
export function checkDepth({ code, module, frame }: FunctionContext, pc: number): void {
  code.get(frame).i32(module.cells.stackLimit).op('i32.lt_u').if()
  code.i32(pc).i32(0).call(module.host('fail')).op('end')
}

/**
 * bpf_tail_call(ctx, map, index): the program in the slot goes on in this one's place, with the same frame. It fails,
 * and the caller goes on, where there is none or 33 have been made.
 */
function tailCall(f: FunctionContext, insn: Insn): void {
  const { code, module, t32 } = f
  const { cells } = module
  // The slot's program is looked at now, not when the caller was compiled: replacing it takes effect at once.
  const map = Number.isNaN(f.facts.constants[2]!) ? undefined : module.machine.mapOf(f.facts.constants[2]!)
  const layout = map?.lookupLayout
  const slow = (): void => {
    get32(f, 2)
    get32(f, 3)
    code.call(module.host('tailCall'))
  }
  code.block()
  // A table index, or 0.
  if (map !== undefined && layout?.kind === 'handles') {
    get32(f, 3)
    code.i32(map.maxEntries).op('i32.ge_u').brIf(0)
    get32(f, 3)
    code.i32(2).op('i32.shl').memory('i32.load', layout.slots).tee(t32).op('i32.eqz').brIf(0)
    code.get(t32).memory('i32.load', HANDLE_TABLE_INDEX).tee(t32).op('i32.eqz').if()
    slow()
    code.set(t32).op('end')
  } else {
    slow()
    code.set(t32)
  }
  code.get(t32).op('i32.eqz').brIf(0)
  code.i32(cells.tailCalls).memory('i32.load', 0).i32(MAX_TAIL_CALLS).op('i32.ge_u').brIf(0)
  code.i32(cells.tailCalls).i32(cells.tailCalls).memory('i32.load', 0).i32(1).op('i32.add').memory('i32.store', 0)
  if (!f.isEntry) {
    // Programs called from subprograms may need all the frames of a run.
    code
      .get(f.frame)
      .i32(module.cells.stackLimit + MAX_FRAMES * FRAME_SIZE)
      .op('i32.lt_u')
      .if()
    code.i32(insn.pc).i32(0).call(module.host('fail')).op('end')
  }
  storeFuel(f)
  get64(f, 1)
  code.get(f.frame).get(t32)
  if (module.tailCalls) code.returnCallIndirect(module.entryType)
  else code.callIndirect(module.entryType).op('return')
  code.op('end')
  // The interpreter's r0 is left as it was, too.
}

/** LD_ABS and LD_IND: beyond the packet the function returns 0. */
export function emitPacketLoad(f: FunctionContext, insn: Insn): void {
  const { code, module, t64 } = f
  code.i32(insn.code)
  get32(f, insn.op?.kind === 'ld_ind' ? insn.src : 0)
  code.i32(insn.imm).call(module.host('loadPacket')).op('i64.trunc_f64_s').tee(t64)
  code.i64(0).op('i64.lt_s').if()
  storeFuel(f)
  code.i64(0).op('return').op('end').get(t64)
  set64(f, 0)
}

/** callx: the register holds a helper's number or a function's handle. */
export function emitCallRegister(f: FunctionContext, insn: Insn): void {
  const { code, module } = f
  const { cells } = module
  enterHost(f)
  for (let register = 1; register <= 5; register++) {
    code.i32(cells.args + (register - 1) * 8)
    get64(f, register)
    code.memory('i64.store', 0)
  }
  code.i32(insn.pc)
  get32(f, insn.dst)
  code.call(module.host('callRegister')).i32(cells.result).memory('i64.load', 0)
  set64(f, 0)
  leaveHost(f)
}

/** A look-up in a map that is known now and never another: no call of the host. */
function lookupKnownMap(f: FunctionContext): boolean {
  const { code, module, t32 } = f
  const handle = f.facts.constants[1]!
  if (Number.isNaN(handle)) return false
  const map = module.machine.mapOf(handle)
  const layout = map?.lookupLayout
  if (map === undefined) return false
  if (layout?.kind !== 'array') {
    const func = module.lookup(handle)
    if (func === undefined) return false
    get32(f, 2)
    code.call(func).op('i64.extend_i32_u')
    set64(f, 0)
    return true
  }
  get32(f, 2)
  code.memory('i32.load', 0).tee(t32).i32(map.maxEntries).op('i32.lt_u').if('i64')
  code.get(t32)
  if (layout.stride !== 1) code.i32(layout.stride).op('i32.mul')
  code.i32(layout.values).op('i32.add')
  if (layout.cpuStride !== 0 && module.machine.cpus > 1) {
    code.i32(module.machine.cpuCell).memory('i32.load', 0).i32(layout.cpuStride).op('i32.mul').op('i32.add')
  }
  code.op('i64.extend_i32_u').op('else').i64(0).op('end')
  set64(f, 0)
  return true
}

/** Does the function hold a call of bpf_loop? */
export function isLoopCall(insn: Insn): boolean {
  return insn.op?.kind === 'call' && insn.op.op === 'helper' && insn.imm === LOOP
}

/**
 * bpf_loop(count, callback, context, flags) with a callback that is known now: a loop around a call. As in Linux, -E2BIG is
 * 32 bits wide and -EINVAL is not.
 */
function loopOverKnownFunction(f: FunctionContext, insn: Insn): boolean {
  const { code, module, t32 } = f
  const handle = f.facts.constants[2]!
  const target = Number.isNaN(handle) ? undefined : module.machine.functionOf(handle)
  if (target === undefined || target.program.image !== module.image) return false
  code.block()
  get64(f, 4)
  code.op('i64.eqz').op('i32.eqz').if().i64(-ERRNO.EINVAL)
  set64(f, 0)
  code.br(1).op('end')
  get32(f, 1)
  code.i32(MAX_LOOPS).op('i32.gt_u').if().i64(-ERRNO.E2BIG, 0)
  set64(f, 0)
  code.br(1).op('end').i32(0).set(t32).loop()
  code.get(t32).op('i64.extend_i32_u')
  set64(f, 0)
  code.get(t32)
  get32(f, 1)
  code.op('i32.ge_u').brIf(1)
  if (f.fuel >= 0) {
    code.get(f.fuel).i64(CALLBACK_COST).op('i64.sub').tee(f.fuel).i64(0).op('i64.lt_s').if()
    fail({ ...f, depth: f.depth + 2 }, 'exhausted', insn.pc)
    code.op('end')
  }
  storeFuel(f)
  code.get(t32).op('i64.extend_i32_u')
  get32(f, 3)
  code.op('i64.extend_i32_u').i64(0).i64(0).i64(0).get(f.frame).i32(FRAME_SIZE).op('i32.sub')
  code.call(module.subprogram(target.slot))
  loadFuel(f)
  code.get(t32).i32(1).op('i32.add').set(t32).op('i64.eqz').brIf(0)
  code.get(t32).op('i64.extend_i32_u')
  set64(f, 0)
  code.op('end').op('end')
  return true
}
