// Program types by name and number. What each type may do stands in prog-types/.

/** Names as bpftool prints them, at the index of their number (0 is "unspec", never loaded). */
const NAMES = [
  'socket_filter',
  'kprobe',
  'sched_cls',
  'sched_act',
  'tracepoint',
  'xdp',
  'perf_event',
  'cgroup_skb',
  'cgroup_sock',
  'lwt_in',
  'lwt_out',
  'lwt_xmit',
  'sock_ops',
  'sk_skb',
  'cgroup_device',
  'sk_msg',
  'raw_tracepoint',
  'cgroup_sock_addr',
  'lwt_seg6local',
  'lirc_mode2',
  'sk_reuseport',
  'flow_dissector',
  'cgroup_sysctl',
  'raw_tracepoint_writable',
  'cgroup_sockopt',
  'tracing',
  'struct_ops',
  'ext',
  'lsm',
  'sk_lookup',
  'syscall',
  'netfilter',
] as const

export type ProgTypeName = (typeof NAMES)[number]

/** All program type names, in the order of their numbers (the first is 1). */
export const PROG_TYPE_NAMES: readonly ProgTypeName[] = NAMES

const ids = new Map<string, number>(NAMES.map((name, index) => [name, index + 1]))

/** A program type's name by its number; undefined for 0 and numbers Linux 6.18 does not know. */
export function progTypeName(id: number): ProgTypeName | undefined {
  return NAMES[id - 1]
}

/** A program type's number by its name; undefined for an unknown name. */
export function progTypeId(name: ProgTypeName): number
export function progTypeId(name: string): number | undefined
export function progTypeId(name: string): number | undefined {
  return ids.get(name)
}
