// What to take from BTF, and the numbers BTF does not carry.
import { existsSync, readFileSync } from 'node:fs'

/** Enums to export: `from` is the enum's name, or a member of an anonymous one. */
export const ENUMS = [
  { name: 'bpf_cmd', from: 'bpf_cmd', comment: 'Commands of bpf(2).' },
  { name: 'bpf_map_type', from: 'bpf_map_type', comment: 'Map types.' },
  { name: 'bpf_prog_type', from: 'bpf_prog_type', comment: 'Program types.' },
  { name: 'bpf_attach_type', from: 'bpf_attach_type', comment: 'Attach types.' },
  { name: 'bpf_link_type', from: 'bpf_link_type', comment: 'Link types.' },
  { name: 'bpf_func_id', from: 'bpf_func_id', comment: 'Helper functions.' },
  { name: 'bpf_perf_event_type', from: 'bpf_perf_event_type', comment: 'Kinds of perf_event links.' },
  { name: 'bpf_stats_type', from: 'bpf_stats_type', comment: 'What BPF_ENABLE_STATS can count.' },
  { name: 'bpf_task_fd_type', from: 'bpf_task_fd_type', comment: 'Answers of BPF_TASK_FD_QUERY.' },
  { name: 'bpf_hdr_start_off', from: 'bpf_hdr_start_off', comment: 'Start of skb_load_bytes_relative.' },
  { name: 'bpf_adj_room_mode', from: 'bpf_adj_room_mode', comment: 'Modes of skb_adjust_room.' },
  { name: 'bpf_lwt_encap_mode', from: 'bpf_lwt_encap_mode', comment: 'Modes of lwt_push_encap.' },
  { name: 'bpf_check_mtu_flags', from: 'bpf_check_mtu_flags', comment: 'Flags of check_mtu.' },
  { name: 'bpf_check_mtu_ret', from: 'bpf_check_mtu_ret', comment: 'Results of check_mtu.' },
  {
    name: 'bpf_ret_code',
    from: 'bpf_ret_code',
    comment: 'Return codes of generic skb programs (lwt, flow dissector).',
  },
  { name: 'bpf_cgroup_iter_order', from: 'bpf_cgroup_iter_order', comment: 'Order of the cgroup iterator.' },
  { name: 'bpf_core_relo_kind', from: 'bpf_core_relo_kind', comment: 'CO-RE relocation kinds.' },
  { name: 'bpf_stream_id', from: 'bpf_stream_id', comment: "A program's output streams." },
  { name: 'sk_action', from: 'sk_action', comment: 'Verdicts of sk_skb, sk_msg, sk_lookup and sk_reuseport programs.' },
  { name: 'xdp_action', from: 'xdp_action', comment: 'XDP verdicts.' },
  { name: 'tcx_action_base', from: 'tcx_action_base', comment: 'tcx verdicts.' },
  {
    name: 'bpf_map_update_flags',
    from: 'BPF_NOEXIST',
    comment: 'Flags of element updates (and BPF_F_LOCK of look-ups).',
  },
  { name: 'bpf_map_create_flags', from: 'BPF_F_NO_PREALLOC', comment: 'map_flags of BPF_MAP_CREATE.' },
  { name: 'bpf_uprobe_multi_flags', from: 'BPF_F_UPROBE_MULTI_RETURN', comment: 'Flags of uprobe_multi links.' },
  { name: 'bpf_kprobe_multi_flags', from: 'BPF_F_KPROBE_MULTI_RETURN', comment: 'Flags of kprobe_multi links.' },
  { name: 'bpf_store_bytes_flags', from: 'BPF_F_RECOMPUTE_CSUM', comment: 'Flags of skb_store_bytes.' },
  {
    name: 'bpf_csum_replace_mask',
    from: 'BPF_F_HDR_FIELD_MASK',
    comment: 'Field size in the flags of l3/l4_csum_replace.',
  },
  { name: 'bpf_l4_csum_flags', from: 'BPF_F_PSEUDO_HDR', comment: 'Flags of l4_csum_replace.' },
  { name: 'bpf_tunnel_key_get_flags', from: 'BPF_F_TUNINFO_IPV6', comment: 'Flags of skb_set/get_tunnel_key.' },
  { name: 'bpf_tunnel_key_set_flags', from: 'BPF_F_ZERO_CSUM_TX', comment: 'Flags of skb_set_tunnel_key.' },
  { name: 'bpf_tunnel_key_info_flags', from: 'BPF_F_TUNINFO_FLAGS', comment: 'Flags of skb_get_tunnel_key.' },
  { name: 'bpf_index_flags', from: 'BPF_F_INDEX_MASK', comment: 'Flags of perf_event_output and perf_event_read.' },
  { name: 'bpf_netns_flags', from: 'BPF_F_CURRENT_NETNS', comment: 'netns of the socket look-up helpers.' },
  { name: 'bpf_csum_level', from: 'BPF_CSUM_LEVEL_QUERY', comment: 'Levels of csum_level.' },
  { name: 'bpf_adj_room_flags', from: 'BPF_F_ADJ_ROOM_FIXED_GSO', comment: 'Flags of skb_adjust_room.' },
  {
    name: 'bpf_adj_room_l2',
    from: 'BPF_ADJ_ROOM_ENCAP_L2_MASK',
    comment: 'Layer-2 length in the flags of skb_adjust_room.',
  },
  { name: 'bpf_sysctl_flags', from: 'BPF_F_SYSCTL_BASE_NAME', comment: 'Flags of sysctl_get_name.' },
  {
    name: 'bpf_local_storage_flags',
    from: 'BPF_LOCAL_STORAGE_GET_F_CREATE',
    comment: 'Flags of the local storage helpers.',
  },
  { name: 'bpf_read_branch_flags', from: 'BPF_F_GET_BRANCH_RECORDS_SIZE', comment: 'Flags of read_branch_records.' },
  { name: 'bpf_ringbuf_wakeup_flags', from: 'BPF_RB_NO_WAKEUP', comment: 'Flags of the ring buffer helpers.' },
  { name: 'bpf_ringbuf_query_flags', from: 'BPF_RB_AVAIL_DATA', comment: 'What ringbuf_query answers.' },
  {
    name: 'bpf_ringbuf_header',
    from: 'BPF_RINGBUF_BUSY_BIT',
    comment: 'Bits and size of a ring buffer record header.',
  },
  {
    name: 'bpf_sk_lookup_flags',
    from: 'BPF_SK_LOOKUP_F_REPLACE',
    comment: 'Flags of sk_assign in sk_lookup programs.',
  },
  { name: 'bpf_skb_tstamp_types', from: 'BPF_SKB_CLOCK_REALTIME', comment: 'Types of skb_set_tstamp.' },
  { name: 'bpf_sock_ops_cb_flags', from: 'BPF_SOCK_OPS_RTO_CB_FLAG', comment: 'Call-back flags of sock_ops programs.' },
  { name: 'bpf_sock_ops', from: 'BPF_SOCK_OPS_TIMEOUT_INIT', comment: '`op` of struct bpf_sock_ops.' },
  { name: 'bpf_tcp_states', from: 'BPF_TCP_ESTABLISHED', comment: 'TCP states in sock_ops.' },
  { name: 'bpf_load_hdr_opt_flags', from: 'BPF_LOAD_HDR_OPT_TCP_SYN', comment: 'Flags of load_hdr_opt.' },
  {
    name: 'bpf_write_hdr_opt',
    from: 'BPF_WRITE_HDR_TCP_CURRENT_MSS',
    comment: 'args[0] of BPF_SOCK_OPS_HDR_OPT_LEN_CB.',
  },
  { name: 'bpf_fib_lookup_flags', from: 'BPF_FIB_LOOKUP_DIRECT', comment: 'Flags of fib_lookup.' },
  { name: 'bpf_fib_lookup_ret', from: 'BPF_FIB_LKUP_RET_SUCCESS', comment: 'Results of fib_lookup.' },
  {
    name: 'bpf_flow_dissector_flags',
    from: 'BPF_FLOW_DISSECTOR_F_PARSE_1ST_FRAG',
    comment: 'Flags of struct bpf_flow_keys.',
  },
  { name: 'bpf_redirect_flags', from: 'BPF_F_INGRESS', comment: 'Flags of redirect, clone_redirect and redirect_map.' },
  {
    name: 'bpf_redirect_internal_flags',
    from: 'BPF_F_NEIGH',
    comment: 'How redirect_neigh and redirect_peer mark a redirect inside the kernel.',
  },
  { name: 'bpf_stack_flags', from: 'BPF_F_SKIP_FIELD_MASK', comment: 'Flags of get_stackid and get_stack.' },
  {
    name: 'bpf_stack_build_id_status',
    from: 'BPF_STACK_BUILD_ID_EMPTY',
    comment: 'status of struct bpf_stack_build_id.',
  },
  { name: 'bpf_timer_flags', from: 'BPF_F_TIMER_ABS', comment: 'Flags of timer_start.' },
  { name: 'bpf_kfunc_flags', from: 'bpf_kfunc_flags', comment: 'Flags shared by kfuncs.' },
  { name: 'bpf_bprm_flags', from: 'BPF_F_BPRM_SECUREEXEC', comment: 'Flags of bprm_opts_set.' },
  { name: 'bpf_loops', from: 'BPF_MAX_LOOPS', comment: 'Iterations of loop and of may_goto.' },
  { name: 'bpf_reg', from: 'BPF_REG_0', comment: 'Registers.' },
  { name: 'btf_print_flags', from: 'BTF_F_COMPACT', comment: 'Flags of snprintf_btf and seq_printf_btf.' },
  { name: 'btf_kind', from: 'BTF_KIND_INT', comment: 'BTF kinds.', only: /^BTF_KIND_(?!MAX)/ },
  { name: 'btf_var_linkage', from: 'BTF_VAR_STATIC', comment: 'Linkage of a BTF variable.' },
  { name: 'btf_func_linkage', from: 'btf_func_linkage', comment: 'Linkage of a BTF function.' },
  { name: 'ifla_xdp', from: 'IFLA_XDP_FD', comment: 'Attributes nested in IFLA_XDP.' },
  { name: 'xdp_attached', from: 'XDP_ATTACHED_NONE', comment: 'Values of IFLA_XDP_ATTACHED.' },
  { name: 'ifla', from: 'IFLA_IFNAME', comment: 'Attributes of RTM_*LINK.' },
  { name: 'tca_bpf', from: 'TCA_BPF_FD', comment: "Attributes of tc's bpf classifier." },
  { name: 'perf_type_id', from: 'perf_type_id', comment: 'type of struct perf_event_attr.' },
  { name: 'perf_sw_ids', from: 'perf_sw_ids', comment: 'Software events.' },
  { name: 'perf_hw_id', from: 'perf_hw_id', comment: 'Hardware events.' },
  {
    name: 'perf_event_sample_format',
    from: 'perf_event_sample_format',
    comment: 'sample_type of struct perf_event_attr.',
  },
  { name: 'perf_event_type', from: 'perf_event_type', comment: 'Records of a perf ring.' },
  { name: 'perf_bpf_event_type', from: 'perf_bpf_event_type', comment: 'Kinds of PERF_RECORD_BPF_EVENT.' },
  { name: 'perf_record_ksymbol_type', from: 'perf_record_ksymbol_type', comment: 'Kinds of PERF_RECORD_KSYMBOL.' },
]

