// One memory access through a register.

import { bpf_map_create_flags, mapTypeById } from '../../spec/index.js'
import { checkFieldAccess, loadedPointer, storePointer } from '../call/special/kptr.js'
import { toNumber } from '../domain/int64.js'
import { isConst } from '../domain/num.js'
import { truncateNum } from '../domain/scalar-alu.js'
import type { Env } from '../env.js'
import { constReg, copyReg, MAYBE_NULL, RDONLY, type Reg, typeText, UNTRUSTED, unknownReg } from '../state/reg.js'
import type { MapDescription } from '../types.js'
import { checkAlignment } from './alignment.js'
import { accessObject } from './btf-pointer.js'
import { mayReadSocket, mayWriteContext, readContext } from './context.js'
import { accessMapObject } from './map-object.js'
import { checkBuffer, checkPacket, checkPlainPointer, checkRegion } from './regions.js'
import { isPointerField, specialFields } from './special-fields.js'
import { checkStackBounds, readStack, writeStack } from './stack.js'

const F = bpf_map_create_flags

export interface Access {
  readonly write: boolean
  readonly size: number
  /** Register loaded into or stored; -1 for none. */
  readonly value: number
  /** Stored immediate. */
  readonly imm?: number
  /** The load extends the sign: only numbers may be loaded so. */
  readonly signed?: boolean
  /** Atomic operations must be aligned whatever the program asked for. */
  readonly aligned?: boolean
  /** By a load or store instruction of plain memory mode. */
  readonly plain?: boolean
}

/** Checks the access and, for a load, gives the destination its new value. */
export function checkAccess(env: Env, regno: number, offset: number, access: Access): void {
  const reg = env.reg(regno)
  const { write, size, value } = access
  checkAlignment(env, reg, offset, size, access.aligned)
  const off = offset + reg.off
  if ((reg.flags & MAYBE_NULL) !== 0) invalid(env, regno, reg)
  switch (reg.type) {
    case 'map_key':
      if (write) env.refuse(`write to change key R${regno} not allowed`, 'EACCES')
      checkRegion(env, regno, off, size, reg.map?.keySize ?? 0)
      narrowed(env, value, size, unknownReg())
      return
    case 'map_value':
      if (write) env.refuseLeak(value, 'into map')
      mapValue(env, regno, reg, off, access)
      return
    case 'mem':
      if (write && (reg.flags & RDONLY) !== 0)
        env.refuse(`R${regno} cannot write into ${typeText(reg.type, reg.flags)}`, 'EACCES')
      if (write) env.refuseLeak(value, 'into mem')
      // What may be any address is read by instructions that survive a fault.
      if ((reg.flags & UNTRUSTED) === 0) checkRegion(env, regno, off, size, reg.memSize)
      if (!write) narrowed(env, value, size, unknownReg())
      return
    case 'ctx':
      if (write) env.refuseLeak(value, 'into ctx')
      context(env, regno, off, access)
      return
    case 'fp':
      checkStackBounds(env, regno, off, size, write ? 'write' : 'read')
      if (write) {
        writeStack(env, regno, off, size, value, access.imm)
        return
      }
      readStack(env, regno, off, size, value)
      narrowed(env, value, size)
      return
    case 'pkt':
    case 'pkt_meta':
      if (write && env.type.packet !== 'write') env.refuse('cannot write into packet', 'EACCES')
      if (write) env.refuseLeak(value, 'into packet')
      if (write) env.writesPacket = true
      checkPacket(env, regno, off, size)
      if (!write) narrowed(env, value, size, unknownReg())
      return
    case 'flow_keys':
      if (write) env.refuseLeak(value, 'into flow keys')
      if (off < 0 || off + size > 56) {
        env.refuse(`invalid access to flow keys off=${off} size=${size}`, 'EACCES')
      }
      if (!write) narrowed(env, value, size, unknownReg())
      return
    case 'sock':
    case 'sock_common':
    case 'tcp_sock':
    case 'xdp_sock':
      if (write) env.refuse(`R${regno} cannot write into ${typeText(reg.type, reg.flags)}`, 'EACCES')
      if (reg.sminHi < 0) {
        env.refuse(`R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.`, 'EACCES')
      }
      if (!mayReadSocket(reg.type, off, size)) {
        env.refuse(`R${regno} invalid ${typeText(reg.type, reg.flags)} access off=${off} size=${size}`, 'EACCES')
      }
      narrowed(env, value, size, unknownReg())
      return
    case 'tp_buffer':
      checkBuffer(env, 'tracepoint', regno, off, size)
      if (!write) narrowed(env, value, size, unknownReg())
      return
    case 'buf':
      if (write && (reg.flags & RDONLY) !== 0)
        env.refuse(`R${regno} cannot write into ${typeText(reg.type, reg.flags)}`, 'EACCES')
      checkBuffer(env, (reg.flags & RDONLY) !== 0 ? 'rdonly' : 'rdwr', regno, off, size)
      if (!write) narrowed(env, value, size, unknownReg())
      return
    case 'ptr_':
      accessObject(env, regno, off, access)
      if (!write && value >= 0) narrowed(env, value, size)
      return
    case 'map_ptr':
      accessMapObject(env, regno, off, access)
      narrowed(env, value, size)
      return
    case 'arena':
      if (!write && value >= 0) env.regs[value] = unknownReg()
      if (!write) narrowed(env, value, size)
      return
    default:
      invalid(env, regno, reg)
  }
}

