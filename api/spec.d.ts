// skep/spec: what it exports. Written by scripts/gen/api.mjs: a change here is a change of the public API.

export declare const ATTACH_TYPES: readonly [{ /* a table of 474 lines */ }];

export type AbiArg = 'p' | 'i' | 'l';

export type AbiResult = AbiArg | 'u' | 'v';

export type AccessSize = 1 | 2 | 4 | 8;

export type ArgKind = 'anything' | 'const_map_ptr' | 'ptr_to_map_key' | 'ptr_to_map_value' | 'ptr_to_mem' | 'const_size' | 'const_size_or_zero' | 'const_alloc_size_or_zero' | 'ptr_to_ctx' | 'ptr_to_spin_lock' | 'ptr_to_sock_common' | 'ptr_to_socket' | 'ptr_to_btf_id' | 'ptr_to_btf_id_sock_common' | 'ptr_to_percpu_btf_id' | 'ptr_to_ringbuf_mem' | 'ptr_to_func' | 'ptr_to_stack' | 'ptr_to_const_str' | 'ptr_to_timer' | 'ptr_to_dynptr' | 'kptr_xchg_dest';

export type AttachTarget = 'cgroup' | 'netdev' | 'netns' | 'sockmap' | 'map entry' | 'reuseport group' | 'kernel function' | 'tracepoint' | 'perf event' | 'user function' | 'iterator' | 'struct_ops map' | 'netfilter hook' | 'lirc device';

export type AttachTypeName = (typeof ATTACH_TYPES)[number]['name'];

export interface AttachTypeRow {
    readonly id: number;
    readonly name: string;
    readonly short?: string;
    readonly progTypes: readonly ProgTypeName[];
    readonly target: AttachTarget;
    readonly link?: string;
    readonly progAttach?: true;
    readonly query?: true;
}

export declare const BPF_ATTR_SIZE = 168;

export declare const COMMANDS: readonly [{ /* a table of 274 lines */ }];

export type CommandName = (typeof COMMANDS)[number]['name'];

export interface CommandRow {
    readonly id: number;
    readonly name: string;
    readonly attr: keyof typeof bpf_attr;
    readonly returns: 'fd' | 'zero' | 'query';
    readonly writes: readonly string[];
    readonly since: string;
}

export interface ContextField {
    readonly name: string;
    readonly read: readonly AccessSize[];
    readonly readStart?: readonly AccessSize[];
    readonly write?: readonly AccessSize[];
    readonly writeStart?: readonly AccessSize[];
    readonly kind?: ContextFieldKind;
    readonly bytes?: number;
    readonly on?: readonly AttachTypeName[];
}

export type ContextFieldKind = 'pkt' | 'pkt_end' | 'pkt_meta' | 'flow_keys' | 'tp_buffer' | 'sock' | 'sock_or_null' | 'sock_common_or_null' | 'trusted_ptr_nf_hook_state' | 'trusted_ptr_sk_buff';

export interface ContextLayout {
    readonly struct: keyof typeof structs | undefined;
    readonly fields: readonly ContextField[];
    readonly bytes?: {
        readonly from?: number;
        readonly size: number;
        readonly read: readonly AccessSize[];
        readonly write?: true;
    };
    readonly tpBuffer?: true;
    readonly typedArgs?: true;
}

export interface FieldLayout {
    readonly offset: number;
    readonly size: number;
    readonly class: 'uint' | 'int' | 'ptr' | 'array' | 'struct' | 'union' | 'fwd' | 'void';
    readonly type: string;
    readonly count?: number;
    readonly bitOffset?: number;
    readonly bitSize?: number;
}

export declare const HELPERS: readonly [{ /* a table of 3364 lines */ }];

export declare const HELPER_FUNCTIONS: Readonly<Partial<Record<HelperName, Readonly<Partial<Record<ProgTypeName | 'other', string>>>>>>;

export declare const HELPER_MATRIX: { /* a table of 49 lines */ };

export declare const HELPER_MATRIX_KERNEL = "6.18.44";

export declare const HELPER_VARIANTS: readonly [{ /* a table of 103 lines */ }];

export type Helper = HelperRow & {
    readonly name: HelperName;
    readonly abi: UsedHelperAbi;
};

export type HelperAbi = `${AbiArgs | AbiMoreArgs}>${AbiResult}`;

export interface HelperArg {
    readonly kind: ArgKind;
    readonly maybeNull?: true;
    readonly rdonly?: true;
    readonly uninit?: true;
    readonly write?: true;
    readonly release?: true;
    readonly bytes?: number;
    readonly aligned?: true;
    readonly btf?: string;
    readonly dynptr?: 'local' | 'ringbuf';
}

export type HelperName = (typeof HELPERS)[number]['name'];

export interface HelperParam {
    readonly name: string;
    readonly type: string;
}

export interface HelperReturn {
    readonly kind: ReturnKind;
    readonly maybeNull?: true;
    readonly rdonly?: true;
    readonly ringbuf?: true;
    readonly trusted?: true;
    readonly btf?: string;
}

