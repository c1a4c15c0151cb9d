// Stack of all nested calls together. Linux: check_max_stack_depth().

import { subprogTarget } from '../cfg/flow.js'
import type { Env, Subprog } from '../env.js'

const MAX_STACK = 512
const MAX_FRAMES = 8
/** From this on a function gets a stack of its own, where the program type allows. */
const PRIVATE_STACK = 64

const rounded = (depth: number): number => (depth + 15) & ~15

/** Programs that cannot run inside themselves may have frames outside the kernel's stack. */
function hasPrivateStack(env: Env): boolean {
  if (env.subprogs.some(({ hasTailCall }) => hasTailCall)) return false
  switch (env.prog.type) {
    case 'kprobe':
    case 'tracepoint':
    case 'perf_event':
    case 'raw_tracepoint':
      return true
    case 'tracing':
      return env.attachType !== 'trace_iter'
    default:
      return false
  }
}

interface Return {
  readonly pc: number
  readonly index: number
}

/** Refuses call chains that need more than 512 bytes, or 256 where a tail call happens below. */
export function checkStackDepth(env: Env): void {
  // Functions also run asynchronously do so on the kernel's stack.
  const plain = new Set<number>()
  const own = hasPrivateStack(env)
  for (let i = env.subprogs.length - 1; i >= 0; i--) {
    if (i === 0 || env.subprogs[i]?.asyncCallback) checkFrom(env, i, own && i === 0, plain)
  }
}

function checkFrom(env: Env, start: number, own: boolean, plain: Set<number>): void {
  const returns: Return[] = []
  let depth = 0
  let index = start
  if (!own) plain.add(index)
  const separate = (at: number) => own && !plain.has(at) && rounded(env.subprogs[at]?.stackDepth ?? 0) >= PRIVATE_STACK
  const enter = () => {
    const subprog = env.subprogs[index] as Subprog
    if (index > 0 && subprog.hasTailCall && depth >= 256) {
      env.refuse(`tail_calls are not allowed when call stack of previous frames is ${depth} bytes. Too large`, 'EACCES')
    }
    const bytes = rounded(subprog.stackDepth)
    if (separate(index)) {
      if (bytes > MAX_STACK) env.refuse(`stack size of subprog ${index} is ${bytes}. Too large`, 'EACCES')
      return
    }
    depth += bytes
    if (depth > MAX_STACK) {
      env.refuse(`combined stack size of ${returns.length + 1} calls is ${depth}. Too large`, 'EACCES')
    }
  }
  enter()
  let pc = (env.subprogs[index] as Subprog).start
  for (;;) {
    const { end } = env.subprogs[index] as Subprog
    let callee = -1
    for (; pc < end && callee < 0; pc++) {
      const insn = env.insns[pc]
      const target = insn === undefined ? -1 : subprogTarget(insn)
      if (target < 0) continue
      const found = env.subprogAt(target)
      // What runs some other time has a stack of its own.
      if (insn?.code === 0x18 && env.subprogs[found]?.asyncCallback) continue
      callee = found
    }
    if (callee >= 0) {
      returns.push({ pc, index })
      index = callee
      if (!own) plain.add(index)
      if (returns.length >= MAX_FRAMES) {
        env.refuse(`the call stack of ${returns.length} frames is too deep !`, 'E2BIG')
      }
      enter()
      pc = (env.subprogs[index] as Subprog).start
      continue
    }
    const back = returns.pop()
    if (back === undefined) return
    if (!separate(index)) depth -= rounded(env.subprogs[index]?.stackDepth ?? 0)
    index = back.index
    pc = back.pc
  }
}
