// Functions of the kernel that translated programs call where source programs call helpers: as `bpftool prog dump xlated`
// names them.

import type { AttachTypeName } from './attach-types.js'
import type { HelperName } from './helpers.js'
import type { ProgTypeName } from './prog-type-names.js'

/** Helpers whose function is another one in some program types; the rest is called `bpf_` and the helper's name. */
export const HELPER_FUNCTIONS: Readonly<
  Partial<Record<HelperName, Readonly<Partial<Record<ProgTypeName | 'other', string>>>>>
> = {
  check_mtu: { other: 'bpf_skb_check_mtu', xdp: 'bpf_xdp_check_mtu' },
  fib_lookup: { other: 'bpf_skb_fib_lookup', xdp: 'bpf_xdp_fib_lookup' },
  get_attach_cookie: {
    perf_event: 'bpf_get_attach_cookie_pe',
    kprobe: 'bpf_get_attach_cookie_trace',
    tracepoint: 'bpf_get_attach_cookie_trace',
    raw_tracepoint: 'bpf_get_attach_cookie_tracing',
    tracing: 'bpf_get_attach_cookie_tracing',
  },
  get_func_ip: { kprobe: 'bpf_get_func_ip_kprobe' },
  get_netns_cookie: {
    sk_msg: 'bpf_get_netns_cookie_sk_msg',
    cgroup_sock: 'bpf_get_netns_cookie_sock',
    cgroup_sock_addr: 'bpf_get_netns_cookie_sock_addr',
    sock_ops: 'bpf_get_netns_cookie_sock_ops',
    cgroup_sockopt: 'bpf_get_netns_cookie_sockopt',
  },
  get_prandom_u32: { other: 'bpf_user_rnd_u32' },
  get_socket_cookie: {
    cgroup_sock: 'bpf_get_socket_cookie_sock',
    cgroup_sock_addr: 'bpf_get_socket_cookie_sock_addr',
    sock_ops: 'bpf_get_socket_cookie_sock_ops',
    sk_reuseport: 'bpf_get_socket_ptr_cookie',
  },
  get_stack: {
    perf_event: 'bpf_get_stack_pe',
    raw_tracepoint: 'bpf_get_stack_raw_tp',
    raw_tracepoint_writable: 'bpf_get_stack_raw_tp',
    tracing: 'bpf_get_stack_raw_tp',
    tracepoint: 'bpf_get_stack_tp',
  },
  get_stackid: {
    perf_event: 'bpf_get_stackid_pe',
    raw_tracepoint: 'bpf_get_stackid_raw_tp',
    raw_tracepoint_writable: 'bpf_get_stackid_raw_tp',
    tracing: 'bpf_get_stackid_raw_tp',
    tracepoint: 'bpf_get_stackid_tp',
  },
  getsockopt: {
    cgroup_sockopt: 'bpf_sk_getsockopt',
    cgroup_sock_addr: 'bpf_sock_addr_getsockopt',
    sock_ops: 'bpf_sock_ops_getsockopt',
  },
  load_hdr_opt: { sock_ops: 'bpf_sock_ops_load_hdr_opt' },
  lwt_push_encap: { lwt_in: 'bpf_lwt_in_push_encap', lwt_xmit: 'bpf_lwt_xmit_push_encap' },
  perf_event_output: {
    other: 'bpf_skb_event_output',
    xdp: 'bpf_xdp_event_output',
    sock_ops: 'bpf_event_output_data',
    tracing: 'bpf_perf_event_output_raw_tp',
    raw_tracepoint: 'bpf_perf_event_output_raw_tp',
    raw_tracepoint_writable: 'bpf_perf_event_output_raw_tp',
    tracepoint: 'bpf_perf_event_output_tp',
    kprobe: 'bpf_perf_event_output',
  },
  redirect: { xdp: 'bpf_xdp_redirect' },
  redirect_map: { xdp: 'bpf_xdp_redirect_map' },
  reserve_hdr_opt: { sock_ops: 'bpf_sock_ops_reserve_hdr_opt' },
  setsockopt: {
    cgroup_sockopt: 'bpf_sk_setsockopt',
    cgroup_sock_addr: 'bpf_sock_addr_setsockopt',
    sock_ops: 'bpf_sock_ops_setsockopt',
  },
  sk_assign: { sk_lookup: 'bpf_sk_lookup_assign' },
  sk_lookup_tcp: {
    sched_cls: 'bpf_tc_sk_lookup_tcp',
    sched_act: 'bpf_tc_sk_lookup_tcp',
    xdp: 'bpf_xdp_sk_lookup_tcp',
    cgroup_sock_addr: 'bpf_sock_addr_sk_lookup_tcp',
  },
  sk_lookup_udp: {
    sched_cls: 'bpf_tc_sk_lookup_udp',
    sched_act: 'bpf_tc_sk_lookup_udp',
    xdp: 'bpf_xdp_sk_lookup_udp',
    cgroup_sock_addr: 'bpf_sock_addr_sk_lookup_udp',
  },
  sk_select_reuseport: { other: 'sk_select_reuseport' },
  skb_adjust_room: { sk_skb: 'sk_skb_adjust_room' },
  skb_load_bytes: { flow_dissector: 'bpf_flow_dissector_load_bytes' },
  skb_pull_data: { sk_skb: 'sk_skb_pull_data' },
  skc_lookup_tcp: {
    sched_cls: 'bpf_tc_skc_lookup_tcp',
    sched_act: 'bpf_tc_skc_lookup_tcp',
    xdp: 'bpf_xdp_skc_lookup_tcp',
    cgroup_sock_addr: 'bpf_sock_addr_skc_lookup_tcp',
  },
  store_hdr_opt: { sock_ops: 'bpf_sock_ops_store_hdr_opt' },
}