/** Members later kernels add to those enums. */
export const NEWER = {
  bpf_map_type: [['BPF_MAP_TYPE_INSN_ARRAY', 34]],
  bpf_cmd: [['BPF_PROG_ASSOC_STRUCT_OPS', 38]],
  bpf_attach_type: [
    ['BPF_TRACE_FSESSION', 58],
    ['BPF_TRACE_FENTRY_MULTI', 59],
    ['BPF_TRACE_FEXIT_MULTI', 60],
    ['BPF_TRACE_FSESSION_MULTI', 61],
  ],
}

/** #defines: numbers only, checked against the machine's headers where those know the name. */
export const DEFINES = [
  {
    name: 'bpf_prog_flags',
    comment: 'prog_flags of BPF_PROG_LOAD.',
    values: {
      BPF_F_STRICT_ALIGNMENT: 1,
      BPF_F_ANY_ALIGNMENT: 2,
      BPF_F_TEST_RND_HI32: 4,
      BPF_F_TEST_STATE_FREQ: 8,
      BPF_F_SLEEPABLE: 16,
      BPF_F_XDP_HAS_FRAGS: 32,
      BPF_F_XDP_DEV_BOUND_ONLY: 64,
      BPF_F_TEST_REG_INVARIANTS: 128,
    },
  },
  {
    name: 'bpf_attach_flags',
    comment: 'attach_flags of BPF_PROG_ATTACH and flags of cgroup, tcx and netkit links.',
    values: {
      BPF_F_ALLOW_OVERRIDE: 1,
      BPF_F_ALLOW_MULTI: 2,
      BPF_F_REPLACE: 4,
      BPF_F_BEFORE: 8,
      BPF_F_AFTER: 16,
      BPF_F_ID: 32,
      BPF_F_PREORDER: 64,
      BPF_F_LINK: 8192,
    },
  },
  { name: 'bpf_query_flags', comment: 'query_flags of BPF_PROG_QUERY.', values: { BPF_F_QUERY_EFFECTIVE: 1 } },
  {
    name: 'bpf_test_run_flags',
    comment: 'flags of BPF_PROG_TEST_RUN.',
    values: { BPF_F_TEST_RUN_ON_CPU: 1, BPF_F_TEST_XDP_LIVE_FRAMES: 2, BPF_F_TEST_SKB_CHECKSUM_COMPLETE: 4 },
  },
  { name: 'bpf_netfilter_flags', comment: 'flags of netfilter links.', values: { BPF_F_NETFILTER_IP_DEFRAG: 1 } },
  {
    name: 'bpf_pseudo',
    comment: 'src_reg of ld_imm64 and call.',
    values: {
      BPF_PSEUDO_MAP_FD: 1,
      BPF_PSEUDO_MAP_IDX: 5,
      BPF_PSEUDO_MAP_VALUE: 2,
      BPF_PSEUDO_MAP_IDX_VALUE: 6,
      BPF_PSEUDO_BTF_ID: 3,
      BPF_PSEUDO_FUNC: 4,
      BPF_PSEUDO_CALL: 1,
      BPF_PSEUDO_KFUNC_CALL: 2,
    },
  },
  {
    name: 'bpf_sizes',
    comment: 'Sizes fixed by linux/bpf.h.',
    values: { BPF_BUILD_ID_SIZE: 20, BPF_OBJ_NAME_LEN: 16, BPF_TAG_SIZE: 8, XDP_PACKET_HEADROOM: 256 },
  },
  {
    name: 'tc_act',
    comment: 'tc verdicts.',
    values: {
      TC_ACT_UNSPEC: -1,
      TC_ACT_OK: 0,
      TC_ACT_RECLASSIFY: 1,
      TC_ACT_SHOT: 2,
      TC_ACT_PIPE: 3,
      TC_ACT_STOLEN: 4,
      TC_ACT_QUEUED: 5,
      TC_ACT_REPEAT: 6,
      TC_ACT_REDIRECT: 7,
      TC_ACT_TRAP: 8,
    },
  },
  {
    name: 'nf_verdict',
    comment: 'netfilter verdicts.',
    values: { NF_DROP: 0, NF_ACCEPT: 1, NF_STOLEN: 2, NF_QUEUE: 3, NF_REPEAT: 4, NF_STOP: 5 },
  },
  {
    name: 'tca_bpf_flags',
    comment: "Values of TCA_BPF_FLAGS and TCA_BPF_FLAGS_GEN of tc's bpf classifier.",
    values: { TCA_BPF_FLAG_ACT_DIRECT: 1, TCA_CLS_FLAGS_SKIP_HW: 1, TCA_CLS_FLAGS_SKIP_SW: 2 },
  },
  {
    name: 'xdp_flags',
    comment: 'Values of IFLA_XDP_FLAGS and flags of XDP links.',
    values: {
      XDP_FLAGS_UPDATE_IF_NOEXIST: 1,
      XDP_FLAGS_SKB_MODE: 2,
      XDP_FLAGS_DRV_MODE: 4,
      XDP_FLAGS_HW_MODE: 8,
      XDP_FLAGS_REPLACE: 16,
      XDP_FLAGS_MODES: 14,
      XDP_FLAGS_MASK: 31,
    },
  },
  {
    name: 'af_xdp',
    comment: 'AF_XDP sockets: bind flags, socket options, ring offsets.',
    values: {
      XDP_SHARED_UMEM: 1,
      XDP_COPY: 2,
      XDP_ZEROCOPY: 4,
      XDP_USE_NEED_WAKEUP: 8,
      XDP_USE_SG: 16,
      XDP_UMEM_UNALIGNED_CHUNK_FLAG: 1,
      XDP_RING_NEED_WAKEUP: 1,
      XDP_MMAP_OFFSETS: 1,
      XDP_RX_RING: 2,
      XDP_TX_RING: 3,
      XDP_UMEM_REG: 4,
      XDP_UMEM_FILL_RING: 5,
      XDP_UMEM_COMPLETION_RING: 6,
      XDP_STATISTICS: 7,
      XDP_OPTIONS: 8,
      XDP_OPTIONS_ZEROCOPY: 1,
      XDP_PGOFF_RX_RING: 0,
      XDP_PGOFF_TX_RING: 0x80000000,
      XDP_UMEM_PGOFF_FILL_RING: 0x100000000,
      XDP_UMEM_PGOFF_COMPLETION_RING: 0x180000000,
    },
  },
  {
    name: 'perf_event_ioc',
    comment: 'ioctl(2) requests of a perf event.',
    values: {
      PERF_EVENT_IOC_ENABLE: 0x2400,
      PERF_EVENT_IOC_DISABLE: 0x2401,
      PERF_EVENT_IOC_SET_BPF: 0x40042408,
      PERF_EVENT_IOC_PAUSE_OUTPUT: 0x40042409,
      PERF_EVENT_IOC_QUERY_BPF: 0xc008240a,
    },
  },
  {
    name: 'perf_flags',
    comment: 'flags of perf_event_open(2).',
    values: { PERF_FLAG_FD_NO_GROUP: 1, PERF_FLAG_FD_OUTPUT: 2, PERF_FLAG_PID_CGROUP: 4, PERF_FLAG_FD_CLOEXEC: 8 },
  },
  { name: 'btf_magic', comment: 'First two bytes and version of BTF.', values: { BTF_MAGIC: 0xeb9f, BTF_VERSION: 1 } },
]

