// Attach types, one row each: which program types load with it, what they attach to, and which calls attach them.

import type { ProgTypeName } from './prog-type-names.js'

/** What a program is attached to. */
export type AttachTarget =
  | 'cgroup'
  | 'netdev'
  | 'netns'
  | 'sockmap'
  | 'map entry'
  | 'reuseport group'
  | 'kernel function'
  | 'tracepoint'
  | 'perf event'
  | 'user function'
  | 'iterator'
  | 'struct_ops map'
  | 'netfilter hook'
  | 'lirc device'

export interface AttachTypeRow {
  readonly id: number
  /** Linux's name in lower case without BPF_, as libbpf and bpftool print it. */
  readonly name: string
  /** The older spelling that bpftool uses for cgroup attachments and tracing programs, where it differs. */
  readonly short?: string
  readonly progTypes: readonly ProgTypeName[]
  readonly target: AttachTarget
  /** Link type made by BPF_LINK_CREATE or BPF_RAW_TRACEPOINT_OPEN; undefined where no link exists. */
  readonly link?: string
  /** BPF_PROG_ATTACH works too. */
  readonly progAttach?: true
  /** BPF_PROG_QUERY answers. */
  readonly query?: true
}

const inet = { target: 'cgroup', link: 'cgroup', progAttach: true, query: true } as const
const addr = { ...inet, progTypes: ['cgroup_sock_addr'] } as const
const sock = { ...inet, progTypes: ['cgroup_sock'] } as const
const sockmap = { target: 'sockmap', link: 'sockmap', progAttach: true, query: true } as const
const tracing = { progTypes: ['tracing'], target: 'kernel function', link: 'tracing' } as const
// Newer than the kernels this project records; no link type of their own is known here.
const tracingMulti = { progTypes: ['tracing'], target: 'kernel function' } as const
const device = { target: 'netdev', progTypes: ['sched_cls'], progAttach: true, query: true } as const

