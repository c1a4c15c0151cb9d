// Arguments of helpers, by the kinds of spec's table.

import { type Helper, type HelperArg, mapTypeById } from '../../spec/index.js'
import { checkAlignment } from '../access/alignment.js'
import { accessObject } from '../access/btf-pointer.js'
import { checkAccess, checkMapRights, checkMapValue, isConstantMap } from '../access/check-access.js'
import { checkBuffer, checkPacket, checkRegion } from '../access/regions.js'
import type { SpecialField } from '../access/special-fields.js'
import { checkInitialized, checkStackBounds, spillSize } from '../access/stack.js'
import { toNumber, toSigned } from '../domain/int64.js'
import { isConst } from '../domain/num.js'
import type { Env } from '../env.js'
import { markPrecise, markPreciseMany } from '../explore/precision.js'
import { readReg } from '../insn/operands.js'
import { bitsText } from '../log/print-state.js'
import { RCU, RDONLY, type Reg, typeText } from '../state/reg.js'
import { type Frame, SLOT } from '../state/state.js'
import type { BtfRef, MapDescription } from '../types.js'
import { checkArgType } from './arg-types.js'
import { checkReleasedOffset } from './pointer-offset.js'
import { type DynptrFacts, dynptrArgument, dynptrFacts } from './special/dynptr.js'
import { insideTreeCallback } from './special/graph.js'
import { exchangeField } from './special/kptr.js'
import { spinLock } from './special/locks.js'
import { mapField } from './special/map-fields.js'

/** What the arguments told, for the rest of the call. */
export interface CallFacts {
  map: MapDescription | undefined
  mapUid: number
  /** Memory the helper fills: checked byte by byte as a store after the arguments. */
  raw: { regno: number; size: number } | undefined
  rawMode: boolean
  maxSize: number
  memSize: number
  refObjId: number
  releaseRegno: number
  subprog: number
  /** A key known at load time; -1 for none. */
  constKey: number
  /** The dynptr argument, and the kernel object behind a per-CPU pointer. */
  dynptr: DynptrFacts
  object: { readonly btf: BtfRef; readonly id: number; readonly rcu: boolean } | undefined
  /** The field bpf_kptr_xchg() works on. */
  pointerField: SpecialField | undefined
}

export function isNull(reg: Reg): boolean {
  return reg.type === 'scalar' && isConst(reg) && reg.valueLo === 0 && reg.valueHi === 0
}

export function checkArg(env: Env, helper: Helper, index: number, facts: CallFacts): void {
  const arg: HelperArg | undefined = helper.args[index]
  if (arg === undefined) return
  const regno = index + 1
  readReg(env, regno)
  const reg = env.reg(regno)
  if (arg.kind === 'anything') {
    env.refuseLeak(regno, 'into helper function')
    return
  }
  const packet = reg.type === 'pkt' || reg.type === 'pkt_meta'
  if (packet && !mayPassPacket(env, helper)) env.refuse('helper access to the packet is not allowed', 'EACCES')
  const skip = isNull(reg) && arg.maybeNull === true
  const sockmapValue =
    arg.kind === 'ptr_to_map_value' && /^sock(map|hash)$/.test(mapTypeById(facts.map?.type ?? 0)?.name ?? '')
  const types = { helper: helper.name, pointerField: facts.pointerField }
  if (!skip) {
    if (sockmapValue) {
      checkArgType(env, regno, { ...arg, kind: 'ptr_to_btf_id_sock_common' }, types)
      checkReleasedOffset(env, regno, false)
      return
    }
    checkArgType(env, regno, arg, types)
    const dynptr = arg.kind === 'ptr_to_dynptr' && reg.type === 'fp'
    if (!dynptr) checkReleasedOffset(env, regno, arg.release === true && reg.type !== 'scalar')
  }
  if (arg.release) {
    if (arg.kind === 'ptr_to_dynptr') {
      if (reg.type === 'dynptr_ptr') env.refuse('cannot release unowned const bpf_dynptr')
      if (dynptrFacts(env, reg).refId === 0) env.refuse(`arg ${regno} is an unacquired reference`)
    } else if (reg.refObjId === 0 && !isNull(reg)) {
      env.refuse(`R${regno} must be referenced when passed to release function`)
    }
    facts.releaseRegno = regno
  }
  if (reg.refObjId !== 0 && arg.kind !== 'kptr_xchg_dest') {
    if (facts.refObjId !== 0) {
      env.refuse(`more than one arg with ref_obj_id R${regno} ${reg.refObjId} ${facts.refObjId}`, 'EACCES')
    }
    facts.refObjId = reg.refObjId
  }
  if (!skip || arg.kind === 'ptr_to_map_value') check(env, helper, index, arg, facts)
}