export interface HelperRow {
    readonly id: number;
    readonly name: string;
    readonly args: readonly HelperArg[];
    readonly ret: HelperReturn;
    readonly abi: HelperAbi;
    readonly c: string;
    readonly gplOnly?: true;
    readonly pktAccess?: true;
    readonly mightSleep?: true;
    readonly fastcall?: true;
    readonly changesPkt?: true;
}

export interface HelperVariant {
    readonly helper: HelperName;
    readonly progTypes: readonly ProgTypeName[];
    readonly args?: readonly HelperArg[];
    readonly gplOnly?: boolean;
}

export declare const KERNEL_STRUCTS: readonly KernelStruct[];

export declare const KFUNCS: readonly Kfunc[];

export declare const KFUNCS_KERNEL = "6.18.44";

export interface KernelStruct {
    readonly name: string;
    readonly kind: 'struct' | 'union' | 'enum';
    readonly size: number;
    readonly plain?: true;
    readonly first?: string;
}

export type Kfunc = KfuncRow & {
    readonly name: KfuncName;
};

export type KfuncFlag = 'acquire' | 'release' | 'ret_null' | 'trusted_args' | 'sleepable' | 'destructive' | 'rcu' | 'iter_new' | 'iter_next' | 'iter_destroy' | 'rcu_protected' | 'fastcall' | 'arena_ret' | 'arena_arg1' | 'arena_arg2';

export type KfuncName = (typeof KFUNC_ROWS)[number]['name'];

export interface KfuncRow {
    readonly name: string;
    readonly c: string;
    readonly abi: `${string}>${AbiResult}`;
    readonly flags: readonly KfuncFlag[];
    readonly progTypes: string;
}

export declare const LIMITS: { /* a table of 34 lines */ };

export declare const LINK_TYPES: readonly [{ /* a table of 113 lines */ }];

export type LinkTypeName = (typeof LINK_TYPES)[number]['name'];

export interface LinkTypeRow {
    readonly id: number;
    readonly name: string;
    readonly holds: 'prog' | 'struct_ops map';
    readonly info: LinkInfoField | undefined;
    readonly update: boolean;
    readonly detach: boolean;
    readonly since: string;
}

export interface LsmHook {
    readonly disabled: boolean;
    readonly sleepable: boolean;
    readonly boolean: boolean;
    readonly trusted: boolean;
}

export declare const MAP_TYPES: readonly [{ /* a table of 378 lines */ }];

export type MapCommand = 'lookup' | 'update' | 'delete' | 'next' | 'lookup_and_delete' | 'lookup_batch' | 'update_batch' | 'delete_batch' | 'lookup_and_delete_batch';

export type MapHolds = 'prog' | 'map' | 'perf_event' | 'cgroup' | 'sock' | 'xsk' | 'netdev' | 'cpu';

export type MapType = MapTypeRow & {
    readonly name: MapTypeName;
};

export type MapTypeName = (typeof MAP_TYPES)[number]['name'];

export interface MapTypeRow {
    readonly id: number;
    readonly name: string;
    readonly key: SizeRule;
    readonly value: SizeRule;
    readonly together?: number;
    readonly entries: SizeRule;
    readonly flags: readonly Flag[];
    readonly requires?: readonly Flag[];
    readonly perCpu?: true;
    readonly holds?: MapHolds;
    readonly inner?: true;
    readonly btf?: true;
    readonly mmap?: 'always' | 'flag';
    readonly commands: readonly MapCommand[];
    readonly helpers: readonly HelperName[];
    readonly since?: string;
}

export declare const PROG_TYPES: { /* a table of 1691 lines */ };

export declare const PROG_TYPE_NAMES: readonly ProgTypeName[];

export interface ProgType {
    readonly id: number;
    readonly name: ProgTypeName;
    readonly summary: string;
    readonly context: ContextLayout;
    readonly packet: 'none' | 'read' | 'write';
    readonly returns: ReturnRange;
    readonly returnsOn?: Readonly<Partial<Record<AttachTypeName, ReturnRange>>>;
    readonly expectedAttach: 'ignored' | 'checked' | 'zero' | 'member index';
    readonly expectedAttachDefault?: AttachTypeName;
    readonly sleepable: 'never' | 'allowed' | 'always';
    readonly sleepableOn?: readonly AttachTypeName[];
    readonly testRun: 'packet' | 'context' | 'tracing' | 'none';
    readonly helpers: readonly HelperName[];
    readonly helpersOn?: Readonly<Partial<Record<AttachTypeName, readonly HelperName[]>>>;
}

export type ProgTypeName = (typeof NAMES)[number];

export type ReturnKind = 'integer' | 'void' | 'ptr_to_map_value' | 'ptr_to_socket' | 'ptr_to_tcp_sock' | 'ptr_to_sock_common' | 'ptr_to_mem' | 'ptr_to_mem_or_btf_id' | 'ptr_to_btf_id';

