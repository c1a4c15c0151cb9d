// A helper call.

import { resolve, sizeOf } from '../../btf/index.js'
import type { Insn } from '../../isa/index.js'
import { bpf_map_create_flags, type Helper, helperById, helperFor, mapTypeById } from '../../spec/index.js'
import { checkAccess } from '../access/check-access.js'
import { specialFields } from '../access/special-fields.js'
import { checkResourceLeak } from '../check/exit.js'
import { isGplCompatible } from '../check/license.js'
import { isConst } from '../domain/num.js'
import { syncBounds } from '../domain/sync.js'
import type { Env } from '../env.js'
import { markPrecise } from '../explore/precision.js'
import { forgetArguments } from '../insn/operands.js'
import {
  ALLOC,
  MAYBE_NULL,
  NOT_INIT,
  pointerReg,
  RCU,
  RDONLY,
  type Reg,
  RINGBUF,
  TRUSTED,
  typeText,
  unknownReg,
} from '../state/reg.js'
import { helperCallback } from './callback.js'
import { acquireReference, clearPacketPointers, releaseIntoMap, releaseReference } from './effects.js'
import { type CallFacts, checkArg, isNull } from './helper-args.js'
import { isAllowedInProbe, mayCallHelper } from './helper-rights.js'
import { releaseDynptr } from './special/dynptr.js'
import { exchanged } from './special/kptr.js'

const CASTS: ReadonlySet<string> = new Set([
  'sk_fullsock',
  'tcp_sock',
  'skc_to_tcp_sock',
  'skc_to_tcp6_sock',
  'skc_to_udp6_sock',
  'skc_to_mptcp_sock',
  'skc_to_tcp_timewait_sock',
  'skc_to_tcp_request_sock',
])
const ACQUIRES: ReadonlySet<string> = new Set([
  'sk_lookup_tcp',
  'sk_lookup_udp',
  'skc_lookup_tcp',
  'ringbuf_reserve',
  'kptr_xchg',
])

const NO_DYNPTR: CallFacts['dynptr'] = { type: '', id: 0, refId: 0 }

/** Returns whether the path goes on behind the call. */
export function helperCall(env: Env, insn: Insn): void {
  const { imm } = insn
  const known = helperById(imm)
  if (imm === 0) env.refuse('program of this type cannot use helper bpf_unspec#0')
  if (known === undefined) env.refuse(`invalid func unknown#${imm}`)
  const { type, license } = env.prog
  if (!mayCallHelper(env, known.name)) {
    env.refuse(`program of this type cannot use helper bpf_${known.name}#${imm}`)
  }
  const helper = helperFor(known.name, type)
  if (helper.gplOnly && !isGplCompatible(license))
    env.refuse('cannot call GPL-restricted function from non-GPL compatible program')
  if (!isAllowedInProbe(env, known.name)) env.refuse('helper call is not allowed in probe')
  if (helper.mightSleep && !env.state.sleepable) env.refuse('helper call might sleep in a non-sleepable prog')
  checkSleep(env, helper)
  // Written out: spreading objects here is half of the time of a call.
  const facts: CallFacts = {
    map: undefined,
    mapUid: 0,
    raw: undefined,
    rawMode: false,
    maxSize: 0,
    memSize: 0,
    refObjId: 0,
    releaseRegno: 0,
    subprog: 0,
    constKey: -1,
    dynptr: NO_DYNPTR,
    object: undefined,
    pointerField: undefined,
  }
  for (let i = 0; i < 5; i++) checkArg(env, helper, i, facts)
  const { map } = facts
  if (map !== undefined) checkMapFits(env, helper, facts)
  recordMap(env, helper, facts)
  if (facts.raw !== undefined) {
    const { regno, size } = facts.raw
    for (let i = 0; i < size; i++) checkAccess(env, regno, i, { write: true, size: 1, value: -1 })
  }
  if (facts.releaseRegno !== 0 && !released(env, helper, facts)) {
    env.refuse(`func bpf_${known.name}#${imm} reference has not been acquired before`)
  }
  special(env, helper, facts)
  forgetArguments(env)
  env.regs[0] = result(env, helper, facts)
  if (CASTS.has(helper.name)) (env.regs[0] as Reg).refObjId = facts.refObjId
  else if (helper.name === 'dynptr_data') {
    const reg = env.regs[0] as Reg
    reg.dynptrId = facts.dynptr.id
    reg.refObjId = facts.dynptr.refId
  } else if (acquires(helper, facts)) {
    const reg = env.regs[0] as Reg
    const id = acquireReference(env)
    reg.id = id
    reg.refObjId = id
  }
  const slices = facts.dynptr.type === 'skb' || facts.dynptr.type === 'skb_meta'
  if (helper.changesPkt || (helper.name === 'dynptr_write' && slices)) clearPacketPointers(env)
}

