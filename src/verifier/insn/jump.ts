// Conditional jumps: certain outcomes, what both branches learn, null checks and packet bounds.

import type { Insn } from '../../isa/index.js'
import { mapTypeById } from '../../spec/index.js'
import { fieldsBehind, specialFields } from '../access/special-fields.js'
import { replaceRegs } from '../call/effects.js'
import { assume, type Comparison, certainOutcome, NEGATED, SWAPPED } from '../domain/compare.js'
import { toNumber } from '../domain/int64.js'
import { isConst, isConst32, setUnbounded } from '../domain/num.js'
import { addNum } from '../domain/scalar-alu.js'
import { syncBounds, violation, zeroExtend32 } from '../domain/sync.js'
import type { Env } from '../env.js'
import { markPrecise } from '../explore/precision.js'
import { findPrevious, widen } from '../explore/widen.js'
import { violationText } from '../log/print-state.js'
import { constReg, copyReg, isNeverNull, isPacketPointer, MAYBE_NULL, type Reg } from '../state/reg.js'
import { type Linked, SLOT, type State } from '../state/state.js'
import { readReg } from './operands.js'
import { mispredict } from './speculation.js'

const OPERATORS: Readonly<Record<number, Comparison>> = {
  16: 'eq',
  32: 'gt',
  48: 'ge',
  64: 'set',
  80: 'ne',
  96: 'sgt',
  112: 'sge',
  160: 'lt',
  176: 'le',
  192: 'slt',
  208: 'sle',
}

const AT_END = -1
const BEYOND_END = -2

/** Returns the next instruction of this path. */
export function condJump(env: Env, insn: Insn): number {
  const { pc, dst, src, off, code, imm } = insn
  const next = pc + 1
  if (insn.op?.kind === 'may_goto') {
    const previous = env.state.parent === undefined ? undefined : findPrevious(env, env.state.parent, pc)
    const other = env.pushBranch(next, pc)
    other.mayGotoDepth++
    if (previous !== undefined) widen(env, previous, other)
    return pc + off + 1
  }
  const op = OPERATORS[code & 0xf0] as Comparison
  const narrow = (code & 7) === 6
  const byReg = (code & 8) !== 0
  readReg(env, dst)
  if (byReg) readReg(env, src)
  const left = env.reg(dst)
  const right = byReg ? env.reg(src) : constReg(imm, imm >> 31)
  if (byReg && env.hides(right) && !(isPacketOrEnd(left) && isPacketOrEnd(right))) {
    env.refuse(`R${src} pointer comparison prohibited`, 'EACCES')
  }
  const outcome = decide(op, left, right, narrow)
  if (outcome !== undefined) {
    if (left.type === 'scalar') markPrecise(env, dst)
    if (byReg && right.type === 'scalar') markPrecise(env, src)
    if (!env.perfmon) mispredict(env, insn, outcome ? next : pc + off + 1)
    if (env.log.traces) env.printInsnState()
    return outcome ? pc + off + 1 : next
  }
  const linked: Linked[] = []
  if (byReg && right.type === 'scalar' && right.id !== 0) collectLinked(env, right.id, linked)
  if (left.type === 'scalar' && left.id !== 0) collectLinked(env, left.id, linked)
  if (linked.length > 1) env.pushHistory(-1, -1, linked)
  const { state } = env
  const other = env.pushBranch(pc + off + 1, pc)
  if (left.type === 'scalar' && right.type === 'scalar') {
    learn(state, NEGATED[op], dst, byReg ? src : -1, right, narrow)
    learn(other, op, dst, byReg ? src : -1, right, narrow)
    const sides = byReg ? [dst, src] : [dst]
    sides.forEach((regno, i) => {
      settle(env, other, regno, `true_reg${i + 1}`)
    })
    sides.forEach((regno, i) => {
      settle(env, state, regno, `false_reg${i + 1}`)
    })
  }
  for (const each of [state, other]) {
    const frame = each.frame
    if (byReg && right.type === 'scalar' && right.id !== 0) syncLinked(each, frame.regs[src] as Reg, linked)
    if (left.type === 'scalar' && left.id !== 0) syncLinked(each, frame.regs[dst] as Reg, linked)
  }
  nullChecks(env, other, insn, op, narrow, byReg)
  if (env.log.traces) env.printInsnState()
  return next
}

const isPacketOrEnd = (reg: Reg): boolean => isPacketPointer(reg) || reg.type === 'pkt_end'

function decide(op: Comparison, left: Reg, right: Reg, narrow: boolean): boolean | undefined {
  if (isPacketOrEnd(left) && isPacketOrEnd(right) && !narrow) return decidePacket(op, left, right)
  let a = left
  let b = right
  let operator = op
  if (!(b.type === 'scalar' && (narrow ? isConst32(b) : isConst(b)))) {
    ;[a, b] = [b, a]
    operator = SWAPPED[op]
  }
  if (a.type !== 'scalar') {
    if (b.type !== 'scalar' || !(narrow ? isConst32(b) : isConst(b)) || !isNeverNull(a)) return undefined
    if (b.valueLo !== 0 || (!narrow && b.valueHi !== 0)) return undefined
    return operator === 'eq' ? false : operator === 'ne' ? true : undefined
  }
  if (b.type !== 'scalar') return undefined
  return certainOutcome(operator, a, b, narrow)
}

