import { getCode, getDst, getOff, getSrc, slotCount } from '../../isa/index.js'

const CLASS_LDX = 1
const CLASS_ST = 2
const CLASS_STX = 3
const CLASS_JMP = 5
const MODE_MEM = 0x60
const MODE_ATOMIC = 0xc0
const MOV64_REG = 0xbf
const CALL = 0x85
const LD_IMM64 = 0x18
const SIZES: readonly number[] = [4, 2, 1, 8]

/**
 * Bytes of its context a program reaches (prog->aux->max_ctx_offset): loads and stores through r1 and its copies. Follows
 * the instructions in their order, which finds what compilers write.
 */
export function contextExtent(insns: Uint8Array): number {
  let holders = 1 << 1
  let extent = 0
  for (let pc = 0; pc < slotCount(insns); pc++) {
    const code = getCode(insns, pc)
    const cls = code & 7
    const dst = getDst(insns, pc)
    const src = getSrc(insns, pc)
    const access = (code & 0xe0) === MODE_MEM || (code & 0xe0) === MODE_ATOMIC
    const pointer = cls === CLASS_LDX ? src : cls === CLASS_ST || cls === CLASS_STX ? dst : -1
    if (access && pointer >= 0 && (holders & (1 << pointer)) !== 0) {
      extent = Math.max(extent, getOff(insns, pc) + (SIZES[(code >> 3) & 3] as number))
    }
    if (code === CALL) holders &= ~0x3f
    else if (code === MOV64_REG && getOff(insns, pc) === 0) {
      holders = (holders & (1 << src)) !== 0 ? holders | (1 << dst) : holders & ~(1 << dst)
    } else if (cls === CLASS_LDX || cls === 0 || cls === 4 || cls === 7) holders &= ~(1 << dst)
    else if (cls === CLASS_JMP && code === 0x95) holders |= 0
    if (code === LD_IMM64) pc++
  }
  return extent
}
