import {
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_MEM,
  BPF_MEMSX,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_STX,
  BPF_X,
} from './constants.js'
import { getCode, getDst, getImm, getImm64, getOff, getSrc, slotCount } from './slots.js'

/** Memory whose bytes can never change, as programs see it: reads `size` bytes at `offset`, undefined out of range. */
export type ConstantMemory = (offset: number, size: number) => bigint | undefined

export interface ReachableOptions {
  /** What the ld_imm64 of a slot points to, if it is constant memory (a frozen map that programs cannot write). */
  readonly memory?: (slot: number) => ConstantMemory | undefined
  /** Further entries besides slot 0: an exception callback. */
  readonly entries?: readonly number[]
}

/** What is known of a register: a 64-bit number, a place in constant memory, or nothing. */
type Known = bigint | { readonly memory: ConstantMemory; readonly offset: number } | undefined

const LD_IMM64 = 0x18
const GOTOX = BPF_JMP | BPF_JA | BPF_X
const REGISTERS = 11

/**
 * The slots that a run can come to, as far as constants decide: branches on known values are followed one way only, as
 * Linux's verifier does, which never looks at the rest. Second slots of ld_imm64 count as reached with the first. Everything
 * a run executes is among them; what is not among them can be taken out. Expects jumps that stay inside (checkInsnStream).
 */
export function reachableInsns(insns: Uint8Array, options: ReachableOptions = {}): Uint8Array {
  const count = slotCount(insns)
  const reached = new Uint8Array(count)
  // A jump to where a register says may go anywhere.
  for (let slot = 0; slot < count; slot++) if (getCode(insns, slot) === GOTOX) return reached.fill(1)
  const states: (Known[] | undefined)[] = new Array(count)
  const work: number[] = []
  const enter = (slot: number, from: readonly Known[]): void => {
    if (slot < 0 || slot >= count) return
    const known = states[slot]
    if (known === undefined) {
      states[slot] = [...from]
      work.push(slot)
      return
    }
    let changed = false
    for (let register = 0; register < REGISTERS; register++) {
      if (known[register] === undefined || same(known[register], from[register])) continue
      known[register] = undefined
      changed = true
    }
    if (changed) work.push(slot)
  }
  const memories = new Map<number, ConstantMemory | undefined>()
  const memoryAt = (slot: number): ConstantMemory | undefined => {
    if (!memories.has(slot)) memories.set(slot, options.memory?.(slot))
    return memories.get(slot)
  }
  const nothing: Known[] = new Array(REGISTERS).fill(undefined)
  for (const entry of [0, ...(options.entries ?? [])]) enter(entry, nothing)
  for (let slot = work.pop(); slot !== undefined; slot = work.pop()) {
    const registers = [...(states[slot] as Known[])]
    reached[slot] = 1
    const code = getCode(insns, slot)
    const cls = code & 7
    const dst = getDst(insns, slot)
    const src = getSrc(insns, slot)
    if (code === LD_IMM64) {
      if (slot + 1 < count) reached[slot + 1] = 1
      if (src === BPF_PSEUDO_FUNC) enter(slot + getImm(insns, slot) + 1, nothing)
      const memory = src === 0 ? undefined : memoryAt(slot)
      registers[dst] = src === 0 ? getImm64(insns, slot) : memory && { memory, offset: getImm(insns, slot + 1) >>> 0 }
      enter(slot + 2, registers)
    } else if (cls === BPF_JMP || cls === BPF_JMP32) {
      for (const next of afterJump(insns, slot, registers, (target) => enter(target, nothing))) enter(next, registers)
    } else {
      if (cls === BPF_ALU || cls === BPF_ALU64) registers[dst] = arithmetic(insns, slot, registers)
      else if (cls === BPF_LDX) registers[dst] = load(insns, slot, registers[src])
      else if (cls === BPF_LD) for (let register = 0; register <= 5; register++) registers[register] = undefined
      // Atomic operations that fetch write their source or r0; acquiring loads write their destination.
      else if (cls === BPF_STX && (code & 0xe0) !== BPF_MEM) registers[src] = registers[dst] = registers[0] = undefined
      enter(slot + 1, registers)
    }
  }
  return reached
}

function same(a: Known, b: Known): boolean {
  if (typeof a !== 'object' || typeof b !== 'object') return a === b
  return a.memory === b.memory && a.offset === b.offset
}

