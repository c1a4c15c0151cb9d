// ELF section names and the program types they stand for: libbpf's forms (its program_types page), and the names that
// older loaders and examples used, which are answered with a stated guess.

/**
 * What follows `type/` in a section name that takes extras.
 * function: a kernel function, hook or tracepoint found in BTF; target: any text libbpf leaves to attach time.
 */
export type SectionTargetKind = 'btf' | 'kprobe' | 'uprobe' | 'usdt' | 'tracepoint' | 'syscall' | 'pattern' | 'ignored'

export interface SectionForm {
  /** Section name; a trailing `+` allows `/extras` behind it. */
  readonly pattern: string
  /** Program type, Linux's name in lower case without BPF_PROG_TYPE_. */
  readonly type: string
  /** Attach type, Linux's name in lower case without BPF_; undefined where the section implies none. */
  readonly attachType: string | undefined
  /** Loaded with BPF_F_SLEEPABLE. */
  readonly sleepable: boolean
  /** Loaded with BPF_F_XDP_HAS_FRAGS. */
  readonly frags: boolean
  /** Kernels may need the attach type at load (required), may ignore it (optional), or never see it (none). */
  readonly expectedAttach: 'required' | 'optional' | 'none'
  /** What the extras mean; undefined where none are allowed. */
  readonly target: SectionTargetKind | undefined
  /** Prefix of the kernel's BTF name for a `btf` target: `bpf_lsm_`, `bpf_iter_`, `btf_trace_` or none. */
  readonly btfPrefix: string
}

export interface SectionMatch {
  readonly type: string
  readonly attachType: string | undefined
  readonly sleepable: boolean
  readonly frags: boolean
  /** The libbpf form that matched exactly; undefined for a guess. */
  readonly form: SectionForm | undefined
  /** Text after the `/` of a form with extras, for example the function of `fentry/tcp_connect`. */
  readonly target: string | undefined
  /** False for names that begin with `?`: libbpf does not load those unless asked. */
  readonly autoload: boolean
  /** True where libbpf 1.x would not know the name. */
  readonly guessed: boolean
  /** Why the guess: one sentence without full stop. */
  readonly reason: string | undefined
}

type Flag = 'sleepable' | 'frags' | 'btf' | 'required' | 'optional' | SectionTargetKind
type Row = readonly [pattern: string, type: string, attachType: string | 0, ...flags: Flag[]]

