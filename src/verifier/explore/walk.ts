// The walk along all paths, depth first, in Linux's order.

import { checkInsnFields, type Insn } from '../../isa/index.js'
import { helperById } from '../../spec/index.js'
import { clearPacketPointers } from '../call/effects.js'
import { helperCall } from '../call/helper.js'
import { kfuncCall } from '../call/kfunc.js'
import { allowedUnderLock } from '../call/kfunc-meta.js'
import { leaveFrame, subprogCall } from '../call/subprog.js'
import { checkResourceLeak, checkReturn } from '../check/exit.js'
import { BARRIER, type Env, MARK } from '../env.js'
import { aluInsn } from '../insn/alu.js'
import { condJump } from '../insn/jump.js'
import { atomic, load, loadImm64, loadPacket, store } from '../insn/memory.js'
import { Refusal } from '../refusal.js'
import { constReg, type Reg, unknownReg } from '../state/reg.js'
import { finishPath, isVisited } from './visited.js'

const PATH_END = -1
/** Faults a barrier keeps the processor from. */
const RECOVERABLE: ReadonlySet<string> = new Set(['EPERM', 'EACCES', 'EINVAL'])

/** Walks from the state at hand until no path is left. */
export function walk(env: Env): void {
  env.printPath = false
  const { log } = env
  const pops = (log.level & 2) === 0
  let previous = -1
  for (;;) {
    env.historyEntry = undefined
    env.prevInsnIdx = previous
    const idx = env.insnIdx
    const insn = env.insns[idx]
    if (insn === undefined) env.refuse(`invalid insn idx ${idx} insn_cnt ${env.insns.length}`, 'EFAULT')
    if (++env.insnsProcessed > env.maxInsns) {
      env.refuse(`BPF program is too large. Processed ${env.insnsProcessed} insn`, 'E2BIG')
    }
    const { state } = env
    state.lastInsn = previous
    state.insnIdx = idx
    let next: number
    if (((env.marks[idx] as number) & MARK.prune) !== 0 && isVisited(env)) {
      if (log.traces) {
        log.write(env.printPath ? `\nfrom ${previous} to ${idx}${guess(env)}: safe\n` : `${idx}: safe\n`)
      }
      next = PATH_END
    } else {
      if (((env.marks[idx] as number) & MARK.jump) !== 0) env.pushHistory()
      if (log.traces) {
        if (env.printPath && !pops) {
          log.write(`\nfrom ${previous} to ${idx}${guess(env)}:`)
          env.printState()
          env.printPath = false
        }
        env.printInsnState()
        env.printLine(idx)
        const start = log.position
        log.write(`${idx}: ${env.insnText(idx)}\n`)
        log.prevWidth = log.position - start
        log.prevPosition = log.position
      }
      env.visits[idx] = (env.visits[idx] as number) + 1
      if (!env.perfmon && !state.speculative) env.reached[idx] = 1
      env.onState?.(idx, state)
      previous = idx
      if (state.speculative) next = guessedStep(env, insn)
      else {
        env.stackLiveness.begin(idx)
        next = step(env, insn)
        env.stackLiveness.commit()
      }
    }
    if (next !== PATH_END) {
      env.insnIdx = next
      continue
    }
    env.scratchAll()
    finishPath(env, env.state)
    env.stackLiveness.update()
    const branch = env.branches.pop()
    if (branch === undefined) return
    if (pops) log.reset(branch.logPosition)
    env.state = branch.state
    env.insnIdx = branch.insnIdx
    previous = branch.prevInsnIdx
    env.printPath = true
  }
}

const guess = (env: Env): string => (env.state.speculative ? ' (speculative execution)' : '')

/** One instruction on a path only a wrong guess of the processor leads to: a fault there asks for a barrier. */
function guessedStep(env: Env, insn: Insn): number {
  const { insnIdx: idx, barriers } = env
  if (((barriers[idx] as number) & BARRIER.before) !== 0) return PATH_END
  env.stackLiveness.begin(idx)
  let next: number
  try {
    next = step(env, insn)
  } catch (error) {
    if (!(error instanceof Refusal) || error.unsupported || !RECOVERABLE.has(error.errno)) throw error
    env.stackLiveness.commit()
    barriers[idx] = (barriers[idx] as number) | BARRIER.before
    env.masks[idx] = undefined
    return PATH_END
  }
  env.stackLiveness.commit()
  return ((barriers[idx] as number) & BARRIER.behind) !== 0 ? PATH_END : next
}

/** One instruction; the next one on this path or PATH_END. */
function step(env: Env, insn: Insn): number {
  const kind = insn.code & 7
  // Its fields do not change between two looks at an instruction; but the first may have been a guess, which refuses nothing.
  const wrong = env.visits[insn.pc] === 1 || !env.perfmon ? checkInsnFields(insn) : undefined
  if (wrong !== undefined) {
    if (kind === 5 || kind === 6) env.jumpsProcessed++
    env.refuse(wrong.message, wrong.errno)
  }
  switch (kind) {
    case 4:
    case 7:
      aluInsn(env, insn)
      return insn.pc + 1
    case 1:
      load(env, insn)
      return insn.pc + 1
    case 3:
      if ((insn.code & 0xe0) === 0xc0) atomic(env, insn)
      else store(env, insn)
      return insn.pc + 1
    case 2:
      store(env, insn)
      return insn.pc + 1
    case 0:
      if (insn.code === 0x18) {
        loadImm64(env, insn)
        return insn.pc + 2
      }
      loadPacket(env, insn)
      return mayLeave(env, insn.pc, constReg(0, 0))
    default:
      return jump(env, insn)
  }
}

const TAIL_CALL = 12

/**
 * A tail call, or a load beyond the packet's end, in a function ends that function too: the path goes on in its caller, and
 * behind the instruction later. Returns the next instruction.
 */
function mayLeave(env: Env, pc: number, result: Reg): number {
  if (env.state.frames.length === 1) return pc + 1
  env.scratch(0)
  env.pushBranch(pc + 1, pc)
  if (env.insns[pc]?.imm === TAIL_CALL && env.insns[pc]?.code === 0x85) clearPacketPointers(env)
  env.regs[0] = result
  return leaveFrame(env)
}

function jump(env: Env, insn: Insn): number {
  env.jumpsProcessed++
  const { code, src, pc } = insn
  switch (code & 0xf0) {
    case 0x80: {
      if (env.state.activeLocks > 0) {
        const helper = src === 0 && helperById(insn.imm)?.name !== 'spin_unlock'
        const kfunc = src === 2 && !allowedUnderLock(env.callName(insn) ?? '')
        if (helper || kfunc) env.refuse('function calls are not allowed while holding a lock')
      }
      if (src === 1) return subprogCall(env, insn)
      if (src === 2) return kfuncCall(env, insn)
      helperCall(env, insn)
      return src === 0 && insn.imm === TAIL_CALL ? mayLeave(env, pc, unknownReg()) : pc + 1
    }
    case 0x00:
      return pc + 1 + (code === 0x06 ? insn.imm : insn.off)
    case 0x90: {
      const inner = env.state.frames.length > 1
      if (!inner) checkResourceLeak(env, 'BPF_EXIT instruction in main prog')
      if (inner) {
        const next = leaveFrame(env)
        env.printPath = true
        return next
      }
      checkReturn(env, 0)
      return PATH_END
    }
    default:
      return condJump(env, insn)
  }
}