export type ReturnRange = readonly [min: number, max: number] | 'any';

export type RuleCause = 
'null'
 | 'bounds'
 | 'uninitialized'
 | 'kind'
 | 'held'
 | 'path'
 | 'program';

export interface RuleMatch {
    readonly rule: VerifierRule;
    readonly register: number | undefined;
}

export declare const SECTION_FORMS: readonly SectionForm[];

export declare const SYSCTLS: readonly [{ /* a table of 65 lines */ }];

export interface SectionForm {
    readonly pattern: string;
    readonly type: string;
    readonly attachType: string | undefined;
    readonly sleepable: boolean;
    readonly frags: boolean;
    readonly expectedAttach: 'required' | 'optional' | 'none';
    readonly target: SectionTargetKind | undefined;
    readonly btfPrefix: string;
}

export interface SectionMatch {
    readonly type: string;
    readonly attachType: string | undefined;
    readonly sleepable: boolean;
    readonly frags: boolean;
    readonly form: SectionForm | undefined;
    readonly target: string | undefined;
    readonly autoload: boolean;
    readonly guessed: boolean;
    readonly reason: string | undefined;
}

export type SectionTargetKind = 'btf' | 'kprobe' | 'uprobe' | 'usdt' | 'tracepoint' | 'syscall' | 'pattern' | 'ignored';

export interface SizeRule {
    readonly only?: readonly number[];
    readonly min?: number;
    readonly max?: number;
    readonly above?: 'EINVAL' | 'E2BIG';
    readonly multipleOf?: number;
    readonly powerOfTwo?: true;
}

export interface StructLayout {
    readonly size: number;
    readonly fields: Readonly<Record<string, FieldLayout>>;
}

export type Sysctl = SysctlRow & {
    readonly name: SysctlName;
};

export type SysctlName = (typeof SYSCTLS)[number]['name'];

export interface SysctlRow {
    readonly name: string;
    readonly min: number;
    readonly max: number;
    readonly default: number;
    readonly mode: number;
    readonly readRestricted?: true;
    readonly locksAt?: number;
    readonly values: Readonly<Record<number, string>> | string;
}

export type TracepointArgMark = 'nullable' | 'error' | undefined;

export declare const UAPI_KERNEL = "6.18.44";

export type UsedHelperAbi = (typeof HELPERS)[number]['abi'];

export declare const VERIFIER_RULES: { /* a table of 528 lines */ };

export interface VerifierRule {
    readonly id: string;
    readonly title: string;
    readonly messages: readonly string[];
    readonly cause: RuleCause;
    readonly hint: string;
    readonly check?: string;
}

export declare function abiParts(abi: HelperAbi): {
    readonly args: readonly AbiArg[];
    readonly result: AbiResult;
};

export declare const af_xdp: { /* a table of 22 lines */ };

export declare function allowedHelpers(progType: ProgTypeName, attachType?: AttachTypeName): ReadonlySet<HelperName>;

export declare function attachTypeByName(name: string): NamedRow | undefined;

export declare function attachTypeName(id: number): AttachTypeName | undefined;

export declare const bpf_adj_room_flags: {
    readonly BPF_F_ADJ_ROOM_FIXED_GSO: 1;
    readonly BPF_F_ADJ_ROOM_ENCAP_L3_IPV4: 2;
    readonly BPF_F_ADJ_ROOM_ENCAP_L3_IPV6: 4;
    readonly BPF_F_ADJ_ROOM_ENCAP_L4_GRE: 8;
    readonly BPF_F_ADJ_ROOM_ENCAP_L4_UDP: 16;
    readonly BPF_F_ADJ_ROOM_NO_CSUM_RESET: 32;
    readonly BPF_F_ADJ_ROOM_ENCAP_L2_ETH: 64;
    readonly BPF_F_ADJ_ROOM_DECAP_L3_IPV4: 128;
    readonly BPF_F_ADJ_ROOM_DECAP_L3_IPV6: 256;
};

export declare const bpf_adj_room_l2: {
    readonly BPF_ADJ_ROOM_ENCAP_L2_MASK: 255;
    readonly BPF_ADJ_ROOM_ENCAP_L2_SHIFT: 56;
};

export declare const bpf_adj_room_mode: {
    readonly BPF_ADJ_ROOM_NET: 0;
    readonly BPF_ADJ_ROOM_MAC: 1;
};

export declare const bpf_attach_flags: {
    readonly BPF_F_ALLOW_OVERRIDE: 1;
    readonly BPF_F_ALLOW_MULTI: 2;
    readonly BPF_F_REPLACE: 4;
    readonly BPF_F_BEFORE: 8;
    readonly BPF_F_AFTER: 16;
    readonly BPF_F_ID: 32;
    readonly BPF_F_PREORDER: 64;
    readonly BPF_F_LINK: 8192;
};

export declare const bpf_attach_type: { /* a table of 64 lines */ };