// One row per form, in libbpf's order: the first that matches wins.
const ROWS: readonly Row[] = [
  ['socket', 'socket_filter', 0],
  ['sk_reuseport/migrate', 'sk_reuseport', 'sk_reuseport_select_or_migrate', 'required'],
  ['sk_reuseport', 'sk_reuseport', 'sk_reuseport_select', 'required'],
  ['kprobe+', 'kprobe', 0, 'kprobe'],
  ['uprobe+', 'kprobe', 0, 'uprobe'],
  ['uprobe.s+', 'kprobe', 0, 'uprobe', 'sleepable'],
  ['kretprobe+', 'kprobe', 0, 'kprobe'],
  ['uretprobe+', 'kprobe', 0, 'uprobe'],
  ['uretprobe.s+', 'kprobe', 0, 'uprobe', 'sleepable'],
  ['kprobe.multi+', 'kprobe', 'trace_kprobe_multi', 'pattern'],
  ['kretprobe.multi+', 'kprobe', 'trace_kprobe_multi', 'pattern'],
  ['kprobe.session+', 'kprobe', 'trace_kprobe_session', 'pattern'],
  ['uprobe.multi+', 'kprobe', 'trace_uprobe_multi', 'pattern'],
  ['uretprobe.multi+', 'kprobe', 'trace_uprobe_multi', 'pattern'],
  ['uprobe.session+', 'kprobe', 'trace_uprobe_session', 'pattern'],
  ['uprobe.multi.s+', 'kprobe', 'trace_uprobe_multi', 'pattern', 'sleepable'],
  ['uretprobe.multi.s+', 'kprobe', 'trace_uprobe_multi', 'pattern', 'sleepable'],
  ['uprobe.session.s+', 'kprobe', 'trace_uprobe_session', 'pattern', 'sleepable'],
  ['ksyscall+', 'kprobe', 0, 'syscall'],
  ['kretsyscall+', 'kprobe', 0, 'syscall'],
  ['usdt+', 'kprobe', 0, 'usdt'],
  ['usdt.s+', 'kprobe', 0, 'usdt', 'sleepable'],
  ['tc/ingress', 'sched_cls', 'tcx_ingress'],
  ['tc/egress', 'sched_cls', 'tcx_egress'],
  ['tcx/ingress', 'sched_cls', 'tcx_ingress'],
  ['tcx/egress', 'sched_cls', 'tcx_egress'],
  ['tc', 'sched_cls', 0],
  ['classifier', 'sched_cls', 0],
  ['action', 'sched_act', 0],
  ['netkit/primary', 'sched_cls', 'netkit_primary'],
  ['netkit/peer', 'sched_cls', 'netkit_peer'],
  ['tracepoint+', 'tracepoint', 0, 'tracepoint'],
  ['tp+', 'tracepoint', 0, 'tracepoint'],
  ['tracepoint.s+', 'tracepoint', 0, 'tracepoint', 'sleepable'],
  ['tp.s+', 'tracepoint', 0, 'tracepoint', 'sleepable'],
  ['raw_tracepoint+', 'raw_tracepoint', 0, 'tracepoint'],
  ['raw_tp+', 'raw_tracepoint', 0, 'tracepoint'],
  ['raw_tracepoint.s+', 'raw_tracepoint', 0, 'tracepoint', 'sleepable'],
  ['raw_tp.s+', 'raw_tracepoint', 0, 'tracepoint', 'sleepable'],
  ['raw_tracepoint.w+', 'raw_tracepoint_writable', 0, 'tracepoint'],
  ['raw_tp.w+', 'raw_tracepoint_writable', 0, 'tracepoint'],
  ['tp_btf+', 'tracing', 'trace_raw_tp', 'btf'],
  ['tp_btf.s+', 'tracing', 'trace_raw_tp', 'btf', 'sleepable'],
  ['fentry+', 'tracing', 'trace_fentry', 'btf'],
  ['fmod_ret+', 'tracing', 'modify_return', 'btf'],
  ['fexit+', 'tracing', 'trace_fexit', 'btf'],
  ['fsession+', 'tracing', 'trace_fsession', 'btf'],
  ['fentry.s+', 'tracing', 'trace_fentry', 'btf', 'sleepable'],
  ['fmod_ret.s+', 'tracing', 'modify_return', 'btf', 'sleepable'],
  ['fexit.s+', 'tracing', 'trace_fexit', 'btf', 'sleepable'],
  ['fsession.s+', 'tracing', 'trace_fsession', 'btf', 'sleepable'],
  ['fentry.multi+', 'tracing', 'trace_fentry_multi', 'pattern'],
  ['fexit.multi+', 'tracing', 'trace_fexit_multi', 'pattern'],
  ['fsession.multi+', 'tracing', 'trace_fsession_multi', 'pattern'],
  ['fentry.multi.s+', 'tracing', 'trace_fentry_multi', 'pattern', 'sleepable'],
  ['fexit.multi.s+', 'tracing', 'trace_fexit_multi', 'pattern', 'sleepable'],
  ['fsession.multi.s+', 'tracing', 'trace_fsession_multi', 'pattern', 'sleepable'],
  ['freplace+', 'ext', 0, 'btf'],
  ['lsm+', 'lsm', 'lsm_mac', 'btf'],
  ['lsm.s+', 'lsm', 'lsm_mac', 'btf', 'sleepable'],
  ['lsm_cgroup+', 'lsm', 'lsm_cgroup', 'btf'],
  ['iter+', 'tracing', 'trace_iter', 'btf'],
  ['iter.s+', 'tracing', 'trace_iter', 'btf', 'sleepable'],
  ['syscall', 'syscall', 0, 'sleepable'],
  ['xdp.frags/devmap', 'xdp', 'xdp_devmap', 'frags'],
  ['xdp/devmap', 'xdp', 'xdp_devmap', 'required'],
  ['xdp.frags/cpumap', 'xdp', 'xdp_cpumap', 'frags'],
  ['xdp/cpumap', 'xdp', 'xdp_cpumap', 'required'],
  ['xdp.frags', 'xdp', 'xdp', 'frags'],
  ['xdp', 'xdp', 'xdp', 'optional'],
  ['perf_event', 'perf_event', 0],
  ['lwt_in', 'lwt_in', 0],
  ['lwt_out', 'lwt_out', 0],
  ['lwt_xmit', 'lwt_xmit', 0],
  ['lwt_seg6local', 'lwt_seg6local', 0],
  ['sockops', 'sock_ops', 'cgroup_sock_ops', 'optional'],
  ['sk_skb/stream_parser', 'sk_skb', 'sk_skb_stream_parser', 'optional'],
  ['sk_skb/stream_verdict', 'sk_skb', 'sk_skb_stream_verdict', 'optional'],
  ['sk_skb/verdict', 'sk_skb', 'sk_skb_verdict', 'optional'],
  ['sk_skb', 'sk_skb', 0],
  ['sk_msg', 'sk_msg', 'sk_msg_verdict', 'optional'],
  ['lirc_mode2', 'lirc_mode2', 'lirc_mode2', 'optional'],
  ['flow_dissector', 'flow_dissector', 'flow_dissector', 'optional'],
  ['cgroup_skb/ingress', 'cgroup_skb', 'cgroup_inet_ingress', 'optional'],
  ['cgroup_skb/egress', 'cgroup_skb', 'cgroup_inet_egress', 'optional'],
  ['cgroup/skb', 'cgroup_skb', 0],
  ['cgroup/sock_create', 'cgroup_sock', 'cgroup_inet_sock_create', 'required'],
  ['cgroup/sock_release', 'cgroup_sock', 'cgroup_inet_sock_release', 'required'],
  ['cgroup/sock', 'cgroup_sock', 'cgroup_inet_sock_create', 'optional'],
  ['cgroup/post_bind4', 'cgroup_sock', 'cgroup_inet4_post_bind', 'required'],
  ['cgroup/post_bind6', 'cgroup_sock', 'cgroup_inet6_post_bind', 'required'],
  ['cgroup/bind4', 'cgroup_sock_addr', 'cgroup_inet4_bind', 'required'],
  ['cgroup/bind6', 'cgroup_sock_addr', 'cgroup_inet6_bind', 'required'],
  ['cgroup/connect4', 'cgroup_sock_addr', 'cgroup_inet4_connect', 'required'],
  ['cgroup/connect6', 'cgroup_sock_addr', 'cgroup_inet6_connect', 'required'],
  ['cgroup/connect_unix', 'cgroup_sock_addr', 'cgroup_unix_connect', 'required'],
  ['cgroup/sendmsg4', 'cgroup_sock_addr', 'cgroup_udp4_sendmsg', 'required'],
  ['cgroup/sendmsg6', 'cgroup_sock_addr', 'cgroup_udp6_sendmsg', 'required'],
  ['cgroup/sendmsg_unix', 'cgroup_sock_addr', 'cgroup_unix_sendmsg', 'required'],
  ['cgroup/recvmsg4', 'cgroup_sock_addr', 'cgroup_udp4_recvmsg', 'required'],
  ['cgroup/recvmsg6', 'cgroup_sock_addr', 'cgroup_udp6_recvmsg', 'required'],
  ['cgroup/recvmsg_unix', 'cgroup_sock_addr', 'cgroup_unix_recvmsg', 'required'],
  ['cgroup/getpeername4', 'cgroup_sock_addr', 'cgroup_inet4_getpeername', 'required'],
  ['cgroup/getpeername6', 'cgroup_sock_addr', 'cgroup_inet6_getpeername', 'required'],
  ['cgroup/getpeername_unix', 'cgroup_sock_addr', 'cgroup_unix_getpeername', 'required'],
  ['cgroup/getsockname4', 'cgroup_sock_addr', 'cgroup_inet4_getsockname', 'required'],
  ['cgroup/getsockname6', 'cgroup_sock_addr', 'cgroup_inet6_getsockname', 'required'],
  ['cgroup/getsockname_unix', 'cgroup_sock_addr', 'cgroup_unix_getsockname', 'required'],
  ['cgroup/sysctl', 'cgroup_sysctl', 'cgroup_sysctl', 'required'],
  ['cgroup/getsockopt', 'cgroup_sockopt', 'cgroup_getsockopt', 'required'],
  ['cgroup/setsockopt', 'cgroup_sockopt', 'cgroup_setsockopt', 'required'],
  ['cgroup/dev', 'cgroup_device', 'cgroup_device', 'optional'],
  ['struct_ops+', 'struct_ops', 0, 'ignored'],
  ['struct_ops.s+', 'struct_ops', 0, 'ignored', 'sleepable'],
  ['sk_lookup', 'sk_lookup', 'sk_lookup', 'required'],
  ['netfilter', 'netfilter', 'netfilter'],
]