/** Sections in which nothing may sleep. */
function checkSleep(env: Env, helper: Helper): void {
  if (helper.mightSleep !== true) return
  const { state } = env
  const where =
    state.rcuDepth > 0
      ? 'rcu_read_lock region'
      : state.preemptDepth > 0
        ? 'non-preemptible region'
        : state.irqId !== 0
          ? 'IRQ-disabled region'
          : undefined
  if (where !== undefined) env.refuse(`sleepable helper bpf_${helper.name}#${helper.id} in ${where}`)
}

/** Gives back what the call takes over; false where it was not held. */
function released(env: Env, helper: Helper, facts: CallFacts): boolean {
  if (helper.args[facts.releaseRegno - 1]?.kind === 'ptr_to_dynptr') return releaseDynptr(env, facts.releaseRegno)
  if (facts.refObjId === 0) return isNull(env.reg(facts.releaseRegno))
  if (helper.name === 'kptr_xchg') return releaseIntoMap(env, facts.refObjId)
  return releaseReference(env, facts.refObjId)
}

function acquires(helper: Helper, facts: CallFacts): boolean {
  if (ACQUIRES.has(helper.name)) return true
  const type = mapTypeById(facts.map?.type ?? 0)?.name
  return helper.name === 'map_lookup_elem' && (type === 'sockmap' || type === 'sockhash')
}

/** Which helper may work on which map. */
function checkMapFits(env: Env, helper: Helper, facts: CallFacts): void {
  const { map } = facts
  if (map === undefined || !helper.args.some(({ kind }) => kind === 'const_map_ptr')) return
  const row = mapTypeById(map.type)
  const helpers: readonly string[] | undefined = row?.helpers
  if (helpers === undefined || helpers.includes(helper.name)) {
    if ((row?.name !== 'sockmap' && row?.name !== 'sockhash') || mayUpdateSockets(env, helper.name)) return
    env.log.write('cannot update sockmap in this context\n')
  }
  if (helper.name === 'tail_call') {
    // Linux ends this one without a new line.
    env.log.write('expected prog array map for tail call')
    env.refuseSilently('expected prog array map for tail call')
  }
  env.refuse(`cannot pass map_type ${map.type} into func bpf_${helper.name}#${helper.id}`)
}

const CHANGES_MAP: ReadonlySet<string> = new Set([
  'map_delete_elem',
  'map_update_elem',
  'map_push_elem',
  'map_pop_elem',
])

const UPDATES_SOCKETS: ReadonlySet<string> = new Set([
  'socket_filter',
  'sched_cls',
  'sched_act',
  'xdp',
  'sk_reuseport',
  'flow_dissector',
  'sk_lookup',
])

/** Where no socket is locked its map may be changed. */
function mayUpdateSockets(env: Env, helper: string): boolean {
  if (helper !== 'map_update_elem' && helper !== 'map_delete_elem') return true
  const { type, attachType } = env.prog
  if (type === 'tracing') return attachType === 'trace_iter'
  if (type === 'sock_ops') return helper === 'map_delete_elem'
  return UPDATES_SOCKETS.has(type)
}

function recordMap(env: Env, helper: Helper, { map }: CallFacts): void {
  if (map === undefined) return
  if ((map.flags & bpf_map_create_flags.BPF_F_RDONLY_PROG) !== 0 && CHANGES_MAP.has(helper.name)) {
    env.refuse('write into map forbidden', 'EACCES')
  }
  const known = env.callMaps[env.insnIdx]
  if (known === undefined) env.callMaps[env.insnIdx] = map
  else if (known !== map) env.callMaps[env.insnIdx] = 'many'
  if (!env.perfmon && helper.name === 'tail_call' && env.callMaps[env.insnIdx] === 'many') {
    env.unsupported('tail calls through several maps of programs loaded without CAP_PERFMON')
  }
  if (helper.name !== 'tail_call') return
  // A tail call with a known index is a jump: the index matters.
  const index = env.reg(3)
  const low = index.valueLo >>> 0
  if (index.type === 'scalar' && isConst(index) && index.valueHi === 0 && low < map.maxEntries) markPrecise(env, 3)
}

function special(env: Env, helper: Helper, facts: CallFacts): void {
  switch (helper.name) {
    case 'tail_call':
      checkResourceLeak(env, 'tail_call')
      return
    case 'get_local_storage': {
      const flags = env.reg(2)
      if (!(isConst(flags) && flags.type === 'scalar' && flags.valueLo === 0 && flags.valueHi === 0)) {
        env.refuse("get_local_storage() doesn't support non-zero flags")
      }
      return
    }
    case 'loop':
    case 'for_each_map_elem':
    case 'find_vma':
    case 'user_ringbuf_drain':
    case 'timer_set_callback':
      helperCallback(env, helper.name, facts)
      return
    case 'dynptr_from_mem': {
      const { type, flags } = env.reg(1)
      if (type !== 'map_value')
        env.refuse(`Unsupported reg type ${typeText(type, flags)} for bpf_dynptr_from_mem data`, 'EACCES')
      return
    }
    case 'per_cpu_ptr':
    case 'this_cpu_ptr':
      if (env.reg(1).btf?.kernel === false) env.percpuObjects.add(env.insnIdx)
      return
    case 'set_retval':
      return
  }
}

