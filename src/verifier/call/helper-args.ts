// Arguments of helpers, by the kinds of spec's table.

import { type ArgKind, type Helper, type HelperArg, mapTypeById } from '../../spec/index.js'
import { checkAlignment } from '../access/alignment.js'
import { checkMapRights, checkMapValue, isConstantMap } from '../access/check-access.js'
import { checkBuffer, checkPacket, checkPlainPointer, checkRegion } from '../access/regions.js'
import { specialFields } from '../access/special-fields.js'
import { checkInitialized, checkStackBounds, spillSize } from '../access/stack.js'
import { toNumber, toSigned } from '../domain/int64.js'
import { isConst } from '../domain/num.js'
import type { Env } from '../env.js'
import { markPrecise, markPreciseMany } from '../explore/precision.js'
import { readReg } from '../insn/operands.js'
import { MAYBE_NULL, RDONLY, type Reg, RINGBUF, typeText } from '../state/reg.js'
import { type Frame, SLOT } from '../state/state.js'
import type { MapDescription } from '../types.js'

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
}

const MEMORY = 'fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_'
const SOCKETS = 'sock_common, sock, tcp_sock, xdp_sock'
const MEMORY_TYPES: ReadonlySet<string> = new Set(['fp', 'pkt', 'pkt_meta', 'map_key', 'map_value', 'mem', 'buf'])
const SOCKET_TYPES: ReadonlySet<string> = new Set(['sock_common', 'sock', 'tcp_sock', 'xdp_sock'])

interface Fit {
  readonly expected: string
  fits(reg: Reg): boolean
}

const only = (type: string): Fit => ({ expected: type, fits: (reg) => reg.type === type })
const memory: Fit = { expected: MEMORY, fits: (reg) => MEMORY_TYPES.has(reg.type) }

const FITS: Readonly<Record<ArgKind, Fit | undefined>> = {
  anything: undefined,
  const_map_ptr: only('map_ptr'),
  ptr_to_map_key: memory,
  ptr_to_map_value: memory,
  ptr_to_mem: memory,
  const_size: only('scalar'),
  const_size_or_zero: only('scalar'),
  const_alloc_size_or_zero: only('scalar'),
  ptr_to_ctx: only('ctx'),
  ptr_to_spin_lock: { expected: 'map_value, ptr_', fits: (reg) => reg.type === 'map_value' },
  ptr_to_sock_common: { expected: SOCKETS, fits: (reg) => SOCKET_TYPES.has(reg.type) },
  ptr_to_socket: only('sock'),
  ptr_to_btf_id: { expected: 'ptr_, trusted_ptr_, rcu_ptr_', fits: (reg) => reg.type === 'ptr_' },
  ptr_to_btf_id_sock_common: {
    expected: `${SOCKETS}, ptr_, trusted_ptr_`,
    fits: (reg) => SOCKET_TYPES.has(reg.type) || reg.type === 'ptr_',
  },
  ptr_to_percpu_btf_id: { expected: 'percpu_ptr_, percpu_rcu_ptr_, percpu_trusted_ptr_', fits: () => false },
  ptr_to_ringbuf_mem: { expected: 'ringbuf_mem', fits: (reg) => reg.type === 'mem' && (reg.flags & RINGBUF) !== 0 },
  ptr_to_func: only('func'),
  ptr_to_stack: only('fp'),
  ptr_to_const_str: only('map_value'),
  ptr_to_timer: only('map_value'),
  ptr_to_dynptr: { expected: 'fp, dynptr_ptr', fits: (reg) => reg.type === 'fp' || reg.type === 'dynptr_ptr' },
  kptr_xchg_dest: { expected: 'map_value, ptr_', fits: (reg) => reg.type === 'map_value' },
}

function isNull(reg: Reg): boolean {
  return reg.type === 'scalar' && isConst(reg) && reg.valueLo === 0 && reg.valueHi === 0
}

