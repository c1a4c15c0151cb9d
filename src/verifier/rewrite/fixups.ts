// What single instructions become before they run: divisions, packet loads, bounded jumps, helpers with code of their own.

import { helperById } from '../../spec/index.js'
import type { Env } from '../env.js'
import { divide } from './divide.js'
import type { KernelLayout } from './kernel-layout.js'
import { KERNEL_ADDRESS, kfuncCall } from './kfunc-calls.js'
import { mapCall } from './map-calls.js'
import { likeness, type Node, node, rewriteNodes } from './node.js'
import { AX, alu32Reg, alu64, call, JUMPS, jumpIf, ldImm64, loadMem, mov, OPS, storeImm, storeReg } from './ops.js'
import { maskedAddition, maskedTailCall } from './speculation.js'

const MAY_GOTO = 0xe5
const EXIT = 0x95
/** Bytes a frame gains for the count and the time of bounded jumps. */
export const MAY_GOTO_STACK = 16
const MAY_GOTO_ROUNDS = 0xffff

export interface Fixed {
  readonly nodes: Node[]
  /** Subprograms with bounded jumps. */
  readonly bounded: ReadonlySet<number>
}

export function fixInsns(
  env: Env,
  nodes: readonly Node[],
  layout: KernelLayout,
  depthOf: (subprog: number) => number,
): Fixed {
  const bounded = new Set<number>()
  let subprog = 0
  const changed = rewriteNodes(nodes, (at, i) => {
    if (at.pc >= 0) subprog = env.subprogOf(at.pc)
    const next = nodes[i + 1]
    if (at.code === MAY_GOTO) {
      bounded.add(subprog)
      return mayGoto(at, -depthOf(subprog) - MAY_GOTO_STACK, next)
    }
    if ((at.code & 7) === 0 && at.code !== 0x18) return packetLoad(at, next)
    if (at.code === 0x85 && at.src === 0 && at.calls === undefined) return helperCall(env, at, layout, next)
    if (at.code === 0x85 && at.src === 2 && at.pc >= 0) return kfuncCall(env, at)
    if (at.code === 0x18 && at.src === 2 && env.prog.map(at.imm)?.type === ARENA) {
      return [ldImm64(at.dst, KERNEL_ADDRESS.low, KERNEL_ADDRESS.high)]
    }
    if (at.code === 0xbf && at.off === 1) return arenaCast(env, at)
    return maskedAddition(env, at) ?? divide(at, next)
  })
  return { nodes: changed, bounded }
}

const TO_KERNEL = 1
const TO_USER = 0x1_0000
const NO_USER_CONV = 0x4_0000
const ARENA = 33

/** A pointer into an arena loses its upper half; on the way back too, where user space does not want it. */
function arenaCast(env: Env, at: Node): Node[] | undefined {
  const plain = env.maps.some(({ type, flags }) => type === ARENA && (flags & NO_USER_CONV) !== 0)
  if (at.imm !== TO_KERNEL && !(at.imm === TO_USER && plain)) return undefined
  return [alu32Reg(OPS.mov, at.dst, at.src)]
}

/** The count and the time at the start of a subprogram with bounded jumps. */
export function mayGotoPrologue(depth: number): Node[] {
  const below = -depth - MAY_GOTO_STACK
  return [storeImm(8, 10, below, MAY_GOTO_ROUNDS), storeImm(8, 10, below + 8, 0)]
}

function mayGoto(at: Node, count: number, next: Node | undefined): Node[] {
  void next
  const store = storeReg(8, 10, AX, count)
  const out = jumpIf(JUMPS.eq, AX, 0, at.target)
  return [
    loadMem(8, AX, 10, count),
    out,
    alu64(OPS.sub, AX, 1),
    jumpIf(JUMPS.ne, AX, 0, store),
    alu64(OPS.mov, AX, count),
    call('arch_bpf_timed_may_goto'),
    store,
  ]
}

const WIDTHS: Readonly<Record<number, number>> = { 0: 32, 8: 16, 16: 8 }

/** LD_ABS and LD_IND; a program whose load fails ends with 0. */
function packetLoad(at: Node, next: Node | undefined): Node[] {
  const offset =
    (at.code & 0xe0) === 0x20
      ? [alu64(OPS.mov, 2, at.imm)]
      : [mov(2, at.src), ...(at.imm === 0 ? [] : [alu64(OPS.add, 2, at.imm)])]
  return [
    ...offset,
    mov(1, 6),
    call(`bpf_skb_load_helper_${WIDTHS[at.code & 0x18]}_no_cache`),
    node({ code: 0x75, dst: 0, imm: 0, ...(next === undefined ? {} : { target: next }) }),
    alu32Reg(OPS.xor, 0, 0),
    node({ code: EXIT }),
  ]
}

const GFP_ATOMIC = 0x820
const GFP_KERNEL = 0xcc0
const STORAGE: ReadonlySet<string> = new Set([
  'sk_storage_get',
  'inode_storage_get',
  'task_storage_get',
  'cgrp_storage_get',
])

function helperCall(env: Env, at: Node, layout: KernelLayout, next: Node | undefined): Node[] | undefined {
  const name = helperById(at.imm)?.name
  if (name === undefined || at.pc < 0) return undefined
  if (STORAGE.has(name)) {
    return [alu64(OPS.mov, 5, env.prog.sleepable === true ? GFP_KERNEL : GFP_ATOMIC), likeness(at)]
  }
  // Such an object is the pointer to its memory.
  if (env.percpuObjects.has(at.pc)) return [loadMem(8, 1, 1, 0), likeness(at)]
  switch (name) {
    case 'get_smp_processor_id':
      return [alu64(OPS.mov, 0, 0), node({ code: 0xbf, dst: 0, src: 0, off: -1 }), loadMem(4, 0, 0, 0)]
    case 'jiffies64':
      return [ldImm64(0, KERNEL_ADDRESS.low, KERNEL_ADDRESS.high), loadMem(8, 0, 0, 0)]
    case 'timer_set_callback':
      return [ldImm64(3, KERNEL_ADDRESS.low, KERNEL_ADDRESS.high), likeness(at)]
    case 'kptr_xchg':
      return [mov(0, 2), node({ code: 0xdb, dst: 1, src: 0, imm: 0xe1 })]
    case 'get_func_arg_cnt':
      return [loadMem(8, 0, 1, -8)]
    default:
      break
  }
  if (name === 'tail_call' && !env.perfmon) return maskedTailCall(env, at, next)
  const map = env.callMaps[at.pc]
  return map === undefined || map === 'many' ? undefined : mapCall(name, map, { layout, next, masks: !env.perfmon })
}