const TARGETS: readonly string[] = ['btf', 'kprobe', 'uprobe', 'usdt', 'tracepoint', 'syscall', 'pattern', 'ignored']

/** All section forms libbpf knows, in the order it tries them. */
export const SECTION_FORMS: readonly SectionForm[] = ROWS.map(([pattern, type, attachType, ...flags]) => ({
  pattern,
  type,
  attachType: attachType === 0 ? undefined : attachType,
  sleepable: flags.includes('sleepable'),
  frags: flags.includes('frags'),
  expectedAttach: flags.includes('required') ? 'required' : flags.includes('optional') ? 'optional' : 'none',
  target: flags.find((flag): flag is SectionTargetKind => TARGETS.includes(flag)),
  btfPrefix: btfPrefixOf(pattern),
}))

function btfPrefixOf(pattern: string): string {
  if (pattern.startsWith('lsm')) return 'bpf_lsm_'
  if (pattern.startsWith('iter')) return 'bpf_iter_'
  if (pattern.startsWith('tp_btf')) return 'btf_trace_'
  return ''
}

type Guess = readonly [names: RegExp, type: string, attachType: string | undefined, reason: string]

const OLD_PREFIX = 'libbpf before 1.0 took the name by its beginning'

// Tried in order after libbpf's forms.
const GUESSES: readonly Guess[] = [
  [/^prog$/, 'xdp', 'xdp', "iproute2's default section for XDP programs is 'prog'"],
  [/^xdp[._/-]?.*devmap/, 'xdp', 'xdp_devmap', OLD_PREFIX],
  [/^xdp[._/-]?.*cpumap/, 'xdp', 'xdp_cpumap', OLD_PREFIX],
  [/^xdp/, 'xdp', 'xdp', OLD_PREFIX],
  [/^(socket|sk_?filter|filter|bpf_?filter)/, 'socket_filter', undefined, 'a socket filter by its name'],
  [/^(action|act)([._/\d-]|$)/, 'sched_act', undefined, "iproute2's tc actions are named so"],
  [
    /^(classifier|cls|tc|clsact|sched_cls)([._/\d-]|$)/,
    'sched_cls',
    undefined,
    "iproute2's tc classifiers are named so",
  ],
  [/^(ingress|egress)([._/\d-]|$)/, 'sched_cls', undefined, 'tc examples name their two directions so'],
  [/^(from|to)-[a-z]/, 'sched_cls', undefined, 'network data paths name their tc hooks so'],
  [/^(0x[0-9a-f]+|\d+)\/(0x[0-9a-f]+|\d+)$/i, 'sched_cls', undefined, "iproute2's tail section MAP-ID/KEY"],
  [/^kprobe|^kretprobe|^k(ret)?func\b|^do_(entry|return)\b/, 'kprobe', undefined, OLD_PREFIX],
  [/^uprobe|^uretprobe/, 'kprobe', undefined, OLD_PREFIX],
  [/^raw_t(race)?p(oint)?/, 'raw_tracepoint', undefined, OLD_PREFIX],
  [/^(tracepoint|tp)([._/]|$)/, 'tracepoint', undefined, OLD_PREFIX],
  [/^perf_event/, 'perf_event', undefined, OLD_PREFIX],
  [/^lwt_(in|out|xmit|seg6local)/, 'lwt_$1', undefined, OLD_PREFIX],
  [/^cgroup_?\/?skb/, 'cgroup_skb', undefined, OLD_PREFIX],
  [/^cgroup\/(sock|post_bind)/, 'cgroup_sock', 'cgroup_inet_sock_create', OLD_PREFIX],
  [/^(cgroup\/dev|dev)([._/]|$)/, 'cgroup_device', 'cgroup_device', OLD_PREFIX],
  [/^cgroup\/sysctl/, 'cgroup_sysctl', 'cgroup_sysctl', OLD_PREFIX],
  [/^sock_?ops/, 'sock_ops', 'cgroup_sock_ops', OLD_PREFIX],
  [/^sk_skb\/?(.*parser)/, 'sk_skb', 'sk_skb_stream_parser', OLD_PREFIX],
  [/^sk_skb\/?(.*verdict)/, 'sk_skb', 'sk_skb_stream_verdict', OLD_PREFIX],
  [/^sk_skb/, 'sk_skb', undefined, OLD_PREFIX],
  [/^sk_msg/, 'sk_msg', 'sk_msg_verdict', OLD_PREFIX],
  [/^sk_lookup/, 'sk_lookup', 'sk_lookup', OLD_PREFIX],
  [/^sk_reuseport/, 'sk_reuseport', 'sk_reuseport_select', OLD_PREFIX],
  [/^lirc_mode2/, 'lirc_mode2', 'lirc_mode2', OLD_PREFIX],
  [/^flow_dissector/, 'flow_dissector', 'flow_dissector', OLD_PREFIX],
  [/^netfilter/, 'netfilter', 'netfilter', OLD_PREFIX],
]