function checkType(env: Env, regno: number, arg: HelperArg): void {
  const reg = env.reg(regno)
  const fit = FITS[arg.kind]
  if (fit === undefined) return
  // Of the flags only what the argument allows is ignored.
  let flags = reg.flags & ~RINGBUF
  if (arg.rdonly) flags &= ~RDONLY
  if (arg.maybeNull) flags &= ~MAYBE_NULL
  const flagged = (flags & (MAYBE_NULL | RDONLY)) !== 0
  if (fit.fits(reg) && !flagged) return
  env.refuse(`R${regno} type=${typeText(reg.type, reg.flags)} expected=${fit.expected}`, 'EACCES')
}

export function checkArg(env: Env, helper: Helper, index: number, facts: CallFacts): void {
  const arg: HelperArg | undefined = helper.args[index]
  if (arg === undefined) return
  const regno = index + 1
  readReg(env, regno)
  const reg = env.reg(regno)
  if (arg.kind === 'anything') return
  const packet = reg.type === 'pkt' || reg.type === 'pkt_meta'
  if (packet && !mayPassPacket(env, helper)) env.refuse('helper access to the packet is not allowed', 'EACCES')
  const skip = isNull(reg) && arg.maybeNull === true
  const sockmapValue =
    arg.kind === 'ptr_to_map_value' && /^sock(map|hash)$/.test(mapTypeById(facts.map?.type ?? 0)?.name ?? '')
  if (!skip) {
    if (sockmapValue) {
      checkType(env, regno, { ...arg, kind: 'ptr_to_btf_id_sock_common' })
      return
    }
    checkType(env, regno, arg)
    checkOffset(env, regno, arg)
  }
  if (arg.release) {
    if (reg.refObjId === 0 && !isNull(reg)) {
      env.refuse(`R${regno} must be referenced when passed to release function`)
    }
    facts.releaseRegno = regno
  }
  if (reg.refObjId !== 0) facts.refObjId = reg.refObjId
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

function checkOffset(env: Env, regno: number, arg: HelperArg): void {
  const reg = env.reg(regno)
  if (arg.release && arg.kind !== 'ptr_to_dynptr') {
    if (reg.off !== 0 && reg.type !== 'scalar') {
      env.refuse(`R${regno} must have zero offset when passed to release func or trusted arg to kfunc`)
    }
  }
  switch (reg.type) {
    case 'fp':
    case 'pkt':
    case 'pkt_meta':
    case 'map_key':
    case 'map_value':
    case 'mem':
    case 'buf':
    case 'scalar':
      return
    default:
      checkPlainPointer(env, regno)
  }
}

function check(env: Env, helper: Helper, index: number, arg: HelperArg, facts: CallFacts): void {
  const regno = index + 1
  const reg = env.reg(regno)
  switch (arg.kind) {
    case 'const_map_ptr':
      if (facts.map !== undefined && (facts.map !== reg.map || facts.mapUid !== reg.mapUid)) {
        const what = helper.args.some(({ kind }) => kind === 'ptr_to_timer') ? 'timer' : 'workqueue'
        env.refuse(
          `${what} pointer in R1 map_uid=${facts.mapUid} doesn't match map pointer in R2 map_uid=${reg.mapUid}`,
        )
      }
      facts.map = reg.map ?? undefined
      facts.mapUid = reg.mapUid
      return
    case 'ptr_to_map_key':
      if (facts.map === undefined) env.refuse('invalid map_ptr to access map->key', 'EACCES')
      checkHelperMemory(env, regno, facts.map.keySize, false, false, undefined)
      if (helper.name === 'map_lookup_elem' || helper.name === 'map_lookup_percpu_elem')
        facts.constKey = constantKey(env, regno, facts.map)
      return
    case 'ptr_to_map_value':
      if (arg.maybeNull && isNull(reg)) return
      if (facts.map === undefined) env.refuse('invalid map_ptr to access map->value', 'EACCES')
      facts.rawMode = arg.uninit === true
      checkHelperMemory(env, regno, facts.map.valueSize, arg.write === true, false, facts)
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
      spinLock(env, regno, helper.name === 'spin_lock')
      return
    case 'ptr_to_timer':
      timer(env, regno, facts)
      return
    case 'ptr_to_const_str':
      constString(env, regno)
      return
    case 'ptr_to_dynptr':
      env.unsupported('dynptrs')
      break
    case 'kptr_xchg_dest':
      env.unsupported('pointers in maps (kptr)')
      break
    case 'ptr_to_btf_id':
    case 'ptr_to_percpu_btf_id':
      env.unsupported('arguments that are kernel objects')
      break
    default:
      return
  }
}

function checkSize(env: Env, regno: number, write: boolean, zeroAllowed: boolean, facts: CallFacts): void {
  const reg = env.reg(regno)
  facts.maxSize = toNumber(reg.umaxLo, reg.umaxHi)
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
        facts.raw = { regno, size }
        return
      }
      checkInitialized(env, regno, reg.off, size, write)
      return
    }
    case 'ptr_':
    case 'ctx':
      env.unsupported(`memory in ${typeText(reg.type, reg.flags)}`)
      break
    default:
      if (zeroAllowed && size === 0 && isNull(reg)) return
      env.log.write(`R${regno} type=${typeText(reg.type, reg.flags)} `)
      env.log.write('expected=fp\n')
      env.refuseSilently(`R${regno} type=${typeText(reg.type, reg.flags)} expected=fp`, 'EACCES')
  }
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