/** Structs to lay out. */
export const STRUCTS = [
  ...['xdp_md', '__sk_buff', 'bpf_sock', 'bpf_tcp_sock', 'bpf_sock_tuple', 'bpf_fib_lookup', 'bpf_redir_neigh'],
  ...['bpf_tunnel_key', 'bpf_xfrm_state', 'bpf_sock_addr', 'bpf_sock_ops', 'sk_msg_md', 'sk_reuseport_md'],
  ...['bpf_sk_lookup', 'bpf_sysctl', 'bpf_sockopt', 'bpf_cgroup_dev_ctx', 'bpf_perf_event_data'],
  ...['bpf_perf_event_value', 'bpf_raw_tracepoint_args', 'pt_regs', 'user_regs_struct', 'bpf_flow_keys', 'bpf_nf_ctx'],
  ...['bpf_devmap_val', 'bpf_cpumap_val', 'bpf_lpm_trie_key_hdr', 'bpf_lpm_trie_key_u8', 'bpf_cgroup_storage_key'],
  ...['bpf_spin_lock', 'bpf_res_spin_lock', 'bpf_timer', 'bpf_wq', 'bpf_task_work', 'bpf_dynptr', 'bpf_list_head'],
  ...['bpf_list_node', 'bpf_rb_root', 'bpf_rb_node', 'bpf_refcount', 'bpf_iter_num', 'bpf_iter_bits'],
  ...['bpf_map_info', 'bpf_prog_info', 'bpf_link_info', 'bpf_btf_info', 'bpf_token_info', 'bpf_iter_link_info'],
  ...['bpf_func_info', 'bpf_line_info', 'bpf_core_relo', 'bpf_pidns_info', 'bpf_stack_build_id', 'bpf_insn'],
  ...['bpf_ct_opts', 'btf_ptr', 'btf_header', 'btf_type', 'btf_array', 'btf_member', 'btf_param', 'btf_enum'],
  ...['btf_enum64', 'btf_var', 'btf_var_secinfo', 'btf_decl_tag', 'perf_event_attr', 'perf_event_header'],
  ...['perf_event_mmap_page', 'sockaddr_xdp', 'xdp_desc', 'xdp_umem_reg', 'xdp_ring_offset', 'xdp_mmap_offsets'],
  ...['xdp_options', 'xdp_statistics', 'nlmsghdr', 'nlattr', 'ifinfomsg', 'tcmsg'],
]