/** Of programs for many user functions. */
const UPROBE_MULTI: Readonly<Partial<Record<HelperName, string>>> = {
  get_attach_cookie: 'bpf_get_attach_cookie_uprobe_multi',
  get_func_ip: 'bpf_get_func_ip_uprobe_multi',
}

/** Name of the function that stands for a helper in programs of a type. */
export function helperFunction(helper: HelperName, type: ProgTypeName, attachType?: AttachTypeName): string {
  const multi = attachType === 'trace_uprobe_multi' ? UPROBE_MULTI[helper] : undefined
  if (multi !== undefined) return multi
  const row = HELPER_FUNCTIONS[helper]
  return row?.[type] ?? row?.other ?? `bpf_${helper}`
}

/** Functions of map types and of the translation itself. */
const OTHERS = [
  ...['__htab_map_lookup_elem', 'htab_map_lookup_elem', 'htab_map_update_elem', 'htab_map_delete_elem'],
  ...['htab_percpu_map_update_elem', 'htab_percpu_map_lookup_percpu_elem', 'bpf_for_each_hash_elem'],
  ...['htab_lru_map_lookup_elem', 'htab_lru_map_update_elem', 'htab_lru_map_delete_elem'],
  ...['htab_lru_percpu_map_lookup_elem', 'htab_lru_percpu_map_update_elem', 'htab_lru_percpu_map_lookup_percpu_elem'],
  ...['array_map_lookup_elem', 'array_map_update_elem', 'array_map_delete_elem', 'bpf_for_each_array_elem'],
  ...['percpu_array_map_lookup_elem', 'percpu_array_map_lookup_percpu_elem'],
  ...['trie_lookup_elem', 'trie_update_elem', 'trie_delete_elem'],
  ...['dev_map_lookup_elem', 'dev_map_redirect', 'dev_map_hash_lookup_elem', 'dev_hash_map_redirect'],
  ...['cpu_map_redirect', 'xsk_map_lookup_elem', 'xsk_map_redirect'],
  ...['sock_map_lookup', 'sock_map_update_elem', 'sock_map_delete_elem', 'sock_hash_lookup', 'sock_hash_delete_elem'],
  ...['queue_stack_map_push_elem', 'queue_map_pop_elem', 'queue_map_peek_elem'],
  ...['stack_map_pop_elem', 'stack_map_peek_elem', 'bloom_map_push_elem', 'bloom_map_peek_elem'],
  ...['array_of_map_lookup_elem', 'htab_of_map_lookup_elem', 'bpf_skb_pull_data', 'sk_skb_pull_data'],
  ...['bpf_skb_load_helper_8_no_cache', 'bpf_skb_load_helper_16_no_cache', 'bpf_skb_load_helper_32_no_cache'],
  ...['arch_bpf_timed_may_goto', 'bpf_dynptr_from_skb_rdonly'],
]

/** Above every helper's number. */
const FIRST = 0x1_0000

const VARIANTS = Object.values(HELPER_FUNCTIONS).flatMap((row) => Object.values(row ?? {}))
const NAMES: readonly string[] = [...new Set([...OTHERS, ...VARIANTS, ...Object.values(UPROBE_MULTI)])]
const IDS: ReadonlyMap<string, number> = new Map(NAMES.map((name, i) => [name, FIRST + i]))

/** The number that a call of a kernel function holds in translated programs of the embedded kernel; 0 for a stranger. */
export function kernelFunctionId(name: string): number {
  return IDS.get(name) ?? 0
}

export function kernelFunctionName(id: number): string | undefined {
  return NAMES[id - FIRST]
}
