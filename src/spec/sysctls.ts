// The sysctls that govern BPF: ranges, defaults and what they do.

export interface SysctlRow {
  /** As sysctl(8) writes it; a file under /proc/sys with slashes for the dots. */
  readonly name: string
  readonly min: number
  readonly max: number
  /** On x86-64 with the usual configuration (JIT compiled in and on, unprivileged BPF off). */
  readonly default: number
  /** File mode. */
  readonly mode: number
  /** Also reading needs CAP_SYS_ADMIN; writing always does. */
  readonly readRestricted?: true
  /** Once it has this value no other can be written (EPERM) until the machine restarts. */
  readonly locksAt?: number
  /** Meaning of each value, or of the number. */
  readonly values: Readonly<Record<number, string>> | string
}

/** All BPF sysctls. */
export const SYSCTLS = [
  {
    name: 'kernel.unprivileged_bpf_disabled',
    ...{ min: 0, max: 2, default: 2, mode: 0o644, locksAt: 1 },
    values: {
      0: 'unprivileged processes may load socket_filter and cgroup_skb programs and use most maps',
      1: 'bpf(2) needs CAP_BPF, and that stays so until the machine restarts',
      2: 'bpf(2) needs CAP_BPF; an administrator may change it',
    },
  },
  {
    name: 'kernel.bpf_stats_enabled',
    ...{ min: 0, max: 1, default: 0, mode: 0o644 },
    values: { 0: 'programs run uncounted', 1: 'run time and run count of every program are collected' },
  },
  {
    name: 'net.core.bpf_jit_enable',
    ...{ min: 0, max: 2, default: 1, mode: 0o644 },
    values: {
      0: 'programs are interpreted',
      1: 'programs are compiled',
      2: 'programs are compiled and the machine code is written to the kernel log',
    },
  },
  {
    name: 'net.core.bpf_jit_harden',
    ...{ min: 0, max: 2, default: 0, mode: 0o600, readRestricted: true },
    values: {
      0: 'constants are compiled as they are',
      1: 'constants of unprivileged programs are blinded',
      2: 'constants of all programs are blinded',
    },
  },
  {
    name: 'net.core.bpf_jit_kallsyms',
    ...{ min: 0, max: 1, default: 1, mode: 0o600, readRestricted: true },
    values: {
      0: 'compiled programs have no names in /proc/kallsyms',
      1: 'compiled programs appear in /proc/kallsyms, unless constants are blinded',
    },
  },
  {
    name: 'net.core.bpf_jit_limit',
    ...{ min: 1, max: 528482304, default: 528482304, mode: 0o600, readRestricted: true },
    values: 'bytes of machine code that unprivileged programs may fill altogether',
  },
] as const satisfies readonly SysctlRow[]

export type SysctlName = (typeof SYSCTLS)[number]['name']
export type Sysctl = SysctlRow & { readonly name: SysctlName }

const byName = new Map<string, Sysctl>(SYSCTLS.map((row) => [row.name, row]))

/** A sysctl's row by its name (`net.core.bpf_jit_enable`); undefined for one that is not BPF's. */
export function sysctlByName(name: SysctlName): Sysctl
export function sysctlByName(name: string): Sysctl | undefined
export function sysctlByName(name: string): Sysctl | undefined {
  return byName.get(name)
}

/** What Linux answers to a write by an administrator: undefined, or the errno. */
export function sysctlWriteError(row: SysctlRow, current: number, next: number): 'EINVAL' | 'EPERM' | undefined {
  if (!Number.isInteger(next) || next < row.min || next > row.max) return 'EINVAL'
  return row.locksAt !== undefined && current === row.locksAt && next !== current ? 'EPERM' : undefined
}
