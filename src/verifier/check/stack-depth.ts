// Stack of all nested calls together, and what may not be called from where.

import { isThrow } from '../call/kfunc-meta.js'
import { subprogTarget } from '../cfg/flow.js'
import type { Env, Subprog } from '../env.js'

const MAX_STACK = 512
const MAX_FRAMES = 8
/** Callers of a subprogram with tail calls may have used less than this. */
const MAX_ABOVE_TAIL_CALL = 256
/** Subprograms that use at least as much get a stack of their own where the type allows it. */
const MIN_PRIVATE = 64

const rounded = (depth: number): number => (depth + 15) & ~15

/** These types run without a trampoline, which would keep them from nesting. */
const PRIVATE_STACK: ReadonlySet<string> = new Set(['kprobe', 'tracepoint', 'perf_event', 'raw_tracepoint'])

function privateStacks(env: Env): boolean {
  if (env.subprogs.some(({ hasTailCall }) => hasTailCall)) return false
  const { type, attachType } = env.prog
  if (PRIVATE_STACK.has(type)) return true
  if (type === 'tracing') return attachType !== 'trace_iter'
  return type === 'lsm'
}

/** Refuses call chains that need more than 512 bytes, or 256 where a tail call happens below. */
export function checkStackDepth(env: Env): void {
  const priv = privateStacks(env)
  // Asynchronous callbacks come first: what they use never has a stack of its own.
  const shared = new Set<number>()
  for (let i = env.subprogs.length - 1; i >= 0; i--) {
    if (i === 0 || (env.subprogs[i] as Subprog).asyncCallback) visitChain(env, i, i === 0 && priv, shared)
  }
}

function visitChain(env: Env, root: number, priv: boolean, shared: Set<number>): void {
  const owns = (index: number): boolean =>
    priv && !shared.has(index) && rounded((env.subprogs[index] as Subprog).stackDepth) >= MIN_PRIVATE
  const visit = (index: number, above: number, path: readonly number[]): void => {
    const subprog = env.subprogs[index] as Subprog
    if (index !== 0 && subprog.hasTailCall && above >= MAX_ABOVE_TAIL_CALL) {
      env.refuse(`tail_calls are not allowed when call stack of previous frames is ${above} bytes. Too large`, 'EACCES')
    }
    const depth = rounded(subprog.stackDepth)
    if (!priv) shared.add(index)
    let total = above
    if (owns(index)) {
      if (depth > MAX_STACK) env.refuse(`stack size of subprog ${index} is ${depth}. Too large`, 'EACCES')
    } else {
      total += depth
      if (total > MAX_STACK)
        env.refuse(`combined stack size of ${path.length + 1} calls is ${total}. Too large`, 'EACCES')
    }
    for (let pc = subprog.start; pc < subprog.end; pc++) {
      const insn = env.insns[pc]
      if (insn === undefined) continue
      if (isThrow(env, insn)) {
        const callback = subprog.callback || path.some((each) => env.subprogs[each]?.callback === true)
        if (callback) env.refuse(`bpf_throw kfunc (insn ${pc}) cannot be called from callback subprog ${index}`)
        continue
      }
      const target = subprogTarget(insn)
      if (target < 0) continue
      const callee = env.subprogAt(target)
      const called = env.subprogs[callee] as Subprog
      if (called.asyncCallback) {
        if (called.hasTailCall) env.refuse('subprog has tail_call and async cb', 'EFAULT')
        // What runs some other time has a stack of its own, unless it is called as well.
        if (insn.code === 0x18) continue
        if (called.exceptionCallback) {
          const message = `insn ${pc} cannot call exception cb directly`
          env.log.write(message)
          env.refuseSilently(message)
        }
      }
      if (path.length + 1 >= MAX_FRAMES)
        env.refuse(`the call stack of ${path.length + 1} frames is too deep !`, 'E2BIG')
      visit(callee, total, [...path, index])
    }
  }
  visit(root, 0, [])
}