function decidePacket(op: Comparison, left: Reg, right: Reg): boolean | undefined {
  let pkt: Reg
  let operator = op
  if (right.type === 'pkt_end') pkt = left
  else if (left.type === 'pkt_end') {
    pkt = right
    operator = SWAPPED[op]
  } else return undefined
  if (pkt.range >= 0) return undefined
  switch (operator) {
    case 'le':
    case 'gt':
      return pkt.range === BEYOND_END ? operator === 'gt' : undefined
    case 'lt':
    case 'ge':
      return operator === 'ge'
    default:
      return undefined
  }
}

function learn(state: State, op: Comparison, dst: number, src: number, constant: Reg, narrow: boolean): void {
  const { regs } = state.frame
  const a = copyReg(regs[dst] as Reg)
  // A register compared with itself is both sides at once: Linux narrows it by itself.
  const b = src < 0 ? copyReg(constant) : src === dst ? a : copyReg(regs[src] as Reg)
  assume(op, a, b, narrow)
  regs[dst] = a
  if (src >= 0) regs[src] = b
}

/** A number that cannot be: Linux complains and forgets its ranges. */
export function settle(env: Env, state: State, regno: number, name: string): void {
  const reg = state.frame.regs[regno] as Reg
  const wrong = violation(reg)
  if (wrong === undefined) return
  env.log.write(`verifier bug: REG INVARIANTS VIOLATION (${name}): ${wrong} ${violationText(reg)}\n`)
  if (env.prog.testRegInvariants === true) env.refuseSilently(wrong, 'EFAULT')
  const made = copyReg(reg)
  setUnbounded(made)
  state.frame.regs[regno] = made
}

const MAX_LINKED = 6

/** Registers somebody may still read, and spilled ones; those that are too many lose the link. */
function collectLinked(env: Env, id: number, out: Linked[]): void {
  const { state } = env
  for (let f = state.frames.length - 1; f >= 0; f--) {
    const frame = state.frames[f]
    if (frame === undefined) continue
    const live = env.live[state.insnOfFrame(f)] as number
    for (let i = 0; i < 10; i++) {
      if ((live & (1 << i)) === 0) continue
      const reg = frame.regs[i] as Reg
      if (reg.type !== 'scalar' || reg.id !== id) continue
      if (out.length < MAX_LINKED) out.push({ frame: f, index: i, spilled: false })
      else frame.regs[i] = unlinked(reg)
    }
    for (let slot = 0; slot < frame.spills.length; slot++) {
      const reg = frame.spills[slot]
      if (reg?.type !== 'scalar' || reg.id !== id || frame.types[slot * 8 + 7] !== SLOT.spill) continue
      if (out.length < MAX_LINKED) out.push({ frame: f, index: slot, spilled: true })
      else frame.spills[slot] = unlinked(reg)
    }
  }
}

function unlinked(reg: Reg): Reg {
  const made = copyReg(reg)
  made.id = 0
  made.addConst = 0
  return made
}

/** What was learnt of one register holds for all that share its id. */
function syncLinked(state: State, known: Reg, linked: readonly Linked[]): void {
  for (const { frame: f, index, spilled } of linked) {
    const frame = state.frames[f]
    const reg = spilled ? frame?.spills[index] : frame?.regs[index]
    if (frame === undefined || reg === undefined || reg === known || reg.type !== 'scalar' || reg.id !== known.id)
      continue
    const made = copyReg(known)
    made.precise = reg.precise
    if (reg.addConst !== 0 && known.addConst !== 0 && reg.addConst !== known.addConst) continue
    if ((reg.addConst !== 0 || known.addConst !== 0) && reg.off !== known.off) {
      const distance = reg.off - known.off
      addNum(made, constReg(distance | 0, (distance | 0) >> 31))
      if (reg.addConst === 32 || known.addConst === 32) zeroExtend32(made)
      syncBounds(made)
      made.off = reg.off
      made.addConst = reg.addConst
    }
    if (spilled) frame.spills[index] = made
    else frame.regs[index] = made
  }
}

function nullChecks(env: Env, other: State, insn: Insn, op: Comparison, narrow: boolean, byReg: boolean): void {
  const { state } = env
  const left = state.frame.regs[insn.dst] as Reg
  if (!narrow && !byReg && insn.imm === 0 && (op === 'eq' || op === 'ne') && (left.flags & MAYBE_NULL) !== 0) {
    settleNull(state, left.id, left.refObjId, op === 'ne')
    settleNull(other, left.id, left.refObjId, op === 'eq')
    return
  }
  if (byReg && !narrow) equalPointers(state, other, insn, op)
  const bounded = byReg && !narrow && packetBounds(state, other, insn, op)
  if (!bounded && env.hides(env.reg(insn.dst))) env.refuse(`R${insn.dst} pointer comparison prohibited`, 'EACCES')
}

