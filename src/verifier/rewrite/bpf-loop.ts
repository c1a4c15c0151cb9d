// bpf_loop() with a known body becomes a loop around a call of it.

import type { Env } from '../env.js'
import { type Node, node, rewriteNodes } from './node.js'
import { alu32, alu64, goTo, JUMPS, jumpIf, loadMem, mov, OPS, storeReg } from './ops.js'

const MAX_LOOPS = 0x80_0000
const E2BIG = 7
const JLE = 0xb0
const LOOP = 181

/** Bytes a frame gains for the registers a loop keeps. */
export const LOOP_STACK = 24

export interface Loops {
  readonly nodes: Node[]
  /** Subprograms with such a loop. */
  readonly within: ReadonlySet<number>
}

export function unrollLoops(env: Env, nodes: readonly Node[], depthOf: (subprog: number) => number): Loops {
  const within = new Set<number>()
  const changed = rewriteNodes(nodes, (at, i) => {
    if (at.code !== 0x85 || at.src !== 0 || at.imm !== LOOP || at.pc < 0) return undefined
    const known = env.loopInlining.get(at.pc)
    if (known?.fits !== true) return undefined
    const subprog = env.subprogOf(at.pc)
    within.add(subprog)
    return loop(known.subprog, -depthOf(subprog), at.pc, nodes[i + 1])
  })
  return { nodes: changed, within }
}

function loop(body: number, below: number, pc: number, next: Node | undefined): Node[] {
  const counter = 7
  const limit = 6
  const data = 8
  const kept = [limit, counter, data].map((reg, i) => ({ reg, off: below - LOOP_STACK + i * 8 }))
  const restore = kept.map(({ reg, off }) => loadMem(8, reg, 10, off))
  const saved = kept.map(({ reg, off }) => storeReg(8, 10, reg, off))
  const result = mov(0, counter)
  const test = node({ code: 0x3d, dst: counter, src: limit, target: result })
  return [
    node({ code: 0x05 | JLE, dst: 1, imm: MAX_LOOPS, pc, ...(saved[0] === undefined ? {} : { target: saved[0] }) }),
    alu32(OPS.mov, 0, -E2BIG),
    goTo(next),
    ...saved,
    mov(limit, 1),
    alu32(OPS.mov, counter, 0),
    mov(data, 3),
    test,
    mov(1, counter),
    mov(2, data),
    node({ code: 0x85, src: 1, callee: body }),
    alu64(OPS.add, counter, 1),
    jumpIf(JUMPS.eq, 0, 0, test),
    result,
    ...restore,
  ]
}
