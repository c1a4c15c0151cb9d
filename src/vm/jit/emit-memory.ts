import type { Insn, Op } from '../../isa/index.js'
import type { MemoryName, PlainName } from '../wasm/opcodes.js'
import { FRAME_SIZE } from './cells.js'
import { type FunctionContext, get32, get64, imm64, set32, set64 } from './emitter.js'

// How an address becomes a wasm address. Page 0 is not the program's: the 32-bit address less 65536 goes on the stack
// and 65536 more into the instruction's offset, which wasm adds without wrapping around. So a NULL pointer and what lies
// near it lands above 4 GiB and traps, at no cost but a subtraction. The high half is tested before the first use of
// a register's value (see facts.ts); where it is not zero, or the address lies in page 0, the host makes the error.

/** Bytes of page 0. */
const PAGE = 65536

const LOADS: Record<number, MemoryName> = { 8: 'i64.load8_u', 16: 'i64.load16_u', 32: 'i64.load32_u', 64: 'i64.load' }
const SIGNED_LOADS: Record<number, MemoryName> = { 8: 'i64.load8_s', 16: 'i64.load16_s', 32: 'i64.load32_s' }
const STORES: Record<number, MemoryName> = { 8: 'i64.store8', 16: 'i64.store16', 32: 'i64.store32', 64: 'i64.store' }

/** Pushes the address of `register + off` and gives the offset that belongs into the instruction. */
export function address(f: FunctionContext, insn: Insn, register: number, off: number): number {
  const { code, module } = f
  if (f.operands !== undefined) return f.operands.address(insn, register)
  if (register >= 10) {
    code.get(f.frame)
    if (off >= -FRAME_SIZE) return FRAME_SIZE + off
    code.i32(FRAME_SIZE + off).op('i32.add')
    return 0
  }
  const known = f.facts.constants[register]!
  if (known >= PAGE && known < 0xffff_0000 - PAGE) {
    // The address of a map's value.
    code.i32(known + off)
    return 0
  }
  if (module.checked && (f.facts.checked & (1 << register)) === 0) {
    code.get(f.registers[register]!).i64(PAGE).op('i64.sub').tee(f.t64)
    code.i64(32).op('i64.shr_u').op('i32.wrap_i64').if()
    fail(f, 'fault', insn.pc)
    code.op('end')
    f.facts.checked |= 1 << register
    code.get(f.t64).op('i32.wrap_i64')
    return PAGE + off
  }
  get32(f, register)
  code.i32(PAGE).op('i32.sub')
  return PAGE + off
}

/**
 * Leaves for one of the function's ends, from inside an `if`: a call in a loop, even one that is never made, keeps V8 from
 * unrolling it.
 */
export function fail({ code, place, depth }: FunctionContext, end: 'exhausted' | 'fault', pc: number): void {
  code
    .i32(pc)
    .set(place)
    .br(depth + (end === 'fault' ? 2 : 1))
}

/** The end for bad addresses: the address less 65536 is in t64. */
export function faultEnd({ code, module, place, t64 }: FunctionContext): void {
  code.get(place).get(t64).i64(PAGE).op('i64.add').tee(t64).op('i32.wrap_i64')
  code.get(t64).i64(32).op('i64.shr_u').op('i32.wrap_i64').call(module.host('fault'))
}

export function emitLoad(f: FunctionContext, insn: Insn, op: Op): void {
  if (f.operands === undefined && f.module.image.probeLoads?.has(insn.pc) === true) {
    probeLoad(f, insn, op)
    return
  }
  const offset = address(f, insn, insn.src, insn.off)
  f.code.memory(loadName(op), offset)
  set64(f, insn.dst)
}

function loadName(op: Op): MemoryName {
  return (op.signed === true ? SIGNED_LOADS : LOADS)[op.bits ?? 64]!
}

/** A load that reads zero where there is nothing. */
function probeLoad(f: FunctionContext, insn: Insn, op: Op): void {
  const { code } = f
  const size = (op.bits ?? 64) / 8
  get64(f, insn.src)
  code.i64(insn.off).op('i64.add').i64(PAGE).op('i64.sub').tee(f.t64)
  code
    .memorySize()
    .op('i64.extend_i32_u')
    .i64(16)
    .op('i64.shl')
    .i64(PAGE + size)
    .op('i64.sub')
    .op('i64.le_u')
  code.if('i64').get(f.t64).op('i32.wrap_i64').memory(loadName(op), PAGE).op('else').i64(0).op('end')
  set64(f, insn.dst)
}

export function emitStoreImm(f: FunctionContext, insn: Insn, op: Op): void {
  const offset = address(f, insn, insn.dst, insn.off)
  imm64(f, insn.imm)
  f.code.memory(STORES[op.bits ?? 64]!, offset)
}

export function emitStore(f: FunctionContext, insn: Insn, op: Op): void {
  const offset = address(f, insn, insn.dst, insn.off)
  get64(f, insn.src)
  f.code.memory(STORES[op.bits ?? 64]!, offset)
}

const COMBINE: Partial<Record<string, string>> = { add: 'add', or: 'or', and: 'and', xor: 'xor' }

/** Atomic operations as plain ones: one program runs at a time, and wasm's own would trap on unaligned addresses. */
export function emitAtomic(f: FunctionContext, insn: Insn, op: Op): void {
  const { code } = f
  const wide = op.bits === 64
  const type = wide ? 'i64' : 'i32'
  const load = `${type}.load` as MemoryName
  const store = `${type}.store` as MemoryName
  const old = wide ? f.t64 : f.u32
  const get = (register: number): void => (wide ? get64(f, register) : get32(f, register))
  const set = (register: number): void => (wide ? set64(f, register) : set32(f, register))
  const offset = address(f, insn, insn.dst, insn.off)
  code.tee(f.t32)
  if (op.op === 'cmpxchg') {
    code.memory(load, offset).tee(old)
    get(0)
    code
      .op(`${type}.eq` as PlainName)
      .if()
      .get(f.t32)
    get(insn.src)
    code.memory(store, offset).op('end').get(old)
    set(0)
    return
  }
  code.get(f.t32).memory(load, offset)
  if (op.fetch === true) code.tee(old)
  if (op.op === 'xchg') {
    code.op('drop')
    get(insn.src)
  } else {
    get(insn.src)
    code.op(`${type}.${COMBINE[op.op ?? '']}` as PlainName)
  }
  code.memory(store, offset)
  if (op.fetch === true) {
    code.get(old)
    set(insn.src)
  }
}