export declare const bpf_attr: { /* a table of 1320 lines */ };

export declare const bpf_bprm_flags: {
    readonly BPF_F_BPRM_SECUREEXEC: 1;
};

export declare const bpf_cgroup_iter_order: {
    readonly BPF_CGROUP_ITER_ORDER_UNSPEC: 0;
    readonly BPF_CGROUP_ITER_SELF_ONLY: 1;
    readonly BPF_CGROUP_ITER_DESCENDANTS_PRE: 2;
    readonly BPF_CGROUP_ITER_DESCENDANTS_POST: 3;
    readonly BPF_CGROUP_ITER_ANCESTORS_UP: 4;
};

export declare const bpf_check_mtu_flags: {
    readonly BPF_MTU_CHK_SEGS: 1;
};

export declare const bpf_check_mtu_ret: {
    readonly BPF_MTU_CHK_RET_SUCCESS: 0;
    readonly BPF_MTU_CHK_RET_FRAG_NEEDED: 1;
    readonly BPF_MTU_CHK_RET_SEGS_TOOBIG: 2;
};

export declare const bpf_cmd: { /* a table of 42 lines */ };

export declare const bpf_core_relo_kind: { /* a table of 15 lines */ };

export declare const bpf_csum_level: {
    readonly BPF_CSUM_LEVEL_QUERY: 0;
    readonly BPF_CSUM_LEVEL_INC: 1;
    readonly BPF_CSUM_LEVEL_DEC: 2;
    readonly BPF_CSUM_LEVEL_RESET: 3;
};

export declare const bpf_csum_replace_mask: {
    readonly BPF_F_HDR_FIELD_MASK: 15;
};

export declare const bpf_fib_lookup_flags: {
    readonly BPF_FIB_LOOKUP_DIRECT: 1;
    readonly BPF_FIB_LOOKUP_OUTPUT: 2;
    readonly BPF_FIB_LOOKUP_SKIP_NEIGH: 4;
    readonly BPF_FIB_LOOKUP_TBID: 8;
    readonly BPF_FIB_LOOKUP_SRC: 16;
    readonly BPF_FIB_LOOKUP_MARK: 32;
};

export declare const bpf_fib_lookup_ret: {
    readonly BPF_FIB_LKUP_RET_SUCCESS: 0;
    readonly BPF_FIB_LKUP_RET_BLACKHOLE: 1;
    readonly BPF_FIB_LKUP_RET_UNREACHABLE: 2;
    readonly BPF_FIB_LKUP_RET_PROHIBIT: 3;
    readonly BPF_FIB_LKUP_RET_NOT_FWDED: 4;
    readonly BPF_FIB_LKUP_RET_FWD_DISABLED: 5;
    readonly BPF_FIB_LKUP_RET_UNSUPP_LWT: 6;
    readonly BPF_FIB_LKUP_RET_NO_NEIGH: 7;
    readonly BPF_FIB_LKUP_RET_FRAG_NEEDED: 8;
    readonly BPF_FIB_LKUP_RET_NO_SRC_ADDR: 9;
};

export declare const bpf_flow_dissector_flags: {
    readonly BPF_FLOW_DISSECTOR_F_PARSE_1ST_FRAG: 1;
    readonly BPF_FLOW_DISSECTOR_F_STOP_AT_FLOW_LABEL: 2;
    readonly BPF_FLOW_DISSECTOR_F_STOP_AT_ENCAP: 4;
};

export declare const bpf_func_id: { /* a table of 214 lines */ };

export declare const bpf_hdr_start_off: {
    readonly BPF_HDR_START_MAC: 0;
    readonly BPF_HDR_START_NET: 1;
};

export declare const bpf_index_flags: {
    readonly BPF_F_INDEX_MASK: 4294967295;
    readonly BPF_F_CURRENT_CPU: 4294967295;
    readonly BPF_F_CTXLEN_MASK: 4503595332403200;
};

export declare const bpf_kfunc_flags: {
    readonly BPF_F_PAD_ZEROS: 1;
};

export declare const bpf_kprobe_multi_flags: {
    readonly BPF_F_KPROBE_MULTI_RETURN: 1;
};

export declare const bpf_l4_csum_flags: {
    readonly BPF_F_PSEUDO_HDR: 16;
    readonly BPF_F_MARK_MANGLED_0: 32;
    readonly BPF_F_MARK_ENFORCE: 64;
    readonly BPF_F_IPV6: 128;
};

export declare const bpf_link_type: { /* a table of 17 lines */ };

export declare const bpf_load_hdr_opt_flags: {
    readonly BPF_LOAD_HDR_OPT_TCP_SYN: 1;
};

export declare const bpf_local_storage_flags: {
    readonly BPF_LOCAL_STORAGE_GET_F_CREATE: 1;
    readonly BPF_SK_STORAGE_GET_F_CREATE: 1;
};

export declare const bpf_loops: {
    readonly BPF_MAX_LOOPS: 8388608;
    readonly BPF_MAX_TIMED_LOOPS: 65535;
};

