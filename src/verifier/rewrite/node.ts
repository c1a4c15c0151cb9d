// The program while it is rewritten: a list of instructions whose jumps name their target, not a distance.

import type { Insn } from '../../isa/index.js'

/** One instruction of the rewritten program. */
export interface Node {
  readonly code: number
  readonly dst: number
  readonly src: number
  readonly off: number
  readonly imm: number
  /** Second slot's imm of an ld_imm64. */
  readonly high: number
  /** Slot of the original instruction this one is or stands for; -1 for one that the rewriting added before it. */
  readonly pc: number
  /** Slot whose place in the source it takes: of several for one instruction, the first; -1 for the others. */
  origin: number
  /** Where a jump goes. */
  target: Node | undefined
  /** Subprogram that a call or an ld_imm64 names. */
  callee: number
  /** Kernel function that a call goes to, where it is not the helper or kfunc of its number. */
  calls: string | undefined
  /** What took this node's place. */
  moved: Node | undefined
}

export type NodeParts = Partial<
  Pick<Node, 'dst' | 'src' | 'off' | 'imm' | 'high' | 'pc' | 'target' | 'callee' | 'calls'>
> & {
  readonly code: number
}

export function node(parts: NodeParts): Node {
  const { code, dst = 0, src = 0, off = 0, imm = 0, high = 0, pc = -1, target, callee = -1, calls } = parts
  return { code, dst, src, off, imm, high, pc, origin: pc, target, callee, calls, moved: undefined }
}

const LD_IMM64 = 0x18
const CALL = 0x85

export const isLdImm64 = ({ code }: { readonly code: number }): boolean => code === LD_IMM64

/** Slots it takes in the stream. */
export const slotsOf = (at: Node): number => (at.code === LD_IMM64 ? 2 : 1)

/** A jump with a distance: every jump but calls and exit. */
export function isJump(code: number): boolean {
  const group = code & 7
  return (group === 5 || group === 6) && code !== CALL && code !== 0x95 && code !== 0x8d
}

/** gotol keeps its distance in imm. */
export const isLongJump = (code: number): boolean => code === 0x06

/** May run on behind it. */
export const fallsThrough = ({ code }: Node): boolean => code !== 0x05 && code !== 0x06 && code !== 0x95

/** The program as a list; jumps resolved. `subprogOf` gives the index of the subprogram that starts at a slot. */
export function toNodes(insns: readonly (Insn | undefined)[], subprogAt: (slot: number) => number): Node[] {
  const bySlot: (Node | undefined)[] = new Array(insns.length).fill(undefined)
  const nodes: Node[] = []
  insns.forEach((insn, pc) => {
    if (insn === undefined) return
    const { code, dst, src, off, imm, imm64 } = insn
    const high = imm64 === undefined ? 0 : Number(BigInt.asIntN(32, imm64 >> 32n))
    const made = node({ code, dst, src, off, imm, high, pc })
    bySlot[pc] = made
    nodes.push(made)
  })
  for (const made of nodes) {
    if (isJump(made.code)) made.target = bySlot[made.pc + 1 + (isLongJump(made.code) ? made.imm : made.off)]
    else if (made.code === CALL && made.src === 1) made.callee = subprogAt(made.pc + 1 + made.imm)
    else if (made.code === LD_IMM64 && made.src === 4) made.callee = subprogAt(made.pc + 1 + made.imm)
  }
  return nodes
}

/** A node like `at` for use inside its own replacement: `at` itself would stand for the whole of it. */
export function likeness(at: Node, changes: Partial<NodeParts> = {}): Node {
  const { code, dst, src, off, imm, high, pc, target, callee, calls } = at
  return { ...{ code, dst, src, off, imm, high, pc, origin: -1, target, callee, calls, moved: undefined }, ...changes }
}

/**
 * Puts `change(node)` in each node's place; undefined leaves it. Jumps to a node that went lead to the first of what came;
 * to one that went without a trace, to what stood behind it.
 */
export function rewriteNodes(nodes: readonly Node[], change: (at: Node, index: number) => Node[] | undefined): Node[] {
  const out: Node[] = []
  let orphans: Node[] = []
  nodes.forEach((at, index) => {
    const made = change(at, index) ?? [at]
    const first = made[0]
    if (first === undefined) {
      orphans.push(at)
      return
    }
    for (const orphan of orphans) orphan.moved = first
    orphans = []
    if (first !== at) {
      at.moved = first
      first.origin = at.origin
    }
    out.push(...made)
  })
  for (const at of out) if (at.target !== undefined) at.target = standIn(at.target)
  return out
}

/** What stands where the node stood. A node that heads its own replacement stands for itself. */
export function standIn(at: Node): Node {
  let found = at
  while (found.moved !== undefined) found = found.moved
  return found
}

/** Slot of each node. */
export function layOut(nodes: readonly Node[]): Map<Node, number> {
  const slots = new Map<Node, number>()
  let slot = 0
  for (const at of nodes) {
    slots.set(at, slot)
    slot += slotsOf(at)
  }
  return slots
}