function spinLock(env: Env, regno: number, lock: boolean): void {
  const reg = env.reg(regno)
  const map = reg.map as MapDescription
  const { state } = env
  const name = lock ? 'lock' : 'unlock'
  if (!isConst(reg)) {
    env.refuse(`R${regno} doesn't have constant offset. bpf_spin_${name} has to be at the constant offset`)
  }
  if (map.btf === undefined) env.refuse(`map '${map.name}' has to have BTF in order to use bpf_spin_lock`)
  const field = specialFields(map).find(({ kind }) => kind === 'bpf_spin_lock')
  if (field === undefined) env.refuse(`map '${map.name}' has no valid bpf_spin_lock`)
  const off = reg.valueLo + reg.off
  if (field.offset !== off) env.refuse(`off ${off} doesn't point to 'struct bpf_spin_lock' that is at ${field.offset}`)
  if (lock) {
    if (state.activeLocks > 0) env.refuse('Locking two bpf_spin_locks are not allowed')
    state.activeLocks = 1
    state.lockId = reg.id
    state.lockOf = map
    return
  }
  if (state.activeLocks === 0) env.refuse('bpf_spin_unlock without taking a lock')
  if (state.lockOf !== map || state.lockId !== reg.id) env.refuse('bpf_spin_unlock of different lock')
  state.activeLocks = 0
  state.lockId = 0
  state.lockOf = undefined
}

function timer(env: Env, regno: number, facts: CallFacts): void {
  const reg = env.reg(regno)
  const map = reg.map as MapDescription
  if (!isConst(reg)) env.refuse(`R${regno} doesn't have constant offset. bpf_timer has to be at the constant offset`)
  if (map.btf === undefined) env.refuse(`map '${map.name}' has to have BTF in order to use bpf_timer`)
  const field = specialFields(map).find(({ kind }) => kind === 'bpf_timer')
  if (field === undefined) env.refuse(`map '${map.name}' has no valid bpf_timer`)
  const off = reg.valueLo + reg.off
  if (field.offset !== off) env.refuse(`off ${off} doesn't point to 'struct bpf_timer' that is at ${field.offset}`)
  facts.map = map
  facts.mapUid = reg.mapUid
}

function constString(env: Env, regno: number): void {
  const reg = env.reg(regno)
  const map = reg.map as MapDescription
  if (!isConstantMap(map)) env.refuse(`R${regno} does not point to a readonly map'`, 'EACCES')
  if (!isConst(reg)) env.refuse(`R${regno} is not a constant address'`, 'EACCES')
  const off = reg.off + reg.valueLo
  checkMapValue(env, regno, reg.off, map.valueSize - off, false, false)
  const bytes = (map.contents as Uint8Array).subarray(off)
  if (!bytes.includes(0)) env.refuse('string is not zero-terminated')
}