/** A pointer that equals one that is not null is not null either. */
function equalPointers(state: State, other: State, insn: Insn, op: Comparison): void {
  const left = state.frame.regs[insn.dst] as Reg
  const right = state.frame.regs[insn.src] as Reg
  const pointer = (reg: Reg) => reg.type !== 'scalar' && reg.type !== 'not_init' && reg.type !== 'ptr_'
  if (!pointer(left) || !pointer(right) || (op !== 'eq' && op !== 'ne')) return
  if (((left.flags ^ right.flags) & MAYBE_NULL) === 0) return
  const { regs } = (op === 'eq' ? other : state).frame
  const regno = (left.flags & MAYBE_NULL) !== 0 ? insn.dst : insn.src
  const made = notNull(regs[regno] as Reg)
  made.id = (regs[regno] as Reg).id
  regs[regno] = made
}

/** All copies of a pointer that may be null are either null or not. */
function settleNull(state: State, id: number, refObjId: number, isNull: boolean): void {
  if (isNull && refObjId !== 0 && refObjId === id) {
    state.refs = state.refs.filter((ref) => ref.id !== id)
  }
  replaceRegs(state, (reg) => {
    if ((reg.flags & MAYBE_NULL) === 0 || reg.id !== id) return undefined
    if (isNull) return constReg(0, 0)
    return notNull(reg)
  })
}

function notNull(reg: Reg): Reg {
  const made = copyReg(reg)
  made.flags &= ~MAYBE_NULL
  if (made.type === 'map_value' && made.map !== null) {
    const { map } = made
    const type = mapTypeById(map.type)?.name
    if (map.inner !== undefined) {
      made.type = 'map_ptr'
      made.map = map.inner
      const special = specialFields(map.inner).length > 0
      made.mapUid = special ? reg.id : 0
    } else if (type === 'xskmap') {
      made.type = 'xdp_sock'
      made.map = null
    } else if (type === 'sockmap' || type === 'sockhash') {
      made.type = 'sock'
      made.map = null
    }
  }
  const keepsId =
    (made.type === 'map_value' || made.type === 'ptr_') &&
    fieldsBehind(made).some(({ kind }) => kind === 'bpf_spin_lock' || kind === 'bpf_res_spin_lock')
  if (!keepsId) made.id = 0
  return made
}

const isStart = (reg: Reg): boolean =>
  reg.id === 0 && reg.off === 0 && isConst(reg) && reg.valueLo === 0 && reg.valueHi === 0

/** A comparison with the packet's end tells how many bytes are there. */
function packetBounds(state: State, other: State, insn: Insn, op: Comparison): boolean {
  const dst = state.frame.regs[insn.dst] as Reg
  const src = state.frame.regs[insn.src] as Reg
  const pair = (a: Reg, b: Reg) =>
    (a.type === 'pkt' && b.type === 'pkt_end') || (a.type === 'pkt_meta' && b.type === 'pkt' && isStart(b))
  let operator = op
  let regno: number
  if (pair(dst, src)) regno = insn.dst
  else if (pair(src, dst)) {
    regno = insn.src
    operator = SWAPPED[op]
  } else return false
  switch (operator) {
    case 'gt':
      goodRange(state, regno, false)
      markEnd(other, regno, BEYOND_END)
      break
    case 'le':
      goodRange(other, regno, false)
      markEnd(state, regno, BEYOND_END)
      break
    case 'ge':
      goodRange(state, regno, true)
      markEnd(other, regno, AT_END)
      break
    case 'lt':
      goodRange(other, regno, true)
      markEnd(state, regno, AT_END)
      break
    default:
      return false
  }
  return true
}

function goodRange(state: State, regno: number, open: boolean): void {
  const reg = state.frame.regs[regno] as Reg
  if (reg.off < 0 || (reg.off === 0 && open)) return
  const umax = toNumber(reg.umaxLo, reg.umaxHi)
  if (reg.umaxHi !== 0 || umax > 0xffff || umax + reg.off > 0xffff) return
  const range = reg.off + (open ? 1 : 0)
  const { id, type } = reg
  replaceRegs(state, (each) => {
    if (each.type !== type || each.id !== id || each.range >= range) return undefined
    const made = copyReg(each)
    made.range = range
    return made
  })
}

function markEnd(state: State, regno: number, range: number): void {
  const { regs } = state.frame
  const reg = regs[regno] as Reg
  if (reg.type !== 'pkt') return
  const made = copyReg(reg)
  made.range = range
  regs[regno] = made
}
