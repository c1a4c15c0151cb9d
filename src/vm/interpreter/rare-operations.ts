import type { Memory } from '../memory.js'
import type { ProgramImage } from '../types.js'
import type { DecodedProgram } from './decode.js'
import { signedDivide64, signedModulo64 } from './divide.js'
import type { InterpreterState } from './state.js'

/** Runs an operation that is not worth a place in the hot switch. See OPERATION in decode.ts for the numbers. */
export function rareOperation(state: InterpreterState, program: DecodedProgram, at: number): void {
  const r = state.registers
  const code = program.code
  const w = code[at]!
  const d = (w >>> 9) & 31
  const s = w >>> 14
  const imm = code[at + 2]!
  switch (w & 511) {
    case 262: // nothing
      return
    case 270: // sdiv64 imm
      signedDivide64(r, d, imm, imm >> 31)
      return
    case 271: // sdiv64 reg
      signedDivide64(r, d, r[s]!, r[s + 1]!)
      return
    case 272: // smod64 imm
      signedModulo64(r, d, imm, imm >> 31)
      return
    case 273: // smod64 reg
      signedModulo64(r, d, r[s]!, r[s + 1]!)
      return
    case 274: // sdiv32 imm
      set32(r, d, imm === 0 ? 0 : r[d]! / imm)
      return
    case 275: // sdiv32 reg
      set32(r, d, r[s] === 0 ? 0 : r[d]! / r[s]!)
      return
    case 276: // smod32 imm
      set32(r, d, imm === 0 ? r[d]! : r[d]! % imm)
      return
    case 277: // smod32 reg
      set32(r, d, r[s] === 0 ? r[d]! : r[d]! % r[s]!)
      return
    case 278: {
      // movsx64
      const x = (r[s]! << imm) >> imm
      r[d] = x
      r[d + 1] = x >> 31
      return
    }
    case 279: // movsx32
      set32(r, d, (r[s]! << imm) >> imm)
      return
    case 280: // le16
      set32(r, d, r[d]! & 0xffff)
      return
    case 281: // be16, bswap16
      set32(r, d, swap32(r[d]!) >>> 16)
      return
    case 282: // be32, bswap32
      set32(r, d, swap32(r[d]!))
      return
    case 283: {
      // be64, bswap64
      const lo = r[d]!
      r[d] = swap32(r[d + 1]!)
      r[d + 1] = swap32(lo)
      return
    }
    case 284: // addr_space_cast to the kernel's
      castArena(program.image, r, d, s, true)
      return
    case 285: // addr_space_cast to the user's
      castArena(program.image, r, d, s, false)
      return
    case 286: // a load that reads zero where there is nothing
      probeLoad(state.machine.memory, r, d, s, code[at + 1]!, imm)
      return
    case 287:
      atomic32(state, program, at, d, s, imm)
      return
    case 288:
      atomic64(state, program, at, d, s, imm)
      return
    default:
      state.fail(program, at, `operation ${w & 511} is not known`)
  }
}

function set32(r: Int32Array, d: number, value: number): void {
  r[d] = value
  r[d + 1] = 0
}

function swap32(x: number): number {
  return (x << 24) | ((x & 0xff00) << 8) | ((x >>> 8) & 0xff00) | (x >>> 24)
}

/**
 * An arena pointer as the machine's address (the user side's low half tells the place), or the machine's address in the arena
 * as the pointer that user space knows.
 */
export function castArena({ arena }: ProgramImage, r: Int32Array, d: number, s: number, toKernel: boolean): void {
  const lo = r[s]!
  if (arena === undefined || lo === 0 || toKernel) {
    r[d] = arena === undefined || lo === 0 ? lo : lo - Number(BigInt.asUintN(32, arena.userAddr)) + arena.addr
    r[d + 1] = 0
    return
  }
  const user = arena.userAddr + BigInt((lo >>> 0) - arena.addr)
  r[d] = Number(BigInt.asIntN(32, user))
  r[d + 1] = Number(BigInt.asIntN(32, user >> 32n))
}

/** A load of `kind & 15` bytes, signed with 16, that reads zero where there is nothing. */
export function probeLoad(memory: Memory, r: Int32Array, d: number, s: number, off: number, kind: number): void {
  const size = kind & 15
  const signed = (kind & 16) !== 0
  const addr = (r[s]! + off) >>> 0
  if (r[s + 1] !== 0 || addr < 65536 || addr + size > memory.size) {
    r[d] = 0
    r[d + 1] = 0
    return
  }
  const view = memory.view
  let lo: number
  if (size === 1) lo = signed ? view.getInt8(addr) : view.getUint8(addr)
  else if (size === 2) lo = signed ? view.getInt16(addr, true) : view.getUint16(addr, true)
  else lo = view.getInt32(addr, true)
  r[d] = lo
  r[d + 1] = size === 8 ? view.getInt32(addr + 4, true) : signed ? lo >> 31 : 0
}

/** imm: BPF_ADD, OR, AND, XOR, with BPF_FETCH (1); BPF_XCHG 0xe1, BPF_CMPXCHG 0xf1. */
function atomic32(
  state: InterpreterState,
  program: DecodedProgram,
  at: number,
  d: number,
  s: number,
  imm: number,
): void {
  const r = state.registers
  const addr = state.checkAccess(program, at, d, 4, true)
  const view = state.machine.memory.view
  const old = view.getInt32(addr, true)
  if (imm === 0xf1) {
    if (old === r[0]) view.setInt32(addr, r[s]!, true)
    set32(r, 0, old)
    return
  }
  view.setInt32(addr, combine(imm, old, r[s]!), true)
  if ((imm & 1) !== 0) set32(r, s, old)
}

function atomic64(
  state: InterpreterState,
  program: DecodedProgram,
  at: number,
  d: number,
  s: number,
  imm: number,
): void {
  const r = state.registers
  const addr = state.checkAccess(program, at, d, 8, true)
  const view = state.machine.memory.view
  const lo = view.getInt32(addr, true)
  const hi = view.getInt32(addr + 4, true)
  if (imm === 0xf1) {
    if (lo === r[0] && hi === r[1]) {
      view.setInt32(addr, r[s]!, true)
      view.setInt32(addr + 4, r[s + 1]!, true)
    }
    r[0] = lo
    r[1] = hi
    return
  }
  const newLo = combine(imm, lo, r[s]!)
  const carry = (imm & 0xf0) === 0 && newLo >>> 0 < lo >>> 0 ? 1 : 0
  view.setInt32(addr, newLo, true)
  view.setInt32(addr + 4, combine(imm, hi, r[s + 1]!) + carry, true)
  if ((imm & 1) !== 0) {
    r[s] = lo
    r[s + 1] = hi
  }
}

function combine(imm: number, old: number, operand: number): number {
  switch (imm & 0xf0) {
    case 0x00:
      return (old + operand) | 0
    case 0x40:
      return old | operand
    case 0x50:
      return old & operand
    case 0xa0:
      return old ^ operand
    default:
      return operand
  }
}
