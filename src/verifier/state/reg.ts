// A register (or a spilled one): what kind of value it holds, and what is known of it. Registers are never changed in place
// once a state holds them: `copyReg` first, so that copying a state is copying references.

import { copyNum, type Num, setKnown, setUnknown } from '../domain/num.js'
import type { BtfRef, MapDescription } from '../types.js'

/** Linux's register types, as its log spells them (`fp` is the stack, `ptr_` a BTF pointer). */
export type RegType =
  | 'not_init'
  | 'scalar'
  | 'ctx'
  | 'map_ptr'
  | 'map_value'
  | 'map_key'
  | 'fp'
  | 'pkt'
  | 'pkt_meta'
  | 'pkt_end'
  | 'flow_keys'
  | 'sock'
  | 'sock_common'
  | 'tcp_sock'
  | 'xdp_sock'
  | 'tp_buffer'
  | 'ptr_'
  | 'mem'
  | 'buf'
  | 'func'
  | 'arena'
  | 'dynptr_ptr'

export const MAYBE_NULL = 1
export const RDONLY = 2
export const RINGBUF = 4
export const USER = 8
export const PERCPU = 16
export const RCU = 32
export const UNTRUSTED = 64
export const TRUSTED = 128
export const ALLOC = 256
export const NON_OWN_REF = 512
/** Memory that a dynptr gave out; which kind of dynptr. */
export const DYNPTR_LOCAL = 1024
export const DYNPTR_RINGBUF = 2048
export const DYNPTR_SKB = 4096
export const DYNPTR_XDP = 8192
export const DYNPTR_SKB_META = 16384
export const DYNPTR_FLAGS = DYNPTR_LOCAL | DYNPTR_RINGBUF | DYNPTR_SKB | DYNPTR_XDP | DYNPTR_SKB_META
/** What a pointer to a kernel object may carry and still be trusted. */
export const TRUSTED_FLAGS = ALLOC | TRUSTED | NON_OWN_REF

export class Reg implements Num {
  type: RegType = 'not_init'
  flags = 0
  /** Fixed offset of a pointer; of a scalar linked with addConst, its distance from the others. */
  off = 0
  /** Registers with the same id share the same unknown part. */
  id = 0
  /** The id is shared up to `off`: added in 64 or in 32 bits; 0 where it is not. */
  addConst: 0 | 32 | 64 = 0
  refObjId = 0
  /** Bytes of packet known to be there. */
  range = 0
  /** pkt_end-relative knowledge beyond or at the end; 0 none. */
  frameno = 0
  subprog = 0
  map: MapDescription | null = null
  mapUid = 0
  memSize = 0
  /** Memory inside a dynptr: the dynptr's id. Of a dynptr_ptr: its own. */
  dynptrId = 0
  /** Kind of a dynptr handed to a callback. */
  dynptrType = ''
  btf: BtfRef | null = null
  btfId = 0
  precise = false
  valueLo = 0
  valueHi = 0
  maskLo = -1
  maskHi = -1
  uminLo = 0
  uminHi = 0
  umaxLo = -1
  umaxHi = -1
  sminLo = 0
  sminHi = -0x8000_0000
  smaxLo = -1
  smaxHi = 0x7fff_ffff
  umin32 = 0
  umax32 = -1
  smin32 = -0x8000_0000
  smax32 = 0x7fff_ffff
}

export function copyReg(from: Reg): Reg {
  const to = new Reg()
  to.type = from.type
  to.flags = from.flags
  to.off = from.off
  to.id = from.id
  to.addConst = from.addConst
  to.refObjId = from.refObjId
  to.range = from.range
  to.frameno = from.frameno
  to.subprog = from.subprog
  to.map = from.map
  to.mapUid = from.mapUid
  to.memSize = from.memSize
  to.dynptrId = from.dynptrId
  to.dynptrType = from.dynptrType
  to.btf = from.btf
  to.btfId = from.btfId
  to.precise = from.precise
  copyNum(to, from)
  return to
}

/** Never written by anyone. */
export const NOT_INIT: Reg = Object.freeze(new Reg())

/** A number nothing is known of. */
export function unknownReg(precise = false): Reg {
  const reg = new Reg()
  reg.type = 'scalar'
  reg.precise = precise
  return reg
}

export function constReg(lo: number, high: number, precise = false): Reg {
  const reg = unknownReg(precise)
  setKnown(reg, lo, high)
  return reg
}

/** A pointer to the start of something. */
export function pointerReg(type: RegType, flags = 0): Reg {
  const reg = new Reg()
  reg.type = type
  reg.flags = flags
  setKnown(reg, 0, 0)
  return reg
}

/** Forgets everything but that it is a number. */
export function makeUnknown(reg: Reg, precise: boolean): void {
  Object.assign(reg, EMPTY)
  reg.type = 'scalar'
  reg.precise = precise
  setUnknown(reg)
}

const EMPTY = {
  ...{ flags: 0, off: 0, id: 0, addConst: 0 as const, refObjId: 0, range: 0, frameno: 0, subprog: 0 },
  ...{ map: null, mapUid: 0, memSize: 0, dynptrId: 0, dynptrType: '', btf: null, btfId: 0 },
}

export function isPacketPointer(reg: Reg): boolean {
  return reg.type === 'pkt' || reg.type === 'pkt_meta'
}

const TRUST = ALLOC | TRUSTED | NON_OWN_REF

/** Objects a helper or kfunc may rely on: referenced ones, and what the kernel handed over itself. */
export function isTrusted(reg: Reg): boolean {
  if (reg.refObjId !== 0) return true
  switch (reg.type) {
    case 'sock':
    case 'sock_common':
    case 'tcp_sock':
    case 'map_ptr':
      if ((reg.flags & ~TRUST) === 0) return true
  }
  return (reg.flags & TRUST) !== 0 && (reg.flags & ~TRUST) === 0
}

/** The pointer cannot be NULL as far as comparisons with 0 go. */
export function isNeverNull(reg: Reg): boolean {
  if ((reg.flags & MAYBE_NULL) !== 0) return false
  switch (reg.type) {
    case 'sock':
    case 'tcp_sock':
    case 'map_value':
    case 'map_key':
    case 'sock_common':
    case 'map_ptr':
      return true
    case 'mem':
      return (reg.flags & UNTRUSTED) === 0
    case 'ptr_':
      return isTrusted(reg)
    default:
      return false
  }
}

/** The type as Linux's log prints it. */
export function typeText(type: RegType, flags: number): string {
  const base = type === 'not_init' ? '?' : type
  const prefix =
    ((flags & RDONLY) !== 0 ? 'rdonly_' : '') +
    ((flags & RINGBUF) !== 0 ? 'ringbuf_' : '') +
    ((flags & USER) !== 0 ? 'user_' : '') +
    ((flags & PERCPU) !== 0 ? 'percpu_' : '') +
    ((flags & RCU) !== 0 ? 'rcu_' : '') +
    ((flags & UNTRUSTED) !== 0 ? 'untrusted_' : '') +
    ((flags & TRUSTED) !== 0 ? 'trusted_' : '')
  const postfix = (flags & MAYBE_NULL) === 0 ? '' : type === 'ptr_' ? 'or_null_' : '_or_null'
  return prefix + base + postfix
}