function formMatches(form: SectionForm, name: string): boolean {
  if (!form.pattern.endsWith('+')) return name === form.pattern
  const stem = form.pattern.slice(0, -1)
  return name === stem || (name.startsWith(stem) && name[stem.length] === '/')
}

/**
 * The program type and attach type a section name stands for: a libbpf form if one matches, else a guess with its reason,
 * else undefined. A leading `?` (do not load automatically) is understood with either.
 */
export function matchSection(sectionName: string): SectionMatch | undefined {
  const autoload = !sectionName.startsWith('?')
  const name = autoload ? sectionName : sectionName.slice(1)
  const form = SECTION_FORMS.find((candidate) => formMatches(candidate, name))
  if (form !== undefined) {
    const stem = form.pattern.endsWith('+') ? form.pattern.length - 1 : form.pattern.length
    const target = name.length > stem + 1 ? name.slice(stem + 1) : undefined
    const { type, attachType, sleepable, frags } = form
    return { type, attachType, sleepable, frags, form, target, autoload, guessed: false, reason: undefined }
  }
  for (const [names, guessedType, attachType, reason] of GUESSES) {
    const match = names.exec(name)
    if (match === null) continue
    const type = guessedType.replace('$1', match[1] ?? '')
    const slash = name.indexOf('/')
    const target = slash < 0 || slash === name.length - 1 ? undefined : name.slice(slash + 1)
    const frags = type === 'xdp' && name.startsWith('xdp.frags')
    return { type, attachType, sleepable: false, frags, form: undefined, target, autoload, guessed: true, reason }
  }
  return undefined
}

/** `ID/KEY` of an iproute2 tail section (decimal or 0x-hexadecimal numbers), or undefined. */
export function tailSection(sectionName: string): { readonly id: number; readonly key: number } | undefined {
  const match = /^(0x[0-9a-f]{1,8}|\d{1,10})\/(0x[0-9a-f]{1,8}|\d{1,10})$/i.exec(sectionName)
  if (match === null) return undefined
  const id = Number(match[1])
  const key = Number(match[2])
  return id > 0xffff_ffff || key > 0xffff_ffff ? undefined : { id, key }
}