export declare const bpf_lwt_encap_mode: {
    readonly BPF_LWT_ENCAP_SEG6: 0;
    readonly BPF_LWT_ENCAP_SEG6_INLINE: 1;
    readonly BPF_LWT_ENCAP_IP: 2;
};

export declare const bpf_map_create_flags: { /* a table of 21 lines */ };

export declare const bpf_map_type: { /* a table of 39 lines */ };

export declare const bpf_map_update_flags: {
    readonly BPF_ANY: 0;
    readonly BPF_NOEXIST: 1;
    readonly BPF_EXIST: 2;
    readonly BPF_F_LOCK: 4;
};

export declare const bpf_netfilter_flags: {
    readonly BPF_F_NETFILTER_IP_DEFRAG: 1;
};

export declare const bpf_netns_flags: {
    readonly BPF_F_CURRENT_NETNS: -1;
};

export declare const bpf_perf_event_type: {
    readonly BPF_PERF_EVENT_UNSPEC: 0;
    readonly BPF_PERF_EVENT_UPROBE: 1;
    readonly BPF_PERF_EVENT_URETPROBE: 2;
    readonly BPF_PERF_EVENT_KPROBE: 3;
    readonly BPF_PERF_EVENT_KRETPROBE: 4;
    readonly BPF_PERF_EVENT_TRACEPOINT: 5;
    readonly BPF_PERF_EVENT_EVENT: 6;
};

export declare const bpf_prog_flags: {
    readonly BPF_F_STRICT_ALIGNMENT: 1;
    readonly BPF_F_ANY_ALIGNMENT: 2;
    readonly BPF_F_TEST_RND_HI32: 4;
    readonly BPF_F_TEST_STATE_FREQ: 8;
    readonly BPF_F_SLEEPABLE: 16;
    readonly BPF_F_XDP_HAS_FRAGS: 32;
    readonly BPF_F_XDP_DEV_BOUND_ONLY: 64;
    readonly BPF_F_TEST_REG_INVARIANTS: 128;
};

export declare const bpf_prog_type: { /* a table of 35 lines */ };

export declare const bpf_pseudo: {
    readonly BPF_PSEUDO_MAP_FD: 1;
    readonly BPF_PSEUDO_MAP_IDX: 5;
    readonly BPF_PSEUDO_MAP_VALUE: 2;
    readonly BPF_PSEUDO_MAP_IDX_VALUE: 6;
    readonly BPF_PSEUDO_BTF_ID: 3;
    readonly BPF_PSEUDO_FUNC: 4;
    readonly BPF_PSEUDO_CALL: 1;
    readonly BPF_PSEUDO_KFUNC_CALL: 2;
};

export declare const bpf_query_flags: {
    readonly BPF_F_QUERY_EFFECTIVE: 1;
};

export declare const bpf_read_branch_flags: {
    readonly BPF_F_GET_BRANCH_RECORDS_SIZE: 1;
};

export declare const bpf_redirect_flags: {
    readonly BPF_F_INGRESS: 1;
    readonly BPF_F_BROADCAST: 8;
    readonly BPF_F_EXCLUDE_INGRESS: 16;
};

export declare const bpf_redirect_internal_flags: {
    readonly BPF_F_NEIGH: 65536;
    readonly BPF_F_PEER: 131072;
    readonly BPF_F_NEXTHOP: 262144;
};

export declare const bpf_reg: { /* a table of 13 lines */ };

export declare const bpf_ret_code: {
    readonly BPF_OK: 0;
    readonly BPF_DROP: 2;
    readonly BPF_REDIRECT: 7;
    readonly BPF_LWT_REROUTE: 128;
    readonly BPF_FLOW_DISSECTOR_CONTINUE: 129;
};

export declare const bpf_ringbuf_header: {
    readonly BPF_RINGBUF_BUSY_BIT: 2147483648;
    readonly BPF_RINGBUF_DISCARD_BIT: 1073741824;
    readonly BPF_RINGBUF_HDR_SZ: 8;
};

export declare const bpf_ringbuf_query_flags: {
    readonly BPF_RB_AVAIL_DATA: 0;
    readonly BPF_RB_RING_SIZE: 1;
    readonly BPF_RB_CONS_POS: 2;
    readonly BPF_RB_PROD_POS: 3;
};

export declare const bpf_ringbuf_wakeup_flags: {
    readonly BPF_RB_NO_WAKEUP: 1;
    readonly BPF_RB_FORCE_WAKEUP: 2;
};

export declare const bpf_sizes: {
    readonly BPF_BUILD_ID_SIZE: 20;
    readonly BPF_OBJ_NAME_LEN: 16;
    readonly BPF_TAG_SIZE: 8;
    readonly XDP_PACKET_HEADROOM: 256;
};

export declare const bpf_sk_lookup_flags: {
    readonly BPF_SK_LOOKUP_F_REPLACE: 1;
    readonly BPF_SK_LOOKUP_F_NO_REUSEPORT: 2;
};

