// Stack of all nested calls together.

import { subprogTarget } from '../cfg/flow.js'
import type { Env, Subprog } from '../env.js'

const rounded = (depth: number): number => (Math.max(1, depth) + 15) & ~15

/** Refuses call chains that need more than 512 bytes, or 256 where a tail call happens below. */
export function checkStackDepth(env: Env): void {
  const visit = (index: number, above: number, frames: number, path: readonly number[]): void => {
    if (path.includes(index))
      env.refuse(
        'recursive call from ' +
          `${env.subprogs[path.at(-1) ?? 0]?.name ?? ''}() to ${env.subprogs[index]?.name ?? ''}()`,
      )
    const subprog = env.subprogs[index] as Subprog
    if (index !== 0 && subprog.hasTailCall && above >= 256) {
      env.refuse(`tail_calls are not allowed when call stack of previous frames is ${above} bytes. Too large`, 'EACCES')
    }
    const total = above + rounded(subprog.stackDepth)
    if (total > 512) {
      env.refuse(`combined stack size of ${frames} calls is ${total}. Too large`, 'EACCES')
    }
    for (let pc = subprog.start; pc < subprog.end; pc++) {
      const insn = env.insns[pc]
      if (insn === undefined) continue
      const target = subprogTarget(insn)
      if (target < 0) continue
      const callee = env.subprogAt(target)
      // What runs some other time has a stack of its own.
      if (insn.code === 0x18 && env.subprogs[callee]?.asyncCallback) continue
      visit(callee, total, frames + 1, [...path, index])
    }
  }
  env.subprogs.forEach((subprog, i) => {
    if (i === 0 || subprog.asyncCallback) visit(i, 0, 1, [])
  })
}