function mayPassPacket(env: Env, helper: Helper): boolean {
  switch (env.prog.type) {
    case 'lwt_in':
    case 'lwt_out':
    case 'lwt_seg6local':
    case 'sk_reuseport':
    case 'flow_dissector':
    case 'cgroup_skb':
      return false
    default:
      return helper.pktAccess === true && env.type.packet !== 'none'
  }
}

function check(env: Env, helper: Helper, index: number, arg: HelperArg, facts: CallFacts): void {
  const regno = index + 1
  const reg = env.reg(regno)
  switch (arg.kind) {
    case 'const_map_ptr':
      if (facts.map !== undefined && (facts.map !== reg.map || facts.mapUid !== reg.mapUid)) {
        env.refuse(`timer pointer in R1 map_uid=${facts.mapUid} doesn't match map pointer in R2 map_uid=${reg.mapUid}`)
      }
      facts.map = reg.map ?? undefined
      facts.mapUid = reg.mapUid
      return
    case 'ptr_to_map_key':
      if (facts.map === undefined) env.refuse('invalid map_ptr to access map->key', 'EACCES')
      checkHelperMemory(env, regno, facts.map.keySize, false, false, undefined)
      facts.constKey = constantKey(env, regno, facts.map)
      return
    case 'ptr_to_map_value':
      if (arg.maybeNull && isNull(reg)) return
      if (facts.map === undefined) env.refuse('invalid map_ptr to access map->value', 'EACCES')
      // A bloom filter is asked with a value; it fills none.
      facts.rawMode = arg.uninit === true && !asksWithValue(helper, facts.map)
      checkHelperMemory(env, regno, facts.map.valueSize, arg.write === true && facts.rawMode, false, facts)
      return
    case 'ptr_to_mem':
      facts.rawMode = arg.uninit === true
      if (arg.bytes !== undefined) {
        checkHelperMemory(env, regno, arg.bytes, arg.write === true, false, facts)
        if (arg.aligned) checkAlignment(env, reg, 0, arg.bytes)
      }
      return
    case 'const_size':
    case 'const_size_or_zero':
      checkSize(env, regno, helper.args[index - 1]?.write === true, arg.kind === 'const_size_or_zero', facts)
      return
    case 'const_alloc_size_or_zero':
      if (!isConst(reg)) env.refuse(`R${regno} is not a known constant'`, 'EACCES')
      facts.memSize = reg.valueLo >>> 0
      markPrecise(env, regno)
      return
    case 'ptr_to_func':
      facts.subprog = reg.subprog
      return
    case 'ptr_to_spin_lock':
      if (insideTreeCallback(env)) env.refuse("can't spin_{lock,unlock} in rbtree cb", 'EACCES')
      spinLock(env, regno, { lock: helper.name === 'spin_lock', resilient: false, irq: false })
      return
    case 'ptr_to_timer':
      mapField(env, regno, 'bpf_timer')
      facts.map = reg.map ?? undefined
      facts.mapUid = reg.mapUid
      return
    case 'ptr_to_const_str':
      constString(env, regno)
      return
    case 'ptr_to_dynptr': {
      const store = (offset: number) => checkAccess(env, regno, offset, { write: true, size: 8, value: -1 })
      const mutates = arg.rdonly !== true
      if (arg.uninit) dynptrArgument(env, regno, { make: arg.dynptr ?? 'local', mutates }, store)
      else dynptrArgument(env, regno, { mutates, ...(arg.dynptr === undefined ? {} : { wanted: arg.dynptr }) }, store)
      facts.dynptr = dynptrFacts(env, reg)
      return
    }
    case 'kptr_xchg_dest':
      facts.pointerField = exchangeField(env, regno)
      if (reg.type === 'map_value') {
        facts.map = reg.map ?? undefined
        facts.mapUid = reg.mapUid
      }
      return
    case 'ptr_to_percpu_btf_id':
      if (reg.btf === null || reg.btfId === 0) env.refuse(`Helper has invalid btf_id in R${regno}`, 'EACCES')
      facts.object = { btf: reg.btf, id: reg.btfId, rcu: (reg.flags & RCU) !== 0 }
      return
    default:
      return
  }
}

