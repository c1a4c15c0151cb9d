import { ERRNO } from '../../base/index.js'
import { BpfException } from '../errors.js'
import { copyString } from '../helpers/memory.js'
import type { HelperFunction } from '../types.js'
import type { KfuncFamily } from './family.js'

/** One program runs at a time and to its end: what keeps others away has nothing to do. */
const nothing: HelperFunction = () => 0

/** Casts and references of objects that live as long as the machine give back what they get. */
const same: HelperFunction = (_machine, object) => object

/** BPF_F_PAD_ZEROS */
const PAD_ZEROS = 1

export const controlKfuncs: KfuncFamily = {
  bpf_rcu_read_lock: { abi: '>v', run: nothing },
  bpf_rcu_read_unlock: { abi: '>v', run: nothing },
  bpf_preempt_disable: { abi: '>v', run: nothing },
  bpf_preempt_enable: { abi: '>v', run: nothing },
  bpf_local_irq_save: { abi: 'p>v', run: nothing },
  bpf_local_irq_restore: { abi: 'p>v', run: nothing },
  bpf_res_spin_lock: { abi: 'p>i', run: nothing },
  bpf_res_spin_unlock: { abi: 'p>v', run: nothing },
  bpf_res_spin_lock_irqsave: { abi: 'pp>i', run: nothing },
  bpf_res_spin_unlock_irqrestore: { abi: 'pp>v', run: nothing },
  bpf_throw: {
    abi: 'l>v',
    run: (_machine, lo, hi) => {
      throw new BpfException(lo, hi)
    },
  },
  bpf_cast_to_kern_ctx: { abi: 'p>p', run: same },
  bpf_rdonly_cast: { abi: 'pi>p', run: same },
  bpf_copy_from_user_str: {
    abi: 'pill>i',
    run: (machine, to, size, from, fromHi, flags, flagsHi) => {
      if ((flags & ~PAD_ZEROS) !== 0 || flagsHi !== 0) return -ERRNO.EINVAL
      const length = size >>> 0
      const copied = copyString(machine, to >>> 0, length, from, fromHi)
      if (copied > 0 && (flags & PAD_ZEROS) !== 0) {
        machine.memory.u8.fill(0, (to >>> 0) + copied, (to >>> 0) + length)
      }
      return copied
    },
  },
  bpf_wq_init: {
    abi: 'ppi>i',
    run: (machine, work, map, flags) => (flags !== 0 ? -ERRNO.EINVAL : machine.timers.initWork(work >>> 0, map)),
  },
  bpf_wq_set_callback_impl: {
    abi: 'ppip>i',
    run: (machine, work, callback, flags) =>
      flags !== 0 ? -ERRNO.EINVAL : machine.timers.setCallback(work >>> 0, callback >>> 0),
  },
  bpf_wq_start: {
    abi: 'pi>i',
    run: (machine, work, flags) => (flags !== 0 ? -ERRNO.EINVAL : machine.timers.start(work >>> 0, 0n, 0)),
  },
  bpf_task_acquire: { abi: 'p>p', run: same },
  bpf_task_release: { abi: 'p>v', run: nothing },
  bpf_task_from_pid: {
    abi: 'i>p',
    run: (machine, pid) => (pid === machine.task.pid ? machine.taskStruct() | 0 : 0),
  },
  bpf_task_from_vpid: {
    abi: 'i>p',
    run: (machine, pid) =>
      pid === (machine.task.pidNamespace?.pid ?? machine.task.pid) ? machine.taskStruct() | 0 : 0,
  },
}
