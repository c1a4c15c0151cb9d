// The program's shape: subprograms, and the instructions at which states are kept or jumps recorded.

import type { Insn } from '../../isa/index.js'
import { helperById } from '../../spec/index.js'
import { callbackTime, kfuncMeta } from '../call/kfunc-meta.js'
import { type Env, MARK, type Subprog } from '../env.js'

const CALL = 0x85
const EXIT = 0x95

const SYNC_CALLBACKS: ReadonlySet<string> = new Set(['loop', 'for_each_map_elem', 'find_vma', 'user_ringbuf_drain'])

/** The subprogram an instruction calls or takes the address of; -1 for none. */
export function subprogTarget(insn: Insn): number {
  if (insn.code === CALL && insn.src === 1) return insn.pc + insn.imm + 1
  if (insn.code === 0x18 && insn.src === 4) return insn.pc + insn.imm + 1
  return -1
}

export function isSyncCallbackCall(insn: Insn): boolean {
  return insn.code === CALL && insn.src === 0 && SYNC_CALLBACKS.has(helperById(insn.imm)?.name ?? '')
}

/** Where a jump goes; -1 for what is none. */
export function jumpTarget(insn: Insn): number {
  const kind = insn.code & 7
  if (kind !== 5 && kind !== 6) return -1
  const operation = insn.code & 0xf0
  if (operation === 0x80 || operation === 0x90) return -1
  return insn.pc + 1 + (insn.code === 0x06 ? insn.imm : insn.off)
}

/** Finds the subprograms; those with global linkage in BTF are verified on their own. */
export function findSubprogs(env: Env): void {
  const { insns, prog } = env
  const starts = new Set([0])
  if (env.exceptionEntry >= 0) starts.add(env.exceptionEntry)
  for (const insn of insns) {
    const target = insn === undefined ? -1 : subprogTarget(insn)
    if (target >= 0) starts.add(target)
  }
  const sorted = [...starts].sort((a, b) => a - b)
  env.subprogs = sorted.map((start, i): Subprog => {
    const info = prog.funcInfo?.[i]
    const func = info === undefined || prog.btf === undefined ? undefined : prog.btf.type(info.typeId)
    const isFunc = func?.kind === 'func'
    return {
      start,
      end: sorted[i + 1] ?? insns.length,
      name: func?.name ?? '',
      global: isFunc && func.linkage === 'global',
      protoId: isFunc ? func.type : 0,
      funcId: isFunc ? func.id : 0,
      args: undefined,
      stackDepth: 0,
      hasTailCall: false,
      changesPacket: false,
      mightSleep: false,
      called: false,
      asyncCallback: false,
      unreliable: false,
      callback: false,
      exceptionCallback: false,
    }
  })
  const exception = env.exceptionEntry < 0 ? -1 : env.subprogAt(env.exceptionEntry)
  const handler = env.subprogs[exception]
  if (handler !== undefined) {
    env.exceptionCallback = exception
    handler.exceptionCallback = handler.callback = handler.asyncCallback = handler.called = true
  }
  findEffects(env)
}

/** Which subprograms may tail-call or move packet data, themselves or by what they call. */
function findEffects(env: Env): void {
  for (let changed = true; changed; ) {
    changed = false
    for (const subprog of env.subprogs) {
      for (let pc = subprog.start; pc < subprog.end; pc++) {
        const insn = env.insns[pc]
        if (insn === undefined || insn.code !== CALL) continue
        const helper = insn.src === 0 ? helperById(insn.imm) : undefined
        const callee = insn.src === 1 ? env.subprogs[env.subprogAt(subprogTarget(insn))] : undefined
        if (helper?.name === 'tail_call') subprog.hasTailCall = true
        const kfunc = insn.src === 2 ? kfuncMeta(env, insn) : undefined
        const sleeps = helper?.mightSleep === true || kfunc?.has('sleepable') === true || callee?.mightSleep === true
        if (sleeps && !subprog.mightSleep) {
          subprog.mightSleep = true
          changed = true
        }
        const changes =
          kfunc?.name === 'bpf_xdp_pull_data' ||
          helper?.changesPkt === true ||
          helper?.name === 'tail_call' ||
          callee?.changesPacket === true
        if (changes && !subprog.changesPacket) {
          subprog.changesPacket = true
          changed = true
        }
      }
    }
  }
}

/** Marks where states are compared (prune), kept always (force), and where the way taken is recorded (jump). */
export function markFlow(env: Env): void {
  const mark = (idx: number, bits: number) => {
    if (idx < env.marks.length) env.marks[idx] = (env.marks[idx] as number) | bits
  }
  for (const insn of env.insns) {
    if (insn === undefined) continue
    const { pc, code, src, imm } = insn
    const callee = subprogTarget(insn)
    if (callee >= 0) {
      const next = pc + (code === 0x18 ? 2 : 1)
      mark(next, MARK.prune | MARK.jump)
      mark(pc, MARK.prune)
      mark(callee, MARK.prune | MARK.jump)
      continue
    }
    if (code === CALL) {
      mark(pc + 1, MARK.prune | MARK.jump)
      const kfunc = src === 2 ? (env.callName(insn) ?? '') : ''
      if (isSyncCallbackCall(insn) || callbackTime(kfunc) === 'now')
        mark(pc, MARK.callsCallback | MARK.force | MARK.prune | MARK.jump)
      else if (callbackTime(kfunc) === 'later') mark(pc, MARK.prune)
      else if (src === 0 && helperById(imm)?.name === 'timer_set_callback') mark(pc, MARK.prune)
      else if (/^bpf_iter_\w+_next$/.test(kfunc)) mark(pc, MARK.prune | MARK.force)
      continue
    }
    const target = jumpTarget(insn)
    if (target < 0) continue
    mark(target, MARK.prune | MARK.jump)
    if (code === 0x05 || code === 0x06) continue
    mark(pc, insn.op?.kind === 'may_goto' ? MARK.prune | MARK.force : MARK.prune)
  }
}

/** The instructions that may follow in the same subprogram. */
export function successors(insn: Insn): number[] {
  if (insn.code === EXIT) return []
  const target = jumpTarget(insn)
  if (insn.code === 0x05 || insn.code === 0x06) return [target]
  const next = insn.pc + (insn.code === 0x18 ? 2 : 1)
  return target < 0 ? [next] : [next, target]
}
