// Whether a state of a real run lies inside what the verifier thought possible.

import { MAYBE_NULL, type Reg } from '#src/verifier/state/reg.js'
import { type Frame, SLOT, type State } from '#src/verifier/state/state.js'
import type { Memory } from '#src/vm/index.js'

/** What is kept of a state of the verifier. */
export interface Kept {
  readonly frames: readonly {
    readonly regs: readonly Reg[]
    readonly types: Uint8Array
    readonly spills: readonly (Reg | undefined)[]
  }[]
}

export function keep(state: State): Kept {
  return {
    frames: state.frames.map((frame: Frame) => ({
      regs: frame.regs.slice(),
      types: frame.types.slice(),
      spills: frame.spills.slice(),
    })),
  }
}

/** A run at one instruction. */
export interface Concrete {
  /** r0 to r10 as halves, low first. */
  readonly registers: Int32Array
  /** r6 to r9 of the frames around are not kept: only the innermost frame is compared, and all stacks. */
  readonly depth: number
  readonly ctx: number
  readonly memory: Memory
  /** Where the packet ends; 0 for unknown. */
  readonly packetEnd: number
}

const FRAME = 512

const unsigned = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)
const signed = (lo: number, hi: number): bigint => BigInt.asIntN(64, unsigned(lo, hi))

function numberFits(reg: Reg, lo: number, hi: number): boolean {
  if ((lo & ~reg.maskLo) !== reg.valueLo || (hi & ~reg.maskHi) !== reg.valueHi) return false
  const value = unsigned(lo, hi)
  if (value < unsigned(reg.uminLo, reg.uminHi) || value > unsigned(reg.umaxLo, reg.umaxHi)) return false
  const number = signed(lo, hi)
  if (number < signed(reg.sminLo, reg.sminHi) || number > signed(reg.smaxLo, reg.smaxHi)) return false
  if (lo >>> 0 < reg.umin32 >>> 0 || lo >>> 0 > reg.umax32 >>> 0) return false
  return lo >= reg.smin32 && lo <= reg.smax32
}

/** Address of the end of a frame's stack. */
function frameTop(at: Concrete, frame: number): number {
  return (at.registers[20] as number) + (at.depth - frame) * FRAME
}

function fits(reg: Reg, lo: number, hi: number, at: Concrete): boolean {
  switch (reg.type) {
    case 'not_init':
      return true
    case 'scalar':
      return numberFits(reg, lo, hi)
    case 'fp': {
      const away = (lo - frameTop(at, reg.frameno) - reg.off) | 0
      return hi === 0 && numberFits(reg, away, away >> 31)
    }
    case 'ctx':
      return hi === 0 && lo === at.ctx + reg.off
    case 'pkt':
      if (hi !== 0) return false
      return at.packetEnd === 0 || reg.range <= 0 || lo - reg.off + reg.range <= at.packetEnd
    case 'pkt_end':
      return at.packetEnd === 0 || lo === at.packetEnd
    default:
      return lo !== 0 || hi !== 0 || (reg.flags & MAYBE_NULL) !== 0
  }
}

/** undefined where it lies inside; else what does not. */
export function misfit(kept: Kept, at: Concrete): string | undefined {
  if (kept.frames.length !== at.depth + 1) return 'another number of frames'
  const top = kept.frames[at.depth]
  for (let i = 0; i < 10; i++) {
    const reg = top?.regs[i] as Reg
    const lo = at.registers[i * 2] as number
    const hi = at.registers[i * 2 + 1] as number
    if (!fits(reg, lo, hi, at)) return `r${i} is 0x${unsigned(lo, hi).toString(16)}`
  }
  for (let f = 0; f < kept.frames.length; f++) {
    const { types, spills } = kept.frames[f] as Kept['frames'][number]
    const end = frameTop(at, f)
    for (let slot = 0; slot < types.length >> 3; slot++) {
      const address = end - (slot + 1) * 8
      let size = 0
      for (let j = 7; j >= 0 && types[slot * 8 + j] === SLOT.spill; j--) size++
      const spilled = spills[slot]
      if (size > 0 && spilled !== undefined && (size === 8 || size === 4)) {
        const lo = at.memory.u32[address >>> 2] as number | 0
        const hi = size === 8 ? (at.memory.u32[(address >>> 2) + 1] as number) | 0 : 0
        if (size === 8 ? !fits(spilled, lo | 0, hi, at) : !lowFits(spilled, lo | 0)) {
          return `fp-${(slot + 1) * 8} of frame ${f} is 0x${unsigned(lo, hi).toString(16)}`
        }
      }
      for (let j = 0; j < 8; j++) {
        if (types[slot * 8 + j] !== SLOT.zero) continue
        if (at.memory.u8[address + 7 - j] !== 0) return `a byte of fp-${(slot + 1) * 8} of frame ${f} is not 0`
      }
    }
  }
  return undefined
}

/** The low half of a number that was spilled narrowly. */
function lowFits(reg: Reg, lo: number): boolean {
  if (reg.type !== 'scalar') return false
  if ((lo & ~reg.maskLo) !== reg.valueLo) return false
  if (lo >>> 0 < reg.umin32 >>> 0 || lo >>> 0 > reg.umax32 >>> 0) return false
  return lo >= reg.smin32 && lo <= reg.smax32
}