/** Where a jump, call or exit goes on; registers a call clobbers are forgotten, and a called subprogram is entered. */
function afterJump(insns: Uint8Array, slot: number, registers: Known[], call: (target: number) => void): number[] {
  const code = getCode(insns, slot)
  const operation = code & 0xf0
  const next = slot + 1
  if (operation === BPF_EXIT) return []
  if (operation === BPF_CALL) {
    if (getSrc(insns, slot) === BPF_PSEUDO_CALL && (code & BPF_X) === 0) call(next + getImm(insns, slot))
    for (let register = 0; register <= 5; register++) registers[register] = undefined
    return [next]
  }
  if (operation === BPF_JA) return [next + ((code & 7) === BPF_JMP32 ? getImm(insns, slot) : getOff(insns, slot))]
  const target = next + getOff(insns, slot)
  if (operation === BPF_JCOND) return [next, target]
  const taken = compare(insns, slot, registers)
  return taken === undefined ? [next, target] : [taken ? target : next]
}

function compare(insns: Uint8Array, slot: number, registers: readonly Known[]): boolean | undefined {
  const code = getCode(insns, slot)
  const left = registers[getDst(insns, slot)]
  const right = (code & BPF_X) !== 0 ? registers[getSrc(insns, slot)] : BigInt(getImm(insns, slot))
  if (typeof left !== 'bigint' || typeof right !== 'bigint') return undefined
  const bits = (code & 7) === BPF_JMP32 ? 32 : 64
  const [a, b] = [BigInt.asUintN(bits, left), BigInt.asUintN(bits, right)]
  const [signedA, signedB] = [BigInt.asIntN(bits, left), BigInt.asIntN(bits, right)]
  switch (code & 0xf0) {
    case 0x10:
      return a === b
    case 0x20:
      return a > b
    case 0x30:
      return a >= b
    case 0x40:
      return (a & b) !== 0n
    case 0x50:
      return a !== b
    case 0x60:
      return signedA > signedB
    case 0x70:
      return signedA >= signedB
    case 0xa0:
      return a < b
    case 0xb0:
      return a <= b
    case 0xc0:
      return signedA < signedB
    case 0xd0:
      return signedA <= signedB
    default:
      return undefined
  }
}

function load(insns: Uint8Array, slot: number, from: Known): Known {
  const code = getCode(insns, slot)
  const mode = code & 0xe0
  if (typeof from !== 'object' || (mode !== BPF_MEM && mode !== BPF_MEMSX)) return undefined
  const size = [4, 2, 1, 8][(code >> 3) & 3] as number
  const value = from.memory(from.offset + getOff(insns, slot), size)
  if (value === undefined || mode === BPF_MEM) return value
  return BigInt.asUintN(64, BigInt.asIntN(size * 8, value))
}

function arithmetic(insns: Uint8Array, slot: number, registers: readonly Known[]): Known {
  const code = getCode(insns, slot)
  const off = getOff(insns, slot)
  const wide = (code & 7) === BPF_ALU64
  const before = registers[getDst(insns, slot)]
  const operand: Known = (code & BPF_X) !== 0 ? registers[getSrc(insns, slot)] : BigInt(getImm(insns, slot))
  const operation = code & 0xf0
  if (operation === 0xb0 && off === 0 && typeof operand === 'object') return wide ? operand : undefined
  if (operation === 0x00 && wide && typeof before === 'object' && typeof operand === 'bigint') {
    return { memory: before.memory, offset: before.offset + Number(BigInt.asIntN(32, operand)) }
  }
  if (typeof operand !== 'bigint') return undefined
  const bits = wide ? 64 : 32
  if (operation === 0xb0) {
    if (off !== 0 && off !== 8 && off !== 16 && off !== 32) return undefined
    const moved = off === 0 ? operand : BigInt.asIntN(off, operand)
    return BigInt.asUintN(bits, moved)
  }
  if (typeof before !== 'bigint') return undefined
  const [a, b] = [BigInt.asUintN(bits, before), BigInt.asUintN(bits, operand)]
  const shift = b & BigInt(bits - 1)
  switch (operation) {
    case 0x00:
      return BigInt.asUintN(bits, a + b)
    case 0x10:
      return BigInt.asUintN(bits, a - b)
    case 0x20:
      return BigInt.asUintN(bits, a * b)
    case 0x40:
      return a | b
    case 0x50:
      return a & b
    case 0x60:
      return BigInt.asUintN(bits, a << shift)
    case 0x70:
      return a >> shift
    case 0xa0:
      return a ^ b
    case 0xc0:
      return BigInt.asUintN(bits, BigInt.asIntN(bits, a) >> shift)
    default:
      return undefined
  }
}
