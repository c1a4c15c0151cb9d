// Loops: the strongly connected components of the flow graph with more than one instruction or a jump to itself.

import type { Env } from '../env.js'
import { successors } from './flow.js'

/** The number of the loop each instruction belongs to; 0 for none. Tarjan's algorithm, without recursion. */
export function findLoops(env: Env): Int32Array {
  const count = env.insns.length
  const loops = new Int32Array(count)
  const order = new Int32Array(count)
  const low = new Int32Array(count)
  const open: number[] = []
  const isOpen = new Uint8Array(count)
  let next = 1
  let number = 1
  for (let start = 0; start < count; start++) {
    if (env.insns[start] === undefined || order[start] !== 0) continue
    const path: { at: number; followers: number[]; done: number }[] = []
    const enter = (at: number) => {
      order[at] = low[at] = next++
      open.push(at)
      isOpen[at] = 1
      const insn = env.insns[at]
      path.push({ at, followers: insn === undefined ? [] : successors(insn), done: 0 })
    }
    enter(start)
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { at, followers } = top
      const follower = followers[top.done++]
      if (follower !== undefined) {
        if (follower >= count) continue
        if (order[follower] === 0) enter(follower)
        else if (isOpen[follower] === 1) low[at] = Math.min(low[at] as number, order[follower] as number)
        continue
      }
      path.pop()
      const above = path.at(-1)
      if (above !== undefined) low[above.at] = Math.min(low[above.at] as number, low[at] as number)
      if (low[at] !== order[at]) continue
      const isLoop = open.at(-1) !== at || followers.includes(at)
      for (let member = open.pop(); member !== undefined; member = open.pop()) {
        isOpen[member] = 0
        if (isLoop) loops[member] = number
        if (member === at) break
      }
      if (isLoop) number++
    }
  }
  return loops
}