function asksWithValue(helper: Helper, map: MapDescription): boolean {
  return helper.name === 'map_peek_elem' && mapTypeById(map.type)?.name === 'bloom_filter'
}

export function checkSize(
  env: Env,
  regno: number,
  write: boolean,
  zeroAllowed: boolean,
  facts: CallFacts | undefined,
): void {
  const reg = env.reg(regno)
  if (facts !== undefined) facts.maxSize = toNumber(reg.umaxLo, reg.umaxHi)
  const passed = isConst(reg) ? facts : undefined
  if (reg.sminHi < 0) {
    env.refuse(`R${regno} min value is negative, either use unsigned or 'var &= const'`, 'EACCES')
  }
  if (reg.uminLo === 0 && reg.uminHi === 0 && !zeroAllowed) {
    const range = `[${toSigned(reg.uminLo, reg.uminHi)},${toSigned(reg.umaxLo, reg.umaxHi)}]`
    env.refuse(`R${regno} invalid zero-sized read: u64=${range}`, 'EACCES')
  }
  if (reg.umaxHi !== 0 || reg.umaxLo >>> 0 >= 2 ** 29) {
    env.refuse(`R${regno} unbounded memory access, use 'var &= const' or 'if (var < const)'`, 'EACCES')
  }
  checkHelperMemory(env, regno - 1, reg.umaxLo >>> 0, write, zeroAllowed, passed)
  markPrecise(env, regno)
}

/** Memory a helper reads or writes. */
export function checkHelperMemory(
  env: Env,
  regno: number,
  size: number,
  write: boolean,
  zeroAllowed: boolean,
  facts: CallFacts | undefined,
): void {
  const reg = env.reg(regno)
  const readOnly = () => env.refuse(`R${regno} cannot write into ${typeText(reg.type, reg.flags)}`, 'EACCES')
  switch (reg.type) {
    case 'pkt':
    case 'pkt_meta':
      checkPacket(env, regno, reg.off, size, zeroAllowed)
      return
    case 'map_key':
      if (write) readOnly()
      checkRegion(env, regno, reg.off, size, reg.map?.keySize ?? 0, zeroAllowed)
      return
    case 'map_value':
      checkMapRights(env, reg.map as MapDescription, reg.off, size, write)
      checkMapValue(env, regno, reg.off, size, zeroAllowed, false)
      return
    case 'mem':
      if (write && (reg.flags & RDONLY) !== 0) readOnly()
      checkRegion(env, regno, reg.off, size, reg.memSize, zeroAllowed)
      return
    case 'buf':
      if (write && (reg.flags & RDONLY) !== 0) readOnly()
      checkBuffer(env, (reg.flags & RDONLY) !== 0 ? 'rdonly' : 'rdwr', regno, reg.off, size)
      return
    case 'fp': {
      if (size === 0 && !zeroAllowed) env.refuse('invalid zero-sized read', 'EACCES')
      checkStackBounds(env, regno, reg.off, size, write ? 'write' : 'read')
      if (facts?.rawMode && isConst(reg)) {
        keepOffDynptrs(env, regno, size)
        facts.raw = { regno, size }
        return
      }
      if (!env.perfmon && !isConst(reg)) {
        env.refuse(`R${regno} variable offset stack access prohibited for !root, var_off=${bitsText(reg)}`, 'EACCES')
      }
      checkInitialized(env, regno, reg.off, size, write)
      return
    }
    case 'ptr_':
      accessObject(env, regno, reg.off, { write: false, size, value: -1 })
      return
    case 'ctx':
      if (contextAsMemory(env, regno, size, write, zeroAllowed)) return
      notMemory(env, regno)
      break
    default:
      if (zeroAllowed && size === 0 && isNull(reg)) return
      notMemory(env, regno)
  }
}

