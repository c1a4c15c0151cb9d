// Which helpers a program may call: by its type and attach type, and by what it is bound to.

import { allowedHelpers, type HelperName } from '../../spec/index.js'
import type { Env } from '../env.js'

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
  if (structOps?.name === 'bpf_dummy_ops') return false
  if (structOps?.name === 'tcp_congestion_ops') {
    // A congestion control on its way out may not take up anything new.
    if (structOps.member === 'release' && SOCKET_OPTIONS.has(name)) return false
  } else if (structOps !== undefined && CONGESTION_CONTROL.has(name)) return false
  if (attachType === 'trace_iter' && SOCKET_OPTIONS.has(name) && LOCKING_ITERATORS.has(env.target?.name ?? '')) {
    return true
  }
  return allowedHelpers(type, attachType).has(name)
}