const ERROR_OR_SIZE: ReadonlySet<string> = new Set([
  'get_stack',
  'get_task_stack',
  'probe_read_str',
  'probe_read_kernel_str',
  'probe_read_user_str',
])

function result(env: Env, helper: Helper, facts: CallFacts): Reg {
  const { ret } = helper
  const nullable = ret.maybeNull ? MAYBE_NULL : 0
  const identified = (reg: Reg): Reg => {
    if ((reg.flags & MAYBE_NULL) !== 0) reg.id = env.newId()
    return reg
  }
  switch (ret.kind) {
    case 'void':
      return NOT_INIT
    case 'integer': {
      const reg = unknownReg()
      if (ERROR_OR_SIZE.has(helper.name)) {
        reg.smaxLo = facts.maxSize | 0
        reg.smaxHi = Math.floor(facts.maxSize / 4294967296) | 0
        reg.smax32 = facts.maxSize | 0
        reg.sminLo = reg.smin32 = -4095
        reg.sminHi = -1
        syncBounds(reg)
      } else if (helper.name === 'get_smp_processor_id') {
        const most = (env.prog.cpus ?? 8192) - 1
        reg.umaxLo = reg.umax32 = reg.smaxLo = reg.smax32 = most
        reg.umaxHi = reg.smaxHi = 0
        reg.sminLo = reg.sminHi = reg.smin32 = 0
        syncBounds(reg)
      }
      return reg
    }
    case 'ptr_to_map_value': {
      const { map } = facts
      if (map === undefined) return env.unsupported('a map value without its map')
      const array = mapTypeById(map.type)?.name
      const sure =
        helper.name === 'map_lookup_elem' && facts.constKey >= 0 && (array === 'array' || array === 'percpu_array')
      const reg = pointerReg('map_value', sure ? 0 : nullable)
      reg.map = map
      reg.mapUid = facts.mapUid
      const locks = specialFields(map).some(({ kind }) => kind === 'bpf_spin_lock' || kind === 'bpf_res_spin_lock')
      if (locks && (reg.flags & MAYBE_NULL) === 0) reg.id = env.newId()
      return identified(reg)
    }
    case 'ptr_to_socket':
      return identified(pointerReg('sock', nullable))
    case 'ptr_to_tcp_sock':
      return identified(pointerReg('tcp_sock', nullable))
    case 'ptr_to_sock_common':
      return identified(pointerReg('sock_common', nullable))
    case 'ptr_to_mem': {
      const reg = pointerReg('mem', nullable | (ret.ringbuf ? RINGBUF : 0))
      reg.memSize = facts.memSize
      return identified(reg)
    }
    case 'ptr_to_btf_id':
    case 'ptr_to_mem_or_btf_id':
      return identified(objectResult(env, helper, facts, nullable))
  }
}

/** A pointer to a kernel object, or to memory where the kernel's variable is no struct. */
function objectResult(env: Env, helper: Helper, facts: CallFacts, nullable: number): Reg {
  if (helper.name === 'kptr_xchg') {
    return facts.pointerField === undefined ? env.unsupported('bpf_kptr_xchg') : exchanged(env, facts.pointerField)
  }
  const { kernelBtf } = env.prog
  const { ret } = helper
  if (ret.kind === 'ptr_to_mem_or_btf_id') {
    const { object } = facts
    if (object === undefined) return env.unsupported(`bpf_${helper.name}`)
    const type = resolve(object.btf.btf, object.id)
    if (type.kind !== 'struct' && type.kind !== 'union') {
      const reg = pointerReg('mem', nullable | RDONLY)
      reg.memSize = sizeOf(object.btf.btf, object.id)
      return reg
    }
    // Objects of bpf_percpu_obj_new() have a part for every CPU: never null.
    const reg = pointerReg('ptr_', object.rcu ? ALLOC | RCU : nullable)
    reg.btf = object.btf
    reg.btfId = type.id
    return reg
  }
  const id = kernelBtf?.findByName(ret.btf ?? '', 'struct')
  if (kernelBtf === undefined || id === undefined) return env.unsupported('results that are kernel objects')
  const reg = pointerReg('ptr_', nullable | (ret.trusted ? TRUSTED : 0))
  reg.btf = { btf: kernelBtf, kernel: true }
  reg.btfId = id
  return reg
}
