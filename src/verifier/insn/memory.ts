// Loads, stores, atomic operations, ld_imm64 and packet loads.

import type { Insn } from '../../isa/index.js'
import { mapTypeById } from '../../spec/index.js'
import { checkAccess } from '../access/check-access.js'
import { checkPlainPointer } from '../access/regions.js'
import { checkResourceLeak } from '../check/exit.js'
import { fromBig, hi } from '../domain/int64.js'
import { signExtendNum } from '../domain/scalar-alu.js'
import type { Env } from '../env.js'
import { constReg, copyReg, NOT_INIT, pointerReg, type Reg, typeText, UNTRUSTED, unknownReg } from '../state/reg.js'
import { readReg, writeReg } from './operands.js'

const SIZES = [4, 2, 1, 8] as const
const sizeOf = (code: number): number => SIZES[((code & 0x18) >> 3) as 0 | 1 | 2 | 3]

/** Kinds of pointers whose loads and stores are rewritten, each in its own way. */
const REWRITTEN: ReadonlySet<string> = new Set(['ctx', 'sock', 'sock_common', 'tcp_sock', 'xdp_sock', 'ptr_', 'arena'])

/** Linux rewrites an instruction by the kind of pointer it saw: it must be the same on every path (save_aux_ptr_type()). */
function sameKind(env: Env, reg: Reg, isLoad: boolean): void {
  const { type } = reg
  const kind = `${type} ${reg.flags}`
  const known = env.pointerKinds[env.insnIdx]
  if (known === undefined) {
    env.pointerKinds[env.insnIdx] = kind
    return
  }
  if (known === kind) return
  const knownType = known.slice(0, known.indexOf(' '))
  if (!REWRITTEN.has(type) && !REWRITTEN.has(knownType)) return
  const object = (name: string) => name === 'ptr_' || name === 'mem'
  // Objects of different trust are all read as if they were not trusted.
  if (!isLoad || !object(type) || !object(knownType)) env.refuse('same insn cannot be used with different pointers')
  env.pointerKinds[env.insnIdx] = `${type === 'mem' || knownType === 'mem' ? 'mem' : 'ptr_'} ${UNTRUSTED}`
}

export function load(env: Env, insn: Insn): void {
  const { dst, src, off, code } = insn
  readReg(env, src)
  writeReg(env, dst)
  const size = sizeOf(code)
  const kindBefore = env.reg(src)
  checkAccess(env, src, off, {
    write: false,
    size,
    value: dst,
    signed: (code & 0xe0) === 0x80,
    plain: (code & 0xe0) === 0x60,
  })
  if ((code & 0xe0) === 0x80 && size < 8) {
    const loaded = env.reg(dst)
    if (loaded.type === 'scalar') {
      const copy = copyReg(loaded)
      signExtendNum(copy, size, false)
      env.regs[dst] = copy
    }
  }
  sameKind(env, kindBefore, true)
}

export function store(env: Env, insn: Insn): void {
  const { dst, src, off, code, imm } = insn
  const size = sizeOf(code)
  if ((code & 7) === 3) {
    readReg(env, src)
    readReg(env, dst)
    const before = env.reg(dst)
    checkAccess(env, dst, off, { write: true, size, value: src, plain: true })
    sameKind(env, before, false)
  } else {
    readReg(env, dst)
    const before = env.reg(dst)
    checkAccess(env, dst, off, { write: true, size, value: -1, imm, plain: true })
    sameKind(env, before, false)
  }
}

const UNFIT: ReadonlySet<string> = new Set([
  'ctx',
  'pkt',
  'pkt_meta',
  'flow_keys',
  'sock',
  'sock_common',
  'tcp_sock',
  'xdp_sock',
])

function refuseUnfit(env: Env, dst: number): void {
  const reg = env.reg(dst)
  if (!UNFIT.has(reg.type)) return
  env.refuse(`BPF_ATOMIC stores into R${dst} ${typeText(reg.type, reg.flags)} is not allowed`, 'EACCES')
}

