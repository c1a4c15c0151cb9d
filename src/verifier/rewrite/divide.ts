// Division as BPF defines it, on a machine that traps: by zero gives 0 (modulo: the dividend), the smallest number by -1 itself.

import { likeness, type Node } from './node.js'
import { AX, alu32, alu32Reg, alu64, goTo, JUMPS, jumpIf, jumpIf32, mov, OPS } from './ops.js'

const REG = 0x08

/** Replacement of a division or modulo; undefined where it is safe as it is. */
export function divide(at: Node, next: Node | undefined): Node[] | undefined {
  const op = at.code & 0xf0
  const group = at.code & 7
  if ((op !== OPS.div && op !== OPS.mod) || (group !== 4 && group !== 7)) return undefined
  const wide = group === 7
  const signed = at.off === 1
  const { dst } = at
  if ((at.code & REG) === 0) {
    if (!signed || at.imm !== -1) return undefined
    return op === OPS.div ? [negate(wide, dst)] : [alu32(OPS.mov, dst, 0)]
  }
  const same = likeness(at)
  return signed ? signedByRegister(same, wide, op === OPS.div, next) : byRegister(same, wide, op === OPS.div, next)
}

const negate = (wide: boolean, reg: number): Node => (wide ? alu64(OPS.neg, reg, 0) : alu32(OPS.neg, reg, 0))

function byRegister(same: Node, wide: boolean, quotient: boolean, next: Node | undefined): Node[] {
  const { dst, src } = same
  const test = wide ? jumpIf : jumpIf32
  if (quotient) return [test(JUMPS.ne, src, 0, same), alu32Reg(OPS.xor, dst, dst), goTo(next), same]
  if (wide) return [test(JUMPS.eq, src, 0, next), same]
  // The upper half goes even where nothing is divided.
  const cut = alu32Reg(OPS.mov, dst, dst)
  return [test(JUMPS.eq, src, 0, cut), same, goTo(next), cut]
}

function signedByRegister(same: Node, wide: boolean, quotient: boolean, next: Node | undefined): Node[] {
  const { dst, src } = same
  const test = wide ? jumpIf : jumpIf32
  // src + 1 is 0 or 1 for -1 and 0.
  const head = [mov(AX, src), wide ? alu64(OPS.add, AX, 1) : alu32(OPS.add, AX, 1), test(JUMPS.gt, AX, 1, same)]
  if (quotient) {
    const minus = negate(wide, dst)
    const zero = wide ? alu64(OPS.mov, dst, 0) : alu32(OPS.mov, dst, 0)
    return [...head, test(JUMPS.eq, AX, 0, minus), zero, minus, goTo(next), same]
  }
  if (wide) return [...head, test(JUMPS.eq, AX, 1, next), alu32(OPS.mov, dst, 0), goTo(next), same]
  const cut = alu32Reg(OPS.mov, dst, dst)
  const done = goTo(next)
  return [...head, test(JUMPS.eq, AX, 1, cut), alu32(OPS.mov, dst, 0), goTo(done), same, done, cut]
}
