// Helpers that some program types call with other arguments than the table's.

import {
  any,
  btf,
  btfOrNull,
  ctx,
  type HelperArg,
  map,
  mem,
  size,
  sock,
  socketOrNull,
  sockOrNull,
  uninitMem,
  valueOrNull,
} from './helper-kinds.js'
import { type Helper, type HelperName, helperByName } from './helpers.js'
import { PROG_TYPE_NAMES, type ProgTypeName } from './prog-type-names.js'

export interface HelperVariant {
  readonly helper: HelperName
  readonly progTypes: readonly ProgTypeName[]
  readonly args?: readonly HelperArg[]
  /** Differs from the table's mark. */
  readonly gplOnly?: boolean
}

// Elsewhere get_cgroup_classid answers for the current task and looks at no argument.
const HOLDS_SKB_CLASS: ReadonlySet<string> = new Set([
  'sched_cls',
  'sched_act',
  'lwt_in',
  'lwt_out',
  'lwt_xmit',
  'lwt_seg6local',
])

/** Where a helper's arguments or licence depend on the program type. */
export const HELPER_VARIANTS = [
  { helper: 'get_socket_cookie', progTypes: ['tracing', 'lsm', 'syscall', 'sk_reuseport'], args: [sockOrNull] },
  {
    helper: 'setsockopt',
    progTypes: ['cgroup_sockopt', 'lsm', 'tracing', 'struct_ops'],
    args: [sock, any, any, mem, size],
  },
  {
    ...{ helper: 'getsockopt', progTypes: ['cgroup_sockopt', 'lsm', 'tracing', 'struct_ops'] },
    args: [sock, any, any, uninitMem, size],
  },
  { helper: 'sk_assign', progTypes: ['sk_lookup'], args: [ctx, socketOrNull, any] },
  { helper: 'sk_storage_get', progTypes: ['cgroup_sock'], args: [map, ctx, valueOrNull, any] },
  { helper: 'sk_storage_get', progTypes: ['tracing'], args: [map, btfOrNull('sock_common'), valueOrNull, any] },
  { helper: 'sk_storage_delete', progTypes: ['tracing'], args: [map, btfOrNull('sock_common')] },
  { helper: 'xdp_get_buff_len', progTypes: ['tracing', 'lsm', 'syscall'], args: [btf('xdp_buff')] },
  { helper: 'get_cgroup_classid', progTypes: PROG_TYPE_NAMES.filter((name) => !HOLDS_SKB_CLASS.has(name)), args: [] },
  { helper: 'get_stackid', progTypes: ['perf_event'], gplOnly: false },
] as const satisfies readonly HelperVariant[]

const variants: readonly HelperVariant[] = HELPER_VARIANTS

/** A helper as a program of the given type sees it. */
export function helperFor(name: HelperName, progType: ProgTypeName): Helper {
  const row = helperByName(name)
  const variant = variants.find((candidate) => candidate.helper === name && candidate.progTypes.includes(progType))
  if (variant === undefined) return row
  const { gplOnly: base, ...rest } = row
  const gplOnly = variant.gplOnly ?? base ?? false
  return { ...rest, args: variant.args ?? row.args, ...(gplOnly && { gplOnly: true as const }) }
}
