// What no path reaches goes, and what is left of it: branches with one side, jumps to the next instruction.

import { isJump, type Node, node, rewriteNodes } from './node.js'

const MAY_GOTO = 0xe5

/** The program without what was never seen; `seen` by original slot. */
export function removeDeadCode(nodes: readonly Node[], seen: ArrayLike<number>): Node[] {
  const isSeen = (at: Node | undefined): boolean => at === undefined || at.pc < 0 || seen[at.pc] !== 0
  const wired = rewriteNodes(nodes, (at, i) => {
    if (!isJump(at.code) || at.code === 0x05 || at.code === 0x06) return undefined
    const { pc, target } = at
    const next = nodes[i + 1]
    if (!isSeen(next) && target !== undefined) return [node({ code: 0x05, pc, target })]
    if (!isSeen(target) && next !== undefined) return [node({ code: 0x05, pc, target: next })]
    return undefined
  })
  const alive = rewriteNodes(wired, (at) => (isSeen(at) ? undefined : []))
  return rewriteNodes(alive, (at, i) => {
    const nothing = (at.code === 0x05 || at.code === MAY_GOTO) && at.target === alive[i + 1]
    return nothing ? [] : undefined
  })
}
