// Calls of kernel functions: hidden arguments filled in, casts as moves.

import type { Env } from '../env.js'
import { likeness, type Node } from './node.js'
import { alu64, call, ldImm64, mov, OPS } from './ops.js'

/** How a kernel address reads in translated programs: it differs from boot to boot. */
export const KERNEL_ADDRESS = { low: 0, high: -0x1_0000 } as const

const address = (reg: number, known = true): Node =>
  ldImm64(reg, known ? KERNEL_ADDRESS.low : 0, known ? KERNEL_ADDRESS.high : 0)

/** Argument that names the calling program, by function. */
const PROGRAM_ARGUMENT: Readonly<Record<string, number>> = {
  bpf_wq_set_callback_impl: 4,
  bpf_stream_vprintk: 5,
  bpf_stream_vprintk_impl: 5,
  bpf_task_work_schedule_signal: 4,
  bpf_task_work_schedule_resume: 4,
}

/** The replacement of a call; undefined where it stays. */
export function kfuncCall(env: Env, at: Node): Node[] | undefined {
  const use = env.kfuncUses[at.pc]
  if (use === undefined) return undefined
  const { name, size = 0, special = false, nodeOffset = 0 } = use
  const same = likeness(at)
  switch (name) {
    case 'bpf_cast_to_kern_ctx':
    case 'bpf_rdonly_cast':
      return [mov(0, 1)]
    case 'bpf_obj_new_impl':
    case 'bpf_percpu_obj_new_impl':
      return [alu64(OPS.mov, 1, size), address(2, special), same]
    case 'bpf_obj_drop_impl':
    case 'bpf_percpu_obj_drop_impl':
    case 'bpf_refcount_acquire_impl':
      return [address(2, special), same]
    case 'bpf_list_push_front_impl':
    case 'bpf_list_push_back_impl':
      return [address(3, special), alu64(OPS.mov, 4, nodeOffset), same]
    case 'bpf_rbtree_add_impl':
      return [address(4, special), alu64(OPS.mov, 5, nodeOffset), same]
    case 'bpf_dynptr_from_skb':
      return env.type.packet === 'write' ? undefined : [call('bpf_dynptr_from_skb_rdonly')]
    default: {
      const reg = PROGRAM_ARGUMENT[name]
      return reg === undefined ? undefined : [address(reg), same]
    }
  }
}
