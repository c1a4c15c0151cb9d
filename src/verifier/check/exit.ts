// What must hold when a program ends.

import { type ReturnRange, returnRange } from '../../spec/index.js'
import { plainType } from '../access/btf-walk.js'
import { checkPlainPointer } from '../access/regions.js'
import { lsmRange } from '../access/typed-context.js'
import { toSigned } from '../domain/int64.js'
import type { Env } from '../env.js'
import { markPrecise } from '../explore/precision.js'
import { readReg } from '../insn/operands.js'
import { type Reg, typeText } from '../state/reg.js'

/** Nothing is held: references, locks, sections. `what` names the instruction in the message; `all`: of callers too. */
export function checkResourceLeak(env: Env, what: string, all = false): void {
  const { state } = env
  const outermost = state.frames.length === 1
  const sections = all || outermost || !what.startsWith('BPF_EXIT')
  if (sections && state.activeLocks > 0) env.refuse(`${what} cannot be used inside bpf_spin_lock-ed region`)
  const open = all || outermost ? state.refs.filter((ref) => ref.kind === 'ptr') : []
  if (open.length > 0) {
    for (const ref of open) env.log.write(`Unreleased reference id=${ref.id} alloc_insn=${ref.insn}\n`)
    env.refuse(`${what} would lead to reference leak`)
  }
  if (!sections) return
  if (state.irqId !== 0) env.refuse(`${what} cannot be used inside bpf_local_irq_save-ed region`)
  if (state.rcuDepth > 0) env.refuse(`${what} cannot be used inside bpf_rcu_read_lock-ed region`)
  if (state.preemptDepth > 0) env.refuse(`${what} cannot be used inside bpf_preempt_disable-ed region`)
}

/** The register that becomes the program's result (r0, or r1 of bpf_throw()) lies in the type's range. */
export function checkReturn(env: Env, regno: 0 | 1): void {
  const frame = env.frame
  const entry = env.state.frames[0]
  if (frame.callback?.async === true && env.state.frames.length === 1) {
    readResult(env, regno)
    precise(env, regno)
    checkRange(env, 'At async callback return', frame.callback.returns, regno)
    return
  }
  const exception = entry !== undefined && env.subprogs[entry.subprog]?.exceptionCallback === true
  if (entry?.subprog !== 0 && !exception && regno === 0) {
    readResult(env, 0)
    const reg = env.reg(0)
    if (reg.type !== 'scalar') {
      env.refuse(`At subprogram exit the register R0 is not a scalar value (${typeText(reg.type, reg.flags)})`)
    }
    return
  }
  if (returnsNothing(env) || (regno === 0 && returnsOwned(env))) return
  readResult(env, regno)
  const range = rangeOf(env)
  if (range === 'any') return
  precise(env, regno)
  // A security hook returns an int: the upper half of r0 does not matter.
  checkRange(env, 'At program exit', range, regno, env.prog.type === 'lsm' && env.attachType !== 'lsm_cgroup')
}

function readResult(env: Env, regno: 0 | 1): void {
  readReg(env, regno)
  env.refuseLeak(regno, 'as return value')
}

/** The hook or operation is void: r0 may be anything. */
function returnsNothing(env: Env): boolean {
  const bound = env.prog.type === 'struct_ops' || (env.prog.type === 'lsm' && env.attachType !== 'lsm_cgroup')
  return bound && env.target?.proto?.type === 0
}

/** The struct an operation returns a pointer to; undefined where it returns a number. */
function returnedStruct(env: Env): number | undefined {
  const { target } = env
  if (env.prog.type !== 'struct_ops' || target?.proto === undefined) return undefined
  const { type } = plainType(target.btf.btf, target.proto.type)
  return type.kind === 'ptr' ? plainType(target.btf.btf, type.type).id : undefined
}

/** A struct_ops program may return a reference of its operation's type. */
function returnsOwned(env: Env): boolean {
  const struct = returnedStruct(env)
  const reg = env.reg(0)
  if (struct === undefined || reg.btf === null || reg.btfId !== struct || reg.refObjId === 0) return false
  checkPlainPointer(env, 0)
  return true
}

function rangeOf(env: Env): ReturnRange {
  switch (env.prog.type) {
    case 'lsm':
      if (env.attachType !== 'lsm_cgroup') return lsmRange(env) ?? 'any'
      return env.target?.proto?.type === 0 ? [1, 1] : [0, 1]
    case 'struct_ops':
      return returnedStruct(env) === undefined ? 'any' : [0, 0]
    default:
      return returnRange(env.prog.type, env.attachType)
  }
}

/** What the range is judged by; pointers are refused anyway. */
function precise(env: Env, regno: 0 | 1): void {
  if (env.reg(regno).type === 'scalar') markPrecise(env, regno)
}

export function checkRange(
  env: Env,
  when: string,
  range: readonly [number, number],
  regno: 0 | 1 = 0,
  narrow = false,
): void {
  const reg: Reg = env.reg(regno)
  if (reg.type !== 'scalar') {
    env.refuse(`${when} the register R${regno} is not a known value (${typeText(reg.type, reg.flags)})`)
  }
  const smin = toSigned(reg.sminLo, reg.sminHi)
  const smax = toSigned(reg.smaxLo, reg.smaxHi)
  if (
    narrow ? reg.smin32 >= range[0] && reg.smax32 <= range[1] : smin >= BigInt(range[0]) && smax <= BigInt(range[1])
  ) {
    return
  }
  let text = `${when} the register R${regno} has`
  const known = smin > -0x8000_0000_0000_0000n || smax < 0x7fff_ffff_ffff_ffffn
  if (smin > -0x8000_0000_0000_0000n) text += ` smin=${smin}`
  if (smax < 0x7fff_ffff_ffff_ffffn) text += ` smax=${smax}`
  if (!known) text += ' unknown scalar value'
  env.refuse(`${text} should have been in [${range[0]}, ${range[1]}]`)
}
