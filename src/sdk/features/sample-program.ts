import type { Kernel, ProgLoadRequest } from '../../kernel/index.js'
import {
  type AttachTypeName,
  attachTypeByName,
  bpf_prog_flags,
  type ProgTypeName,
  progTypeByName,
} from '../../spec/index.js'
import { kernelFunction, kernelTypes } from './kernel-types.js'

/** `r0 = 0; exit`: what every program type takes. */
export const RETURN_ZERO = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0)
/** `r0 = 1; exit`, for the hooks that let nothing be refused. */
const RETURN_ONE = Uint8Array.of(0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0)

/** Attach types a program of a type is tried with, where 0 will not do. */
const USUAL_ATTACH: Readonly<Partial<Record<ProgTypeName, AttachTypeName>>> = {
  cgroup_device: 'cgroup_device',
  cgroup_sock: 'cgroup_inet_sock_create',
  cgroup_sock_addr: 'cgroup_inet4_connect',
  cgroup_sockopt: 'cgroup_getsockopt',
  cgroup_sysctl: 'cgroup_sysctl',
  sock_ops: 'cgroup_sock_ops',
  sk_lookup: 'sk_lookup',
  sk_reuseport: 'sk_reuseport_select',
  netfilter: 'netfilter',
  tracing: 'trace_raw_tp',
  lsm: 'lsm_mac',
}

/** Kernel functions that hooks are tried on: the first that the kernel's BTF has. */
const TARGETS: Readonly<Partial<Record<AttachTypeName, readonly string[]>>> = {
  trace_fentry: ['bpf_fentry_test1', 'vfs_read', 'do_nanosleep'],
  trace_fexit: ['bpf_fentry_test1', 'vfs_read', 'do_nanosleep'],
  modify_return: ['bpf_modify_return_test', 'security_file_open'],
  trace_fsession: ['bpf_fentry_test1', 'vfs_read'],
  trace_iter: ['bpf_iter_bpf_map', 'bpf_iter_task'],
  lsm_mac: ['bpf_lsm_file_open'],
  lsm_cgroup: ['bpf_lsm_socket_post_create', 'bpf_lsm_socket_create'],
}
const STRUCT_OPS = 'tcp_congestion_ops'

/**
 * The smallest program of a type, ready to load; undefined where it must name something of the kernel's BTF that is not there
 * (so the kernel cannot have the hook).
 */
export function sampleProgram(
  kernel: Kernel,
  progType: ProgTypeName,
  attachType: AttachTypeName | undefined = USUAL_ATTACH[progType],
): ProgLoadRequest | undefined {
  const base: ProgLoadRequest = {
    progType: progTypeByName(progType).id,
    insns: attachType !== undefined && RETURNS_ONE.test(attachType) ? RETURN_ONE : RETURN_ZERO,
    license: 'GPL',
    ...(attachType === undefined ? {} : { expectedAttachType: attachTypeByName(attachType)?.id ?? 0 }),
  }
  if (progType === 'syscall') return { ...base, progFlags: bpf_prog_flags.BPF_F_SLEEPABLE }
  if (progType === 'struct_ops') return structOps(kernel, base)
  if (progType !== 'tracing' && progType !== 'lsm') return base
  const attachBtfId = attachType === 'trace_raw_tp' ? rawTracepoint(kernel) : target(kernel, attachType)
  return attachBtfId === undefined ? undefined : { ...base, attachBtfId }
}

/** Hooks after the fact, whose programs must return 1. */
const RETURNS_ONE = /^cgroup_(udp[46]|unix)_recvmsg$|^cgroup_(inet[46]|unix)_get(peer|sock)name$|^lsm_cgroup$/

function target(kernel: Kernel, attachType: AttachTypeName | undefined): number | undefined {
  const names = (attachType === undefined ? undefined : TARGETS[attachType]) ?? []
  return names.map((name) => kernelFunction(kernel, name)).find((id) => id !== undefined)
}

/** Raw tracepoints are typedefs `btf_trace_NAME`; sched_switch is in every kernel that has any. */
function rawTracepoint(kernel: Kernel): number | undefined {
  const btf = kernelTypes(kernel)
  return btf?.findByName('btf_trace_sched_switch', 'typedef') ?? btf?.findByName('btf_trace_sys_enter', 'typedef')
}

function structOps(kernel: Kernel, base: ProgLoadRequest): ProgLoadRequest | undefined {
  const btf = kernelTypes(kernel)
  const attachBtfId = btf?.findByName(STRUCT_OPS, 'struct')
  const type = attachBtfId === undefined ? undefined : btf?.type(attachBtfId)
  if (attachBtfId === undefined || type?.kind !== 'struct') return undefined
  const member = type.members.findIndex(({ name }) => name === 'ssthresh')
  return member < 0 ? undefined : { ...base, attachBtfId, expectedAttachType: member }
}