export declare const bpf_skb_tstamp_types: {
    readonly BPF_SKB_TSTAMP_UNSPEC: 0;
    readonly BPF_SKB_TSTAMP_DELIVERY_MONO: 1;
    readonly BPF_SKB_CLOCK_REALTIME: 0;
    readonly BPF_SKB_CLOCK_MONOTONIC: 1;
    readonly BPF_SKB_CLOCK_TAI: 2;
};

export declare const bpf_sock_ops: { /* a table of 23 lines */ };

export declare const bpf_sock_ops_cb_flags: {
    readonly BPF_SOCK_OPS_RTO_CB_FLAG: 1;
    readonly BPF_SOCK_OPS_RETRANS_CB_FLAG: 2;
    readonly BPF_SOCK_OPS_STATE_CB_FLAG: 4;
    readonly BPF_SOCK_OPS_RTT_CB_FLAG: 8;
    readonly BPF_SOCK_OPS_PARSE_ALL_HDR_OPT_CB_FLAG: 16;
    readonly BPF_SOCK_OPS_PARSE_UNKNOWN_HDR_OPT_CB_FLAG: 32;
    readonly BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG: 64;
    readonly BPF_SOCK_OPS_ALL_CB_FLAGS: 127;
};

export declare const bpf_stack_build_id_status: {
    readonly BPF_STACK_BUILD_ID_EMPTY: 0;
    readonly BPF_STACK_BUILD_ID_VALID: 1;
    readonly BPF_STACK_BUILD_ID_IP: 2;
};

export declare const bpf_stack_flags: {
    readonly BPF_F_SKIP_FIELD_MASK: 255;
    readonly BPF_F_USER_STACK: 256;
    readonly BPF_F_FAST_STACK_CMP: 512;
    readonly BPF_F_REUSE_STACKID: 1024;
    readonly BPF_F_USER_BUILD_ID: 2048;
};

export declare const bpf_stats_type: {
    readonly BPF_STATS_RUN_TIME: 0;
};

export declare const bpf_store_bytes_flags: {
    readonly BPF_F_RECOMPUTE_CSUM: 1;
    readonly BPF_F_INVALIDATE_HASH: 2;
};

export declare const bpf_stream_id: {
    readonly BPF_STDOUT: 1;
    readonly BPF_STDERR: 2;
};

export declare const bpf_sysctl_flags: {
    readonly BPF_F_SYSCTL_BASE_NAME: 1;
};

export declare const bpf_task_fd_type: {
    readonly BPF_FD_TYPE_RAW_TRACEPOINT: 0;
    readonly BPF_FD_TYPE_TRACEPOINT: 1;
    readonly BPF_FD_TYPE_KPROBE: 2;
    readonly BPF_FD_TYPE_KRETPROBE: 3;
    readonly BPF_FD_TYPE_UPROBE: 4;
    readonly BPF_FD_TYPE_URETPROBE: 5;
};

export declare const bpf_tcp_states: { /* a table of 16 lines */ };

export declare const bpf_test_run_flags: {
    readonly BPF_F_TEST_RUN_ON_CPU: 1;
    readonly BPF_F_TEST_XDP_LIVE_FRAMES: 2;
    readonly BPF_F_TEST_SKB_CHECKSUM_COMPLETE: 4;
};

export declare const bpf_timer_flags: {
    readonly BPF_F_TIMER_ABS: 1;
    readonly BPF_F_TIMER_CPU_PIN: 2;
};

export declare const bpf_tunnel_key_get_flags: {
    readonly BPF_F_TUNINFO_IPV6: 1;
};

export declare const bpf_tunnel_key_info_flags: {
    readonly BPF_F_TUNINFO_FLAGS: 16;
};

export declare const bpf_tunnel_key_set_flags: {
    readonly BPF_F_ZERO_CSUM_TX: 2;
    readonly BPF_F_DONT_FRAGMENT: 4;
    readonly BPF_F_SEQ_NUMBER: 8;
    readonly BPF_F_NO_TUNNEL_KEY: 16;
};

export declare const bpf_uprobe_multi_flags: {
    readonly BPF_F_UPROBE_MULTI_RETURN: 1;
};

export declare const bpf_write_hdr_opt: {
    readonly BPF_WRITE_HDR_TCP_CURRENT_MSS: 1;
    readonly BPF_WRITE_HDR_TCP_SYNACK_COOKIE: 2;
};

export declare const btf_func_linkage: {
    readonly BTF_FUNC_STATIC: 0;
    readonly BTF_FUNC_GLOBAL: 1;
    readonly BTF_FUNC_EXTERN: 2;
};

export declare const btf_kind: { /* a table of 22 lines */ };

export declare const btf_magic: {
    readonly BTF_MAGIC: 60319;
    readonly BTF_VERSION: 1;
};