export function atomic(env: Env, insn: Insn): void {
  const { dst, src, off, code, imm } = insn
  const size = sizeOf(code)
  if (imm === 0x100) {
    load(env, insn)
    return
  }
  if (imm === 0x110) {
    readReg(env, src)
    readReg(env, dst)
    refuseUnfit(env, dst)
    checkAccess(env, dst, off, { write: true, size, value: src })
    return
  }
  readReg(env, src)
  readReg(env, dst)
  if (imm === 0xf1) {
    readReg(env, 0)
    env.refuseLeak(0, 'into mem')
  }
  env.refuseLeak(src, 'into mem')
  refuseUnfit(env, dst)
  const into = (imm & 1) === 0 ? -1 : imm === 0xf1 ? 0 : src
  if (into >= 0) writeReg(env, into)
  const pointer = env.reg(dst)
  checkAccess(env, dst, off, { write: false, size, value: into < 0 ? -1 : into, aligned: true })
  // The pointer may have been the register that was loaded into.
  const loaded = into >= 0 ? env.reg(into) : NOT_INIT
  if (into === dst) env.regs[dst] = pointer
  checkAccess(env, dst, off, { write: true, size, value: -1, aligned: true })
  if (into >= 0) env.regs[into] = loaded.type === 'not_init' ? unknownReg() : loaded
}

/** A pointer into the arena may be any address: what is there is read and written by instructions that survive a fault. */
export function arenaReg(): Reg {
  const reg = unknownReg()
  reg.type = 'arena'
  return reg
}

export function loadImm64(env: Env, insn: Insn): void {
  const { dst, src, imm } = insn
  writeReg(env, dst)
  const value = insn.imm64 ?? 0n
  if (src === 0) {
    const lo = fromBig(value)
    env.regs[dst] = constReg(lo, hi)
    return
  }
  if (src === 4) {
    const reg = pointerReg('func')
    const subprog = env.subprogAt(insn.pc + imm + 1)
    if (env.prog.btf === undefined || (env.prog.funcInfo?.length ?? 0) === 0) env.refuse('missing btf func_info')
    if (env.subprogs[subprog]?.global) env.refuse('callback function not static')
    reg.subprog = subprog
    env.regs[dst] = reg
    return
  }
  if (src === 3) {
    env.regs[dst] = env.kernelVars.get(insn.pc) ?? unknownReg()
    return
  }
  const map = env.prog.map(imm)
  if (map === undefined) env.refuse(`fd ${imm} is not pointing to valid bpf_map`, 'EBADF')
  if (src === 1 || src === 5) {
    const reg = pointerReg('map_ptr')
    reg.map = map
    env.regs[dst] = reg
    return
  }
  if (mapTypeById(map.type)?.name === 'arena') {
    env.regs[dst] = arenaReg()
    return
  }
  const reg = pointerReg('map_value')
  reg.map = map
  reg.off = Number(value >> 32n)
  env.regs[dst] = reg
}

/** ld_abs and ld_ind: a helper call in disguise, for old packet filters. */
export function loadPacket(env: Env, insn: Insn): void {
  const { type } = env.prog
  if (type !== 'socket_filter' && type !== 'sched_cls' && type !== 'sched_act') {
    env.refuse('BPF_LD_[ABS|IND] instructions not allowed for this program type')
  }
  readReg(env, 6)
  checkResourceLeak(env, 'BPF_LD_[ABS|IND]')
  if (env.reg(6).type !== 'ctx') {
    env.refuse('at the time of BPF_LD_ABS|IND R6 != pointer to skb')
  }
  if ((insn.code & 0xe0) === 0x40) readReg(env, insn.src)
  checkPlainPointer(env, 6)
  for (let reg = 0; reg <= 5; reg++) {
    env.regs[reg] = NOT_INIT
    env.scratch(reg)
  }
  env.regs[0] = unknownReg()
}
