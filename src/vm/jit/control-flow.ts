import type { Insn } from '../../isa/index.js'

/** Where control goes from a node. `state` is what a dispatcher's variable is set to on the way; -1: nothing is set. */
export interface Edge {
  to: number
  state: number
}

/**
 * A node of a function's control flow graph: a basic block, instructions [first, end), or (first = -1) a dispatcher that
 * goes to the edge its state variable names. Edges of a conditional jump: [taken, next].
 */
export interface Node {
  readonly first: number
  readonly end: number
  readonly edges: Edge[]
  /** The last instruction is a conditional jump or may_goto. */
  readonly conditional: boolean
}

/** What all functions of a program share: instructions, their index by slot, and where blocks begin. */
export interface Listing {
  readonly insns: readonly Insn[]
  /** Index into `insns` of a slot; -1 inside an ld_imm64. */
  readonly indexes: Int32Array
  /** 1 where an instruction begins a basic block. */
  readonly leaders: Uint8Array
}

/** Slot a jump goes to; undefined for what is no jump. */
export function jumpTarget(insn: Insn): number | undefined {
  switch (insn.op?.kind) {
    case 'ja':
      return insn.pc + 1 + (insn.op.imm === 'jump' ? insn.imm : insn.off)
    case 'cond':
    case 'may_goto':
      return insn.pc + 1 + insn.off
    default:
      return undefined
  }
}

/** Slot of the subprogram that a call or an ld_imm64 names. */
export function functionTarget(insn: Insn): number | undefined {
  if (insn.op?.name === 'call_pc' || insn.op?.name === 'ld_func') return insn.pc + 1 + insn.imm
  return undefined
}

/** Finds the leaders. Jump targets must be instructions: the decoder has checked that. */
export function listing(insns: readonly Insn[], slots: number): Listing {
  const indexes = new Int32Array(slots).fill(-1)
  insns.forEach((insn, index) => {
    indexes[insn.pc] = index
  })
  const leaders = new Uint8Array(insns.length + 1)
  leaders[0] = 1
  insns.forEach((insn, index) => {
    const target = jumpTarget(insn) ?? functionTarget(insn)
    if (target !== undefined && indexes[target] !== undefined && indexes[target] >= 0) leaders[indexes[target]!] = 1
    if (jumpTarget(insn) !== undefined || insn.op?.kind === 'exit') leaders[index + 1] = 1
  })
  return { insns, indexes, leaders }
}

/** The blocks that control reaches from a slot; the first is the entry. */
export function functionNodes({ insns, indexes, leaders }: Listing, slot: number): Node[] {
  const nodes: Node[] = []
  const byIndex = new Map<number, number>()
  const work: number[] = []
  const nodeAt = (index: number): number => {
    const known = byIndex.get(index)
    if (known !== undefined) return known
    let end = index + 1
    while (end < insns.length && leaders[end] === 0) end++
    const kind = index < insns.length ? insns[end - 1]?.op?.kind : undefined
    const node: Node = {
      first: index,
      // Beyond the last instruction lies an empty block: running into it is an error of the run.
      end: Math.min(end, insns.length),
      edges: [],
      conditional: kind === 'cond' || kind === 'may_goto',
    }
    byIndex.set(index, nodes.push(node) - 1)
    work.push(nodes.length - 1)
    return nodes.length - 1
  }
  nodeAt(indexes[slot]!)
  for (let at = work.pop(); at !== undefined; at = work.pop()) {
    const node = nodes[at]!
    const last = insns[node.end - 1]
    if (node.first >= insns.length || last === undefined || last.op?.kind === 'exit') continue
    const target = jumpTarget(last)
    if (target !== undefined) node.edges.push({ to: nodeAt(indexes[target]!), state: -1 })
    if (last.op?.kind !== 'ja') node.edges.push({ to: nodeAt(node.end), state: -1 })
  }
  return nodes
}
