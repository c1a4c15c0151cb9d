// Which helpers a program may call: by its type and attach type, and by what it is bound to.

import { allowedHelpers, type HelperName, lsmHook, type ProgTypeName } from '../../spec/index.js'
import type { Env } from '../env.js'

/** Helpers that show the kernel's memory, or act on whatever runs. */
const NEEDS_PERFMON: ReadonlySet<string> = new Set([
  'trace_printk',
  'trace_vprintk',
  'get_current_comm',
  'perf_event_read',
  'perf_event_read_value',
  'send_signal',
  'send_signal_thread',
  'skc_to_tcp6_sock',
  'skc_to_tcp_sock',
  'skc_to_tcp_timewait_sock',
  'skc_to_tcp_request_sock',
  'skc_to_udp6_sock',
  'skc_to_unix_sock',
  'skc_to_mptcp_sock',
  'get_task_stack',
  'copy_from_user',
  'copy_from_user_task',
  'get_branch_snapshot',
  'find_vma',
  'get_current_task',
  'get_current_task_btf',
  'probe_read_user',
  'probe_read_user_str',
  'probe_read_kernel',
  'probe_read_kernel_str',
  'snprintf',
  'snprintf_btf',
  'task_pt_regs',
])

function needsPerfmon(type: ProgTypeName, name: HelperName): boolean {
  return type === 'syscall'
    ? name === 'sys_bpf' || (NEEDS_PERFMON.has(name) && !name.startsWith('skc_'))
    : NEEDS_PERFMON.has(name)
}

const RETVAL: ReadonlySet<string> = new Set(['get_retval', 'set_retval'])
const NO_ATTACH_TYPE: ReadonlySet<string> = new Set(['cgroup_device', 'cgroup_sysctl'])

const SOCKET_OPTIONS: ReadonlySet<string> = new Set(['setsockopt', 'getsockopt'])
/** Iterators over sockets that are locked while their program runs. */
const LOCKING_ITERATORS: ReadonlySet<string> = new Set(['bpf_iter_tcp', 'bpf_iter_unix'])
/** What a table of kernel operations adds to the helpers of all programs. */
const CONGESTION_CONTROL: ReadonlySet<string> = new Set([
  'setsockopt',
  'getsockopt',
  'sk_storage_get',
  'sk_storage_delete',
  'tcp_send_ack',
  'ktime_get_coarse_ns',
])

export function mayCallHelper(env: Env, name: HelperName): boolean {
  const { type, attachType } = env.prog
  const { structOps } = env
  if (!env.perfmon && needsPerfmon(type, name)) return false
  // Loaded for no attach type, they are taken for those of packets.
  if (RETVAL.has(name) && env.prog.expectedAttachType === 0 && NO_ATTACH_TYPE.has(type)) return false
  if (structOps?.name === 'bpf_dummy_ops') return false
  if (structOps?.name === 'tcp_congestion_ops') {
    // A congestion control on its way out may not take up anything new.
    if (structOps.member === 'release' && SOCKET_OPTIONS.has(name)) return false
  } else if (structOps !== undefined && CONGESTION_CONTROL.has(name)) return false
  if (attachType === 'trace_iter' && SOCKET_OPTIONS.has(name) && LOCKING_ITERATORS.has(env.target?.name ?? '')) {
    return true
  }
  if (name === 'd_path' && type === 'tracing') return true
  return allowedHelpers(type, attachType).has(name)
}

/** Functions in which a path may be asked for: its locks are not held there. */
const PATH_FUNCTIONS: ReadonlySet<string> = new Set([
  'security_file_permission',
  'security_inode_getattr',
  'security_file_open',
  'security_path_truncate',
  'vfs_truncate',
  'vfs_fallocate',
  'dentry_open',
  'vfs_getattr',
  'filp_close',
])

/** Whether the function a tracing program is bound to allows the call. Linux: the helper's `allowed`. */
export function isAllowedInProbe(env: Env, name: HelperName): boolean {
  const { type, attachType } = env.prog
  const target = env.target?.name ?? ''
  switch (name) {
    case 'd_path':
      if (attachType === 'trace_iter') return true
      if (type === 'lsm') return lsmHook(target.replace(/^bpf_lsm_/, '')).sleepable
      return PATH_FUNCTIONS.has(target)
    case 'sk_storage_get':
    case 'sk_storage_delete':
      if (type !== 'tracing' || attachType === 'trace_iter' || attachType === 'trace_raw_tp') return true
      return (attachType === 'trace_fentry' || attachType === 'trace_fexit') && !target.startsWith('bpf_sk_storage')
    default:
      return true
  }
}
