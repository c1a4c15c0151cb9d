// Calls that call back into the program: now, any number of times, or some other time.

import { toNumber } from '../domain/int64.js'
import { isConst } from '../domain/num.js'
import { type Env, MARK, type Subprog } from '../env.js'
import { markPrecise } from '../explore/precision.js'
import { pointerReg, type Reg, unknownReg } from '../state/reg.js'
import { type Callback, Frame, State } from '../state/state.js'
import type { CallFacts } from './helper-args.js'
import type { KfuncFacts } from './kfunc-args.js'
import { makeCallbackDynptr } from './special/dynptr.js'
import { unownedNodeReg } from './special/graph.js'

const S32 = [-0x8000_0000, 0x7fff_ffff] as const

type MapFacts = Pick<CallFacts, 'map' | 'mapUid'>

function mapPointer(facts: MapFacts, type: 'map_ptr' | 'map_key' | 'map_value'): Reg {
  const reg = pointerReg(type)
  reg.map = facts.map ?? null
  reg.mapUid = facts.mapUid
  return reg
}

function elementOf(facts: MapFacts): Reg[] {
  return [mapPointer(facts, 'map_ptr'), mapPointer(facts, 'map_key'), mapPointer(facts, 'map_value')]
}

const now = (kind: string): Callback => ({ kind, returns: [0, 1], async: false })

export function helperCallback(env: Env, helper: string, facts: CallFacts): void {
  const { regs } = env
  switch (helper) {
    case 'loop': {
      noteInlining(env, facts.subprog)
      markPrecise(env, 1)
      const limit = regs[1] as Reg
      if (env.frame.callbackDepth < toNumber(limit.umaxLo, limit.umaxHi) || limit.umaxHi < 0) {
        sync(env, facts.subprog, now('loop'), [unknownReg(), regs[3] as Reg])
      } else {
        env.frame.callbackDepth = 0
        if ((env.log.level & 2) !== 0) env.log.write(`frame${env.frame.frameno} bpf_loop iteration limit reached\n`)
      }
      return
    }
    case 'for_each_map_elem':
      sync(env, facts.subprog, now('for_each'), [...elementOf(facts), regs[3] as Reg])
      return
    case 'find_vma': {
      const { kernelBtf } = env.prog
      const id = kernelBtf?.findByName('vm_area_struct', 'struct')
      if (kernelBtf === undefined || id === undefined) env.unsupported('bpf_find_vma')
      const area = pointerReg('ptr_')
      area.btf = { btf: kernelBtf, kernel: true }
      area.btfId = id
      sync(env, facts.subprog, now('find_vma'), [regs[1] as Reg, area, regs[4] as Reg])
      return
    }
    case 'user_ringbuf_drain': {
      const record = makeCallbackDynptr(pointerReg('dynptr_ptr'), 'local', env.newId())
      sync(env, facts.subprog, now('user_ringbuf'), [record, regs[3] as Reg])
      return
    }
    case 'timer_set_callback':
      later(env, facts.subprog, 'timer', [0, 0], elementOf(facts))
      return
  }
}

/** Linux compiles bpf_loop() in where every path calls the same function without flags: then that they are 0 matters. */
function noteInlining(env: Env, subprog: number): void {
  const flags = env.reg(4)
  const known = env.loopInlining.get(env.insnIdx)
  if (known !== undefined && !known.fits) return
  const none = flags.type === 'scalar' && isConst(flags) && flags.valueLo === 0 && flags.valueHi === 0
  if (none) markPrecise(env, 4)
  env.loopInlining.set(env.insnIdx, { subprog, fits: none && (known === undefined || known.subprog === subprog) })
}

export function kfuncCallback(env: Env, kfunc: string, facts: KfuncFacts): void {
  switch (kfunc) {
    case 'bpf_rbtree_add_impl': {
      const node = unownedNodeReg(facts.root)
      if (node !== undefined) sync(env, facts.subprog, now('rbtree_add'), [node, node])
      return
    }
    case 'bpf_wq_set_callback_impl':
      later(env, facts.subprog, 'wq', [0, 0], elementOf(facts))
      return
    case 'bpf_task_work_schedule_signal_impl':
    case 'bpf_task_work_schedule_resume_impl':
      later(env, facts.subprog, 'task_work', S32, elementOf(facts))
      return
  }
}

function enter(env: Env, state: State, subprog: number, callback: Callback, args: readonly Reg[]): Frame {
  if (state.frames.length >= 8) env.refuse(`the call stack of ${state.frames.length + 1} frames is too deep`, 'E2BIG')
  // What runs later was called from nowhere.
  const frame = new Frame(state.frames.length, subprog, callback.async ? -1 : env.insnIdx)
  frame.callback = callback
  args.forEach((reg, i) => {
    frame.regs[i + 1] = reg
  })
  state.frames.push(frame)
  env.scratchAll()
  return frame
}

/** One more run of the callback is a path of its own. */
function sync(env: Env, subprog: number, callback: Callback, args: readonly Reg[]): void {
  if (((env.marks[env.insnIdx] as number) & MARK.callsCallback) === 0) env.unsupported('this callback')
  const entry = env.subprogs[subprog] as Subprog
  entry.callback = true
  const state = env.pushBranch(entry.start, env.insnIdx)
  enter(env, state, subprog, callback, args)
  state.callbackUnrollDepth++
  const caller = state.frames[state.frames.length - 2] as Frame
  caller.callbackDepth++
  env.frame.callbackDepth = 0
}

/** Runs some other time: verified from an empty state. */
function later(env: Env, subprog: number, kind: string, returns: Callback['returns'], args: readonly Reg[]): void {
  const entry = env.subprogs[subprog] as Subprog
  entry.callback = true
  entry.asyncCallback = true
  const state = new State()
  state.sleepable = kind !== 'timer'
  state.branches = 1
  const frame = enter(env, state, subprog, { kind, returns, async: true }, args)
  frame.asyncEntries = env.frame.asyncEntries + 1
  env.pushState(state, entry.start, env.insnIdx)
}