/** All attach types, in the order of their numbers. */
export const ATTACH_TYPES = [
  { id: 0, name: 'cgroup_inet_ingress', short: 'ingress', progTypes: ['cgroup_skb'], ...inet },
  { id: 1, name: 'cgroup_inet_egress', short: 'egress', progTypes: ['cgroup_skb'], ...inet },
  { id: 2, name: 'cgroup_inet_sock_create', short: 'sock_create', ...sock },
  { id: 3, name: 'cgroup_sock_ops', short: 'sock_ops', progTypes: ['sock_ops'], ...inet },
  { id: 4, name: 'sk_skb_stream_parser', short: 'skb_parser', progTypes: ['sk_skb'], ...sockmap },
  { id: 5, name: 'sk_skb_stream_verdict', short: 'skb_verdict', progTypes: ['sk_skb'], ...sockmap },
  { id: 6, name: 'cgroup_device', short: 'device', progTypes: ['cgroup_device'], ...inet },
  { id: 7, name: 'sk_msg_verdict', short: 'msg_verdict', progTypes: ['sk_msg'], ...sockmap },
  { id: 8, name: 'cgroup_inet4_bind', short: 'bind4', ...addr },
  { id: 9, name: 'cgroup_inet6_bind', short: 'bind6', ...addr },
  { id: 10, name: 'cgroup_inet4_connect', short: 'connect4', ...addr },
  { id: 11, name: 'cgroup_inet6_connect', short: 'connect6', ...addr },
  { id: 12, name: 'cgroup_inet4_post_bind', short: 'post_bind4', ...sock },
  { id: 13, name: 'cgroup_inet6_post_bind', short: 'post_bind6', ...sock },
  { id: 14, name: 'cgroup_udp4_sendmsg', short: 'sendmsg4', ...addr },
  { id: 15, name: 'cgroup_udp6_sendmsg', short: 'sendmsg6', ...addr },
  { id: 16, name: 'lirc_mode2', progTypes: ['lirc_mode2'], target: 'lirc device', progAttach: true, query: true },
  {
    id: 17,
    name: 'flow_dissector',
    progTypes: ['flow_dissector'],
    target: 'netns',
    link: 'netns',
    progAttach: true,
    query: true,
  },
  { id: 18, name: 'cgroup_sysctl', short: 'sysctl', progTypes: ['cgroup_sysctl'], ...inet },
  { id: 19, name: 'cgroup_udp4_recvmsg', short: 'recvmsg4', ...addr },
  { id: 20, name: 'cgroup_udp6_recvmsg', short: 'recvmsg6', ...addr },
  { id: 21, name: 'cgroup_getsockopt', short: 'getsockopt', progTypes: ['cgroup_sockopt'], ...inet },
  { id: 22, name: 'cgroup_setsockopt', short: 'setsockopt', progTypes: ['cgroup_sockopt'], ...inet },
  {
    id: 23,
    name: 'trace_raw_tp',
    short: 'raw_tp',
    progTypes: ['tracing'],
    target: 'tracepoint',
    link: 'raw_tracepoint',
  },
  { id: 24, name: 'trace_fentry', short: 'fentry', ...tracing },
  { id: 25, name: 'trace_fexit', short: 'fexit', ...tracing },
  { id: 26, name: 'modify_return', short: 'mod_ret', ...tracing },
  { id: 27, name: 'lsm_mac', progTypes: ['lsm'], target: 'kernel function', link: 'tracing' },
  { id: 28, name: 'trace_iter', progTypes: ['tracing'], target: 'iterator', link: 'iter' },
  { id: 29, name: 'cgroup_inet4_getpeername', short: 'getpeername4', ...addr },
  { id: 30, name: 'cgroup_inet6_getpeername', short: 'getpeername6', ...addr },
  { id: 31, name: 'cgroup_inet4_getsockname', short: 'getsockname4', ...addr },
  { id: 32, name: 'cgroup_inet6_getsockname', short: 'getsockname6', ...addr },
  { id: 33, name: 'xdp_devmap', progTypes: ['xdp'], target: 'map entry' },
  { id: 34, name: 'cgroup_inet_sock_release', short: 'sock_release', ...sock },
  { id: 35, name: 'xdp_cpumap', progTypes: ['xdp'], target: 'map entry' },
  { id: 36, name: 'sk_lookup', progTypes: ['sk_lookup'], target: 'netns', link: 'netns', query: true },
  { id: 37, name: 'xdp', progTypes: ['xdp'], target: 'netdev', link: 'xdp' },
  { id: 38, name: 'sk_skb_verdict', progTypes: ['sk_skb'], ...sockmap },
  { id: 39, name: 'sk_reuseport_select', progTypes: ['sk_reuseport'], target: 'reuseport group' },
  { id: 40, name: 'sk_reuseport_select_or_migrate', progTypes: ['sk_reuseport'], target: 'reuseport group' },
  {
    id: 41,
    name: 'perf_event',
    progTypes: ['perf_event', 'kprobe', 'tracepoint'],
    target: 'perf event',
    link: 'perf_event',
  },
  { id: 42, name: 'trace_kprobe_multi', progTypes: ['kprobe'], target: 'kernel function', link: 'kprobe_multi' },
  { id: 43, name: 'lsm_cgroup', progTypes: ['lsm'], ...inet },
  { id: 44, name: 'struct_ops', progTypes: ['struct_ops'], target: 'struct_ops map', link: 'struct_ops' },
  { id: 45, name: 'netfilter', progTypes: ['netfilter'], target: 'netfilter hook', link: 'netfilter' },
  { id: 46, name: 'tcx_ingress', ...device, link: 'tcx' },
  { id: 47, name: 'tcx_egress', ...device, link: 'tcx' },
  { id: 48, name: 'trace_uprobe_multi', progTypes: ['kprobe'], target: 'user function', link: 'uprobe_multi' },
  { id: 49, name: 'cgroup_unix_connect', ...addr },
  { id: 50, name: 'cgroup_unix_sendmsg', ...addr },
  { id: 51, name: 'cgroup_unix_recvmsg', ...addr },
  { id: 52, name: 'cgroup_unix_getpeername', ...addr },
  { id: 53, name: 'cgroup_unix_getsockname', ...addr },
  { id: 54, name: 'netkit_primary', ...device, link: 'netkit' },
  { id: 55, name: 'netkit_peer', ...device, link: 'netkit' },
  { id: 56, name: 'trace_kprobe_session', progTypes: ['kprobe'], target: 'kernel function', link: 'kprobe_multi' },
  { id: 57, name: 'trace_uprobe_session', progTypes: ['kprobe'], target: 'user function', link: 'uprobe_multi' },
  { id: 58, name: 'trace_fsession', ...tracing },
  { id: 59, name: 'trace_fentry_multi', ...tracingMulti },
  { id: 60, name: 'trace_fexit_multi', ...tracingMulti },
  { id: 61, name: 'trace_fsession_multi', ...tracingMulti },
] as const satisfies readonly AttachTypeRow[]

export type AttachTypeName = (typeof ATTACH_TYPES)[number]['name']

type NamedRow = AttachTypeRow & { readonly name: AttachTypeName }
const byName = new Map<string, NamedRow>(ATTACH_TYPES.map((row) => [row.name, row]))

/** The row of an attach type; undefined for an unknown name. */
export function attachTypeByName(name: string): NamedRow | undefined {
  return byName.get(name)
}

/** An attach type's name by its number. */
export function attachTypeName(id: number): AttachTypeName | undefined {
  return ATTACH_TYPES[id]?.name
}