/** Names for the anonymous parts of `union bpf_attr`, told by their first field. */
export const ATTR_PARTS = [
  { name: 'map_create', by: 'map_type' },
  { name: 'map_elem', by: 'map_fd' },
  { name: 'prog_load', by: 'prog_type' },
  { name: 'obj', by: 'pathname' },
  { name: 'prog_attach', by: 'target_fd' },
  { name: 'get_id', by: 'start_id' },
  { name: 'btf_load', by: 'btf' },
]

/** Parts of `union bpf_attr` that later kernels add, all of 32-bit fields. */
export const NEWER_PARTS = { prog_assoc_struct_ops: ['map_fd', 'prog_fd', 'flags'] }

const HEADERS = ['bpf', 'btf', 'if_link', 'if_xdp', 'pkt_cls', 'perf_event'].map(
  (name) => `/usr/include/linux/${name}.h`,
)

/** Plain numeric #defines of the machine's headers (empty without them). */
export function headerDefines() {
  const found = new Map()
  for (const path of HEADERS) {
    if (!existsSync(path)) continue
    for (const [, name, raw] of readFileSync(path, 'utf8').matchAll(/^#define\s+([A-Z]\w+)\s+(.+)$/gm)) {
      const value = raw
        .replace(/\/\*.*$/, '')
        .replace(/\b(0x[0-9a-f]+|\d+)u?l*\b/gi, '$1')
        .trim()
      const shift = /^\(?\s*(\d+)\s*<<\s*(\d+)\s*\)?$/.exec(value)
      if (shift) found.set(name, BigInt(shift[1]) << BigInt(shift[2]))
      else if (/^\(?-?(0x[0-9a-f]+|\d+)\)?$/i.test(value)) {
        const digits = value.replace(/[()]/g, '')
        found.set(name, digits.startsWith('-') ? -BigInt(digits.slice(1)) : BigInt(digits))
      }
    }
  }
  return found
}
