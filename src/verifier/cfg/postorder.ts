// The order in which facts are carried backwards: an instruction behind all that may follow it, as far as there are no loops.

import type { Env } from '../env.js'
import { successors } from './flow.js'

/** The instructions of one subprogram, those that may come later first. */
export function postorder(env: Env, start: number): Int32Array {
  const out: number[] = []
  const discovered = new Set([start])
  const explored = new Set<number>()
  const stack = [start]
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    if (explored.has(top)) {
      out.push(top)
      stack.pop()
      continue
    }
    const insn = env.insns[top]
    for (const next of insn === undefined ? [] : successors(insn)) {
      if (discovered.has(next) || env.insns[next] === undefined) continue
      discovered.add(next)
      stack.push(next)
    }
    explored.add(top)
  }
  return Int32Array.from(out)
}
