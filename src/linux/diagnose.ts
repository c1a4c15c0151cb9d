import { readFileSync } from 'node:fs'
import { type KernelError, mapLimitHint, type OperationName, progLimitHint, type Request } from '../kernel/index.js'
import { mapTypeName, progTypeName } from '../spec/index.js'

/** What the process may do, as /proc tells it. */
export interface Rights {
  /** CapEff of /proc/self/status. */
  readonly effective: bigint
  /** 2: a seccomp filter looks at system calls. */
  readonly seccomp: number
  /** The user namespace is the initial one: capabilities of another count for little. */
  readonly initialUserNamespace: boolean
  /** The bracketed word of /sys/kernel/security/lockdown; undefined without lockdown. */
  readonly lockdown: string | undefined
  readonly unprivilegedBpfDisabled: number | undefined
  /** Soft RLIMIT_MEMLOCK in bytes; undefined: unlimited. */
  readonly memlock: number | undefined
}

const CAPS = { CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21, CAP_PERFMON: 38, CAP_BPF: 39 } as const
type Cap = keyof typeof CAPS

const NETWORK_PROGS: ReadonlySet<string> = new Set(
  [
    'sched_cls',
    'sched_act',
    'xdp',
    'lwt_in',
    'lwt_out',
    'lwt_xmit',
    'lwt_seg6local',
    'sk_skb',
    'sk_msg',
    'flow_dissector',
  ].concat([
    'cgroup_device',
    'cgroup_sock',
    'cgroup_sock_addr',
    'cgroup_sockopt',
    'cgroup_sysctl',
    'sock_ops',
    'ext',
    'netfilter',
    'sk_lookup',
  ]),
)
const TRACING_PROGS: ReadonlySet<string> = new Set([
  'kprobe',
  'tracepoint',
  'perf_event',
  'raw_tracepoint',
  'raw_tracepoint_writable',
  'tracing',
  'lsm',
  'struct_ops',
  'ext',
])
const NETWORK_MAPS: ReadonlySet<string> = new Set(['sockmap', 'sockhash', 'devmap', 'devmap_hash', 'xskmap'])
/** Commands that look objects up by id want more than using them. */
const BY_ID = /_(get_next_id|get_fd_by_id)$|^task_fd_query$|^enable_stats$/

/** Capabilities that a call needs (capabilities(7), kernel/bpf/syscall.c's checks). */
function needed(name: OperationName, request: object): readonly Cap[] {
  if (BY_ID.test(name)) return ['CAP_SYS_ADMIN']
  if (name === 'prog_load') {
    const type = progTypeName((request as Request<'prog_load'>).progType) ?? ''
    return [
      'CAP_BPF',
      ...(NETWORK_PROGS.has(type) ? (['CAP_NET_ADMIN'] as const) : []),
      ...(TRACING_PROGS.has(type) ? (['CAP_PERFMON'] as const) : []),
    ]
  }
  if (name === 'map_create') {
    const type = mapTypeName((request as Request<'map_create'>).mapType) ?? ''
    return NETWORK_MAPS.has(type) ? ['CAP_BPF', 'CAP_NET_ADMIN'] : ['CAP_BPF']
  }
  if (name.startsWith('rtm_')) return ['CAP_NET_ADMIN']
  if (name === 'perf_event_open') return ['CAP_PERFMON']
  return ['CAP_BPF']
}

/** Calls that answer EPERM by their own rules too, not only for want of rights: a frozen map, a replaced link. */
const OTHER_EPERM: Readonly<Partial<Record<OperationName, string>>> = {
  map_update_elem: 'the map may be frozen, or the descriptor is open for reading only',
  map_delete_elem: 'the map may be frozen, or the descriptor is open for reading only',
  map_lookup_and_delete_elem: 'the map may be frozen, or the descriptor is open for reading only',
  map_lookup_elem: 'the descriptor may be open for writing only',
  link_update: 'another program is attached than the one that was expected',
  link_create: 'the hook may be taken exclusively by a program that is attached already',
  prog_attach: 'the hook may be taken exclusively by a program that is attached already',
  obj_pin: 'pins live below a bpffs mount (mount -t bpf bpf /sys/fs/bpf), under names without dots',
}

