// What programs loaded without CAP_PERFMON gain: barriers where the processor must not guess, and masks of what is added to
// pointers and of the index of arrays.

import { BARRIER, type Env, type PointerMask } from '../env.js'
import { ALU_MASK } from '../insn/speculation.js'
import type { MapDescription } from '../types.js'
import { likeness, type Node, node, rewriteNodes } from './node.js'
import { AX, alu32, alu64, alu64Reg, JUMPS, jumpIf, mov, OPS } from './ops.js'

const barrier = (): Node => node({ code: 0xc2 })

/** Barriers before instructions that may not be reached by a guess, and behind stores that must be seen. */
export function addBarriers(env: Env, nodes: readonly Node[]): Node[] {
  return rewriteNodes(nodes, (at) => {
    const wanted = at.pc < 0 ? 0 : (env.barriers[at.pc] ?? 0)
    const before = (wanted & BARRIER.before) !== 0
    // Linux sees to plain stores only.
    const store = ((at.code & 7) === 2 || (at.code & 7) === 3) && (at.code & 0xe0) === 0x60
    const behind = (wanted & BARRIER.behind) !== 0 && store
    if (!before && !behind) return undefined
    return [...(before ? [barrier()] : []), likeness(at), ...(behind ? [barrier()] : [])]
  })
}

const ADD = 0x0f
const SUB = 0x1f
const MOV32 = 0xb0

/** A number added to a pointer, kept from what is out of bounds: it becomes 0 where it is larger than was seen. */
export function maskedAddition(env: Env, at: Node): Node[] | undefined {
  const mask: PointerMask | undefined = at.pc < 0 ? undefined : env.masks[at.pc]
  if ((at.code !== ADD && at.code !== SUB) || mask === undefined) return undefined
  const { state, limit } = mask
  if (state === 0 || state === ALU_MASK.nonPointer) return undefined
  const negative = (state & ALU_MASK.negative) !== 0
  const inSource = (state & ALU_MASK.sanitizeSrc) !== 0
  const known = (state & ALU_MASK.immediate) !== 0
  const number = inSource ? at.src : at.dst
  const turned = alu64(OPS.mul, number, -1)
  const bounded = [
    alu64Reg(OPS.sub, AX, number),
    alu64Reg(OPS.or, AX, number),
    alu64(OPS.neg, AX, 0),
    alu64(0xc0, AX, 63),
    alu64Reg(OPS.and, AX, number),
  ]
  const code = negative ? (at.code === ADD ? SUB : ADD) : at.code
  return [
    ...(negative && !known ? [turned] : []),
    alu32(MOV32, AX, limit | 0),
    ...(known ? [] : bounded),
    ...(inSource ? [] : [mov(at.dst, at.src)]),
    likeness(at, { code, src: AX }),
    ...(inSource && negative && !known ? [alu64(OPS.mul, number, -1)] : []),
  ]
}

/** All ones up to the highest bit of the largest index. */
export function indexMask(map: MapDescription): number {
  return map.maxEntries <= 1 ? 0 : 0xffffffff >>> Math.clz32(map.maxEntries - 1)
}

/** The index of a tail call stays inside of the array, guessed or not. */
export function maskedTailCall(env: Env, at: Node, next: Node | undefined): Node[] | undefined {
  const map = env.callMaps[at.pc]
  if (map === undefined || map === 'many') return undefined
  return [jumpIf(JUMPS.ge, 3, map.maxEntries | 0, next), alu32(OPS.and, 3, indexMask(map) | 0), likeness(at)]
}