/** A helper that fills memory byte by byte may not hit a dynptr: it might be another argument. */
function keepOffDynptrs(env: Env, regno: number, size: number): void {
  const reg = env.reg(regno)
  const frame = env.state.frames[reg.frameno] as Frame
  const start = reg.off + reg.valueLo
  for (let at = start; at < start + size; at++) {
    if (frame.types[-at - 1] === SLOT.dynptr) {
      env.refuse(`potential write to dynptr at off=${at} disallowed`, 'EACCES')
    }
  }
}

function notMemory(env: Env, regno: number): never {
  const { type, flags } = env.reg(regno)
  return env.refuse(`R${regno} type=${typeText(type, flags)} expected=fp`, 'EACCES')
}

/** Contexts that are not rewritten: a call may look at all of them. */
const PLAIN_CONTEXTS: ReadonlySet<string> = new Set([
  'syscall',
  'kprobe',
  'tracepoint',
  'raw_tracepoint',
  'raw_tracepoint_writable',
  'tracing',
  'lsm',
  'struct_ops',
  'netfilter',
])

function contextAsMemory(env: Env, regno: number, size: number, write: boolean, zeroAllowed: boolean): boolean {
  if (!PLAIN_CONTEXTS.has(env.prog.type)) return false
  if (size === 0) {
    if (!zeroAllowed) env.refuseSilently('nothing of the context is taken', 'EACCES')
    return true
  }
  checkAccess(env, regno, size - 1, { write, size: 1, value: -1 })
  return true
}

/** A key on the stack whose bytes are a known number: an array's element is there for sure. */
function constantKey(env: Env, regno: number, map: MapDescription): number {
  const type = mapTypeById(map.type)?.name
  if (type !== 'array' && type !== 'percpu_array') return -1
  const key = env.reg(regno)
  if (key.type !== 'fp' || !isConst(key)) return -1
  const frame = env.state.frames[key.frameno] as Frame
  const first = -(key.off + key.valueLo) - 1
  const slot = first >> 3
  const at = first & 7
  env.stackLiveness.read(frame.frameno, slot)
  let zeros = 0
  for (let i = at; i >= 0 && frame.types[slot * 8 + i] === SLOT.zero; i--) zeros++
  if (zeros >= map.keySize) return 0
  const spilled = frame.spills[slot]
  if (spilled?.type !== 'scalar' || spillSize(frame, slot) === 0) return -1
  let size = 0
  for (let i = at; i >= 0 && frame.types[slot * 8 + i] === SLOT.spill; i--) size++
  if (size !== map.keySize || !isConst(spilled)) return -1
  markPreciseMany(env, env.state, [{ frame: key.frameno, regs: 0, slots: [slot] }])
  const value = toNumber(spilled.valueLo, spilled.valueHi)
  return value >= 0 && value < map.maxEntries ? value : -1
}

export function constString(env: Env, regno: number): void {
  const reg = env.reg(regno)
  const map = reg.map as MapDescription
  if (!isConstantMap(map)) env.refuse(`R${regno} does not point to a readonly map'`, 'EACCES')
  if (!isConst(reg)) env.refuse(`R${regno} is not a constant address'`, 'EACCES')
  const off = reg.off + reg.valueLo
  checkMapValue(env, regno, reg.off, map.valueSize - off, false, false)
  const bytes = (map.contents as Uint8Array).subarray(off)
  if (!bytes.includes(0)) env.refuse('string is not zero-terminated')
}