/** What is missing when a call answers EPERM, in one line. */
export function explainEperm(name: OperationName, request: object, rights: Rights): string {
  const has = (cap: Cap): boolean => (rights.effective & (1n << BigInt(CAPS[cap]))) !== 0n
  const missing = needed(name, request).filter((cap) => !has(cap) && !has('CAP_SYS_ADMIN'))
  if (missing.length > 0) {
    const off = rights.unprivilegedBpfDisabled
    const sysctl =
      off !== undefined && off > 0 && missing.includes('CAP_BPF')
        ? `; kernel.unprivileged_bpf_disabled is ${off}, so nobody without CAP_BPF may use bpf(2)`
        : ''
    return `this process lacks ${missing.join(' and ')}: run it as root or grant it${sysctl}`
  }
  if (!rights.initialUserNamespace)
    return 'this process is in a user namespace, whose capabilities do not count for bpf(2): run it outside, or delegate a BPF token'
  const own = OTHER_EPERM[name]
  if (own !== undefined) return own
  if (rights.lockdown !== undefined && rights.lockdown !== 'none')
    return `the kernel is locked down (${rights.lockdown}), which forbids BPF programs that read kernel memory`
  const memlock = rights.memlock
  if ((name === 'map_create' || name === 'btf_load') && memlock !== undefined && memlock <= 8 << 20)
    return `the capabilities are there; before Linux 5.11 memory counts against RLIMIT_MEMLOCK (now ${memlock} bytes): ulimit -l unlimited. Or a security module refuses`
  if (rights.seccomp === 2) return "the capabilities are there; a seccomp filter (a container's) may refuse the call"
  return 'the capabilities are there: a security module or the build of this kernel refuses it'
}

/** The rights of this process. What cannot be read counts as no restriction. */
export function readRights(): Rights {
  const status = text('/proc/self/status')
  const limits = /^Max locked memory\s+(\S+)/m.exec(text('/proc/self/limits'))?.[1]
  const disabled = text('/proc/sys/kernel/unprivileged_bpf_disabled').trim()
  return {
    effective: BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? 'ffffffffffffffff'}`),
    seccomp: Number(/^Seccomp:\s*(\d+)/m.exec(status)?.[1] ?? 0),
    initialUserNamespace: /^\s*0\s+0\s+4294967295\s*$/m.test(text('/proc/self/uid_map') || '0 0 4294967295'),
    lockdown: /\[(\w+)\]/.exec(text('/sys/kernel/security/lockdown'))?.[1],
    unprivilegedBpfDisabled: disabled === '' ? undefined : Number(disabled),
    memlock: limits === undefined || limits === 'unlimited' ? undefined : Number(limits),
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** The error with a hint, where errno, request and the process's rights tell more than the errno alone. */
export function diagnose(name: OperationName, request: object, error: KernelError): KernelError {
  if (error.hint !== undefined) return error
  switch (error.code) {
    case 'EPERM':
      return error.withHint(explainEperm(name, request, readRights()))
    case 'EINVAL':
    case 'E2BIG':
      if (name === 'map_create') return error.withHint(mapLimitHint(request as Request<'map_create'>, error))
      if (name === 'prog_load') return error.withHint(progLimitHint(request as Request<'prog_load'>, error))
      if (name === 'map_update_elem' && error.code === 'E2BIG')
        return error.withHint('the map is full, or the index is beyond max_entries')
      return error
    case 'ENOMEM':
      return error.withHint(
        'no memory: max_entries times the element size is allocated at once unless BPF_F_NO_PREALLOC is set; the memory cgroup counts it',
      )
    case 'ENOSYS':
      return error.withHint('this kernel has no bpf(2): CONFIG_BPF_SYSCALL is off')
    default:
      return error
  }
}