export declare const btf_print_flags: {
    readonly BTF_F_COMPACT: 1;
    readonly BTF_F_NONAME: 2;
    readonly BTF_F_PTR_RAW: 4;
    readonly BTF_F_ZERO: 8;
};

export declare const btf_var_linkage: {
    readonly BTF_VAR_STATIC: 0;
    readonly BTF_VAR_GLOBAL_ALLOCATED: 1;
    readonly BTF_VAR_GLOBAL_EXTERN: 2;
};

export declare function commandByName(name: string): (CommandRow & {
    readonly name: CommandName;
}) | undefined;

export declare function commandName(id: number): CommandName | undefined;

export declare function contextFields(progType: ProgTypeName, attachType?: AttachTypeName): readonly ContextField[];

export declare function helperById(id: number): Helper | undefined;

export declare function helperByName(name: HelperName): Helper;
export declare function helperByName(name: string): Helper | undefined;

export declare function helperFor(name: HelperName, progType: ProgTypeName): Helper;

export declare function helperFunction(helper: HelperName, type: ProgTypeName, attachType?: AttachTypeName): string;

export declare function helperName(id: number): HelperName | undefined;

export declare function helperParams(row: HelperRow): readonly HelperParam[];

export declare const ifla: { /* a table of 73 lines */ };

export declare const ifla_xdp: {
    readonly IFLA_XDP_UNSPEC: 0;
    readonly IFLA_XDP_FD: 1;
    readonly IFLA_XDP_ATTACHED: 2;
    readonly IFLA_XDP_FLAGS: 3;
    readonly IFLA_XDP_PROG_ID: 4;
    readonly IFLA_XDP_DRV_PROG_ID: 5;
    readonly IFLA_XDP_SKB_PROG_ID: 6;
    readonly IFLA_XDP_HW_PROG_ID: 7;
    readonly IFLA_XDP_EXPECTED_FD: 8;
};

export declare function iteratorArgs(target: string): readonly string[] | undefined;

export declare function kernelFunctionId(name: string): number;

export declare function kernelFunctionName(id: number): string | undefined;

export declare const kernelMembers: { /* a table of 158 lines */ };

export declare function kfuncAbi(row: KfuncRow): {
    readonly args: readonly AbiArg[];
    readonly result: AbiResult;
};

export declare function kfuncAllowed(row: KfuncRow, progType: ProgTypeName): boolean;

export declare function kfuncByName(name: KfuncName): Kfunc;
export declare function kfuncByName(name: string): Kfunc | undefined;

export declare function kfuncParams(row: KfuncRow): readonly HelperParam[];

export declare function kfuncReturns(row: KfuncRow): string;

export declare function linkTypeByName(name: string): (LinkTypeRow & {
    readonly name: LinkTypeName;
}) | undefined;

export declare function linkTypeName(id: number): LinkTypeName | undefined;

export declare function lsmHook(name: string): LsmHook;

export declare function mapTypeById(id: number): MapType | undefined;

export declare function mapTypeByName(name: MapTypeName): MapType;
export declare function mapTypeByName(name: string): MapType | undefined;

export declare function mapTypeName(id: number): MapTypeName | undefined;

export declare function matchSection(sectionName: string): SectionMatch | undefined;

export declare const nf_verdict: {
    readonly NF_DROP: 0;
    readonly NF_ACCEPT: 1;
    readonly NF_STOLEN: 2;
    readonly NF_QUEUE: 3;
    readonly NF_REPEAT: 4;
    readonly NF_STOP: 5;
};

export declare const perf_bpf_event_type: {
    readonly PERF_BPF_EVENT_UNKNOWN: 0;
    readonly PERF_BPF_EVENT_PROG_LOAD: 1;
    readonly PERF_BPF_EVENT_PROG_UNLOAD: 2;
    readonly PERF_BPF_EVENT_MAX: 3;
};

export declare const perf_event_ioc: {
    readonly PERF_EVENT_IOC_ENABLE: 9216;
    readonly PERF_EVENT_IOC_DISABLE: 9217;
    readonly PERF_EVENT_IOC_SET_BPF: 1074013192;
    readonly PERF_EVENT_IOC_PAUSE_OUTPUT: 1074013193;
    readonly PERF_EVENT_IOC_QUERY_BPF: 3221758986;
};

export declare const perf_event_sample_format: { /* a table of 28 lines */ };

export declare const perf_event_type: { /* a table of 24 lines */ };

export declare const perf_flags: {
    readonly PERF_FLAG_FD_NO_GROUP: 1;
    readonly PERF_FLAG_FD_OUTPUT: 2;
    readonly PERF_FLAG_PID_CGROUP: 4;
    readonly PERF_FLAG_FD_CLOEXEC: 8;
};

export declare const perf_hw_id: { /* a table of 13 lines */ };

