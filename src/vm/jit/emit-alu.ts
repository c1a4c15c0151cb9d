import type { Insn, Op } from '../../isa/index.js'
import type { PlainName } from '../wasm/opcodes.js'
import { type FunctionContext, get32, get64, imm32, imm64, set32, set64 } from './emitter.js'

/** Operations that wasm has as they are, by BPF's name. Shift counts are masked by both. */
const SIMPLE: Partial<Record<string, string>> = {
  add: 'add',
  sub: 'sub',
  mul: 'mul',
  or: 'or',
  and: 'and',
  xor: 'xor',
  lsh: 'shl',
  rsh: 'shr_u',
  arsh: 'shr_s',
}

export function emitAlu(f: FunctionContext, insn: Insn, op: Op): void {
  const wide = op.bits === 64
  const { dst, src, imm } = insn
  const simple = SIMPLE[op.op ?? '']
  const operand = (): void => {
    if (op.operand === 'imm') wide ? imm64(f, imm) : imm32(f, imm)
    else wide ? get64(f, src) : get32(f, src)
  }
  const left = (): void => (wide ? get64(f, dst) : get32(f, dst))
  const store = (): void => (wide ? set64(f, dst) : set32(f, dst))
  if (simple !== undefined) {
    left()
    operand()
    f.code.op(`${wide ? 'i64' : 'i32'}.${simple}` as PlainName)
    store()
    return
  }
  switch (op.op) {
    case 'mov':
      operand()
      store()
      return
    case 'neg':
      if (wide) f.code.i64(0)
      else f.code.i32(0)
      left()
      f.code.op(wide ? 'i64.sub' : 'i32.sub')
      store()
      return
    case 'movsx':
      left32or64(f, src, wide)
      f.code.op(signExtension(wide, op.fromBits ?? 8))
      store()
      return
    default:
      divide(f, insn, op)
  }
}

function left32or64(f: FunctionContext, register: number, wide: boolean): void {
  if (wide) get64(f, register)
  else get32(f, register)
}

function signExtension(wide: boolean, bits: number): PlainName {
  return `${wide ? 'i64' : 'i32'}.extend${bits}_s` as PlainName
}

/** x / 0 = 0, x % 0 = x; the smallest number by -1 is itself, remainder 0. */
function divide(f: FunctionContext, { dst, src, imm }: Insn, op: Op): void {
  const { code } = f
  const wide = op.bits === 64
  const type = wide ? 'i64' : 'i32'
  const signed = op.op === 'sdiv' || op.op === 'smod'
  const remainder = op.op === 'mod' || op.op === 'smod'
  const name = `${type}.${remainder ? 'rem' : 'div'}_${signed ? 's' : 'u'}` as PlainName
  const left = (): void => left32or64(f, dst, wide)
  const zero = (): void => void (wide ? code.i64(0) : code.i32(0))
  const store = (): void => (wide ? set64(f, dst) : set32(f, dst))
  const byZero = remainder ? left : zero
  const byMinusOne = (): void => {
    zero()
    if (remainder) return
    left()
    code.op(`${type}.sub` as PlainName)
  }
  if (op.operand === 'imm') {
    if (imm === 0) byZero()
    else if (signed && imm === -1) byMinusOne()
    else {
      left()
      if (wide) imm64(f, imm)
      else imm32(f, imm)
      code.op(name)
    }
    store()
    return
  }
  const divisor = (): void => left32or64(f, src, wide)
  divisor()
  code.op(`${type}.eqz` as PlainName).if(type)
  byZero()
  code.op('else')
  const divideNow = (): void => {
    left()
    divisor()
    code.op(name)
  }
  // wasm's rem_s of the smallest number by -1 is 0, as BPF wants it; its div_s traps.
  if (signed && !remainder) {
    divisor()
    if (wide) code.i64(-1)
    else code.i32(-1)
    code.op(`${type}.eq` as PlainName).if(type)
    byMinusOne()
    code.op('else')
    divideNow()
    code.op('end')
  } else divideNow()
  code.op('end')
  store()
}

/** le, be, bswap: the machine is little-endian. */
export function emitEndian(f: FunctionContext, { dst }: Insn, op: Op): void {
  const { code } = f
  if (op.op === 'le') {
    if (op.bits === 64) return
    get32(f, dst)
    if (op.bits === 16) code.i32(0xffff).op('i32.and')
    set32(f, dst)
    return
  }
  if (op.bits === 64) swap64(f, dst)
  else {
    get32(f, dst)
    code.set(f.t32)
    if (op.bits === 16) {
      code.get(f.t32).i32(8).op('i32.shl').i32(0xff00).op('i32.and')
      code.get(f.t32).i32(8).op('i32.shr_u').i32(0xff).op('i32.and').op('i32.or')
    } else {
      code.get(f.t32).i32(0x00ff00ff).op('i32.and').i32(8).op('i32.rotr')
      code.get(f.t32).i32(8).op('i32.rotl').i32(0x00ff00ff).op('i32.and').op('i32.or')
    }
    set32(f, dst)
  }
}

function swap64(f: FunctionContext, register: number): void {
  const { code, t64 } = f
  const half = (shift: number, maskLow: number): void => {
    code.get(t64).i64(maskLow, maskLow).op('i64.and').i64(shift).op('i64.shl')
    code.get(t64).i64(shift).op('i64.shr_u').i64(maskLow, maskLow).op('i64.and').op('i64.or')
  }
  get64(f, register)
  code.set(t64)
  half(8, 0x00ff00ff)
  code.set(t64)
  half(16, 0x0000ffff)
  code.i64(32).op('i64.rotl')
  set64(f, register)
}

/** addr_space_cast between the machine's addresses of an arena and those user space knows. */
export function emitCast(f: FunctionContext, insn: Insn): void {
  const { code, module } = f
  const { arena } = module.image
  get32(f, insn.src)
  if (arena === undefined) {
    set32(f, insn.dst)
    return
  }
  const user = BigInt.asUintN(64, arena.userAddr)
  const userLow = Number(BigInt.asIntN(32, user))
  code.tee(f.t32)
  if (insn.imm === 1) {
    code.op('i32.eqz').if('i32').i32(0).op('else').get(f.t32)
    code
      .i32((arena.addr - userLow) | 0)
      .op('i32.add')
      .op('end')
    set32(f, insn.dst)
    return
  }
  const delta = user - BigInt(arena.addr)
  code.op('i32.eqz').if('i64').i64(0).op('else').get(f.t32).op('i64.extend_i32_u')
  code
    .i64(Number(BigInt.asIntN(32, delta)), Number(BigInt.asIntN(32, delta >> 32n)))
    .op('i64.add')
    .op('end')
  set64(f, insn.dst)
}
