import { errorCode, type Kernel } from '../../kernel/index.js'
import { SYSCTLS, type SysctlName } from '../../spec/index.js'
import { kernelFunction } from './kernel-types.js'

/** CONFIG_ options that bear on BPF, as `bpftool feature probe` lists them. */
export const CONFIG_OPTIONS = [
  'CONFIG_BPF',
  'CONFIG_BPF_SYSCALL',
  'CONFIG_HAVE_EBPF_JIT',
  'CONFIG_BPF_JIT',
  'CONFIG_BPF_JIT_ALWAYS_ON',
  'CONFIG_DEBUG_INFO_BTF',
  'CONFIG_DEBUG_INFO_BTF_MODULES',
  'CONFIG_CGROUPS',
  'CONFIG_CGROUP_BPF',
  'CONFIG_CGROUP_NET_CLASSID',
  'CONFIG_SOCK_CGROUP_DATA',
  'CONFIG_BPF_EVENTS',
  'CONFIG_KPROBE_EVENTS',
  'CONFIG_UPROBE_EVENTS',
  'CONFIG_TRACING',
  'CONFIG_FTRACE_SYSCALLS',
  'CONFIG_FUNCTION_ERROR_INJECTION',
  'CONFIG_BPF_KPROBE_OVERRIDE',
  'CONFIG_NET',
  'CONFIG_XDP_SOCKETS',
  'CONFIG_LWTUNNEL_BPF',
  'CONFIG_NET_ACT_BPF',
  'CONFIG_NET_CLS_BPF',
  'CONFIG_NET_CLS_ACT',
  'CONFIG_NET_SCH_INGRESS',
  'CONFIG_XFRM',
  'CONFIG_IP_ROUTE_CLASSID',
  'CONFIG_IPV6_SEG6_BPF',
  'CONFIG_BPF_LIRC_MODE2',
  'CONFIG_BPF_STREAM_PARSER',
  'CONFIG_NETFILTER_XT_MATCH_BPF',
  'CONFIG_BPFILTER',
  'CONFIG_BPFILTER_UMH',
  'CONFIG_TEST_BPF',
  'CONFIG_HZ',
] as const

export type ConfigOption = (typeof CONFIG_OPTIONS)[number]

/** Values of the BPF sysctls; undefined for one that cannot be read. */
export function readSysctls(kernel: Kernel): Record<SysctlName, number | undefined> {
  const values = SYSCTLS.map(({ name }) => [name, readSysctl(kernel, name)] as const)
  return Object.fromEntries(values) as Record<SysctlName, number | undefined>
}

function readSysctl(kernel: Kernel, name: string): number | undefined {
  try {
    const value = Number(kernel.call('sysctl_read', { name }))
    return Number.isNaN(value) ? undefined : value
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return undefined
  }
}

/** The kernel's build options: their values, undefined for what is not set; undefined altogether where the kernel does not tell. */
export function readConfig(kernel: Kernel): Record<ConfigOption, string | undefined> | undefined {
  const text = kernel.config()
  if (text === undefined) return undefined
  const set = new Map([...text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]))
  const values = CONFIG_OPTIONS.map((name) => [name, set.get(name)] as const)
  return Object.fromEntries(values) as Record<ConfigOption, string | undefined>
}

/** Whether bpf(2) answers at all: a command on descriptor -1 is EBADF where it does, EPERM where this process may not. */
export function probeSyscall(kernel: Kernel): boolean {
  try {
    kernel.call('map_get_next_id', { startId: 0 })
    return true
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined) throw error
    return code !== 'ENOSYS'
  }
}

/** Whether the kernel's BTF has a kernel function (kfunc) of that name. Program types may still be refused it. */
export function hasKfunc(kernel: Kernel, name: string): boolean {
  return kernelFunction(kernel, name) !== undefined
}