function invalid(env: Env, regno: number, reg: Reg): never {
  return env.refuse(`R${regno} invalid mem access '${typeText(reg.type, reg.flags)}'`, 'EACCES')
}

function give(env: Env, dst: number, reg: Reg): void {
  if (dst >= 0) env.regs[dst] = reg
}

/** A load of fewer than 8 bytes is zero-extended. */
function narrowed(env: Env, dst: number, size: number, made?: Reg): void {
  if (dst < 0) return
  const reg = made ?? (env.regs[dst] as Reg)
  if (size >= 8 || reg.type !== 'scalar') {
    env.regs[dst] = reg
    return
  }
  const cut = made ?? copyReg(reg)
  truncateNum(cut, size)
  env.regs[dst] = cut
}

function context(env: Env, regno: number, off: number, { write, size, value, signed }: Access): void {
  checkPlainPointer(env, regno)
  const reg = write ? undefined : readContext(env, off, size)
  if (write ? !mayWriteContext(env, off, size) : reg === undefined || (signed === true && reg.type !== 'scalar')) {
    env.log.write(`invalid bpf_context access off=${off} size=${size}\n`)
    env.printLine(env.insnIdx)
    env.refuseSilently(`invalid bpf_context access off=${off} size=${size}`, 'EACCES')
  }
  if (reg !== undefined) narrowed(env, value, size, reg)
}

/** Programs may not write the map, and neither may system calls any more: its bytes are constants. */
export function isConstantMap(map: MapDescription): boolean {
  return (map.flags & F.BPF_F_RDONLY_PROG) !== 0 && map.frozen === true && map.contents !== undefined
}

export function checkMapRights(env: Env, map: MapDescription, off: number, size: number, write: boolean): void {
  if (write && (map.flags & F.BPF_F_RDONLY_PROG) !== 0) {
    env.refuse(`write into map forbidden, value_size=${map.valueSize} off=${off} size=${size}`, 'EACCES')
  }
  if (!write && (map.flags & F.BPF_F_WRONLY_PROG) !== 0) {
    env.refuse(`read from map forbidden, value_size=${map.valueSize} off=${off} size=${size}`, 'EACCES')
  }
}

/** Bounds of a map's value, and its special fields; `direct`: by a load or store, not by a helper. */
export function checkMapValue(
  env: Env,
  regno: number,
  off: number,
  size: number,
  zeroAllowed: boolean,
  direct: boolean,
): void {
  const reg = env.reg(regno)
  const map = reg.map as MapDescription
  checkRegion(env, regno, off, size, map.valueSize, zeroAllowed)
  const first = toNumber(reg.sminLo, reg.sminHi) + off
  const end = toNumber(reg.umaxLo, reg.umaxHi) + off + size
  for (const field of specialFields(map)) {
    if (first >= field.offset + field.size || field.offset >= end) continue
    checkFieldAccess(env, field, { off: first, size, direct, fixed: isConst(reg) })
  }
}

function mapValue(env: Env, regno: number, reg: Reg, off: number, access: Access): void {
  const { write, size, value, imm } = access
  const map = reg.map as MapDescription
  checkMapRights(env, map, off, size, write)
  checkMapValue(env, regno, off, size, false, true)
  if (isConst(reg)) {
    const at = off + reg.valueLo
    const field = specialFields(map).find((each) => isPointerField(each) && each.offset === at)
    if (field !== undefined) {
      if (!access.plain) env.refuse('kptr in map can only be accessed using BPF_MEM instruction mode', 'EACCES')
      if (write) storePointer(env, field, imm === undefined ? { value } : { value, imm })
      else give(env, value, loadedPointer(env, field))
      return
    }
  }
  if (write || value < 0) return
  if (isConst(reg) && isConstantMap(map) && mapTypeById(map.type)?.name === 'array') {
    const at = off + toNumber(reg.valueLo, reg.valueHi)
    const bytes = (map.contents as Uint8Array).slice(at, at + size)
    if (bytes.length === size) {
      const view = new DataView(new Uint8Array(8).buffer)
      bytes.forEach((byte, i) => {
        view.setUint8(i, byte)
      })
      narrowed(env, value, size, constReg(view.getInt32(0, true), view.getInt32(4, true)))
      return
    }
  }
  narrowed(env, value, size, unknownReg())
}