export declare const perf_record_ksymbol_type: {
    readonly PERF_RECORD_KSYMBOL_TYPE_UNKNOWN: 0;
    readonly PERF_RECORD_KSYMBOL_TYPE_BPF: 1;
    readonly PERF_RECORD_KSYMBOL_TYPE_OOL: 2;
    readonly PERF_RECORD_KSYMBOL_TYPE_MAX: 3;
};

export declare const perf_sw_ids: { /* a table of 15 lines */ };

export declare const perf_type_id: {
    readonly PERF_TYPE_HARDWARE: 0;
    readonly PERF_TYPE_SOFTWARE: 1;
    readonly PERF_TYPE_TRACEPOINT: 2;
    readonly PERF_TYPE_HW_CACHE: 3;
    readonly PERF_TYPE_RAW: 4;
    readonly PERF_TYPE_BREAKPOINT: 5;
    readonly PERF_TYPE_MAX: 6;
};

export declare function progTypeById(id: number): ProgType | undefined;

export declare function progTypeByName(name: ProgTypeName): ProgType;
export declare function progTypeByName(name: string): ProgType | undefined;

export declare function progTypeId(name: ProgTypeName): number;
export declare function progTypeId(name: string): number | undefined;

export declare function progTypeName(id: number): ProgTypeName | undefined;

export declare function returnRange(progType: ProgTypeName, attachType?: AttachTypeName): ReturnRange;

export declare function ruleById(id: string): VerifierRule | undefined;

export declare function ruleOfMessage(line: string): RuleMatch | undefined;

export declare function sizeError(rule: SizeRule, value: number): 'EINVAL' | 'E2BIG' | undefined;

export declare const sk_action: {
    readonly SK_DROP: 0;
    readonly SK_PASS: 1;
};

export declare function structOpsUnsupported(table: string): readonly string[] | undefined;

export declare const structs: { /* a table of 5259 lines */ };

export declare function sysctlByName(name: SysctlName): Sysctl;
export declare function sysctlByName(name: string): Sysctl | undefined;

export declare function sysctlWriteError(row: SysctlRow, current: number, next: number): 'EINVAL' | 'EPERM' | undefined;

export declare function tailSection(sectionName: string): {
    readonly id: number;
    readonly key: number;
} | undefined;

export declare const tc_act: {
    readonly TC_ACT_UNSPEC: -1;
    readonly TC_ACT_OK: 0;
    readonly TC_ACT_RECLASSIFY: 1;
    readonly TC_ACT_SHOT: 2;
    readonly TC_ACT_PIPE: 3;
    readonly TC_ACT_STOLEN: 4;
    readonly TC_ACT_QUEUED: 5;
    readonly TC_ACT_REPEAT: 6;
    readonly TC_ACT_REDIRECT: 7;
    readonly TC_ACT_TRAP: 8;
};

export declare const tca_bpf: { /* a table of 14 lines */ };

export declare const tca_bpf_flags: {
    readonly TCA_BPF_FLAG_ACT_DIRECT: 1;
    readonly TCA_CLS_FLAGS_SKIP_HW: 1;
    readonly TCA_CLS_FLAGS_SKIP_SW: 2;
};

export declare const tcx_action_base: {
    readonly TCX_NEXT: -1;
    readonly TCX_PASS: 0;
    readonly TCX_DROP: 2;
    readonly TCX_REDIRECT: 7;
};

export declare function tellingLine(log: string): string;

export declare function tracepointArg(tracepoint: string, index: number): TracepointArgMark;

export declare function verdictName(progType: ProgTypeName, retval: number): string;

export declare function verdictsOf(progType: ProgTypeName): readonly (readonly [name: string, value: number])[];

export declare const xdp_action: {
    readonly XDP_ABORTED: 0;
    readonly XDP_DROP: 1;
    readonly XDP_PASS: 2;
    readonly XDP_TX: 3;
    readonly XDP_REDIRECT: 4;
};

export declare const xdp_attached: {
    readonly XDP_ATTACHED_NONE: 0;
    readonly XDP_ATTACHED_DRV: 1;
    readonly XDP_ATTACHED_SKB: 2;
    readonly XDP_ATTACHED_HW: 3;
    readonly XDP_ATTACHED_MULTI: 4;
};

export declare const xdp_flags: {
    readonly XDP_FLAGS_UPDATE_IF_NOEXIST: 1;
    readonly XDP_FLAGS_SKB_MODE: 2;
    readonly XDP_FLAGS_DRV_MODE: 4;
    readonly XDP_FLAGS_HW_MODE: 8;
    readonly XDP_FLAGS_REPLACE: 16;
    readonly XDP_FLAGS_MODES: 14;
    readonly XDP_FLAGS_MASK: 31;
};

// Named above, exported by none: AbiArgs (spec/helper-kinds), AbiMoreArgs (spec/helper-kinds), Flag (spec/map-types)
//   KFUNC_ROWS (spec/kfuncs.gen), LinkInfoField (spec/link-types), NAMES (spec/prog-type-names)
//   NamedRow (spec/attach-types), btf (spec/helper-kinds), dynptr (spec/helper-kinds)
