import type { Availability, Features } from '../../../sdk/index.js'
import type { SysctlName } from '../../../spec/index.js'

/** Helpers that may write to the kernel log or to user memory: bpftool leaves them out without `full`. */
const CAREFUL: ReadonlySet<string> = new Set(['trace_printk', 'trace_vprintk', 'probe_write_user'])

type Sentences = Readonly<Record<number, string>>
const SYSCTL_TEXT: Readonly<Partial<Record<SysctlName, Sentences>>> = {
  'kernel.unprivileged_bpf_disabled': {
    0: 'bpf() syscall for unprivileged users is enabled',
    1: 'bpf() syscall restricted to privileged users (without recovery)',
    2: 'bpf() syscall restricted to privileged users (admin can change)',
  },
  'net.core.bpf_jit_enable': {
    0: 'JIT compiler is disabled',
    1: 'JIT compiler is enabled',
    2: 'JIT compiler is enabled with debugging traces in kernel logs',
  },
  'net.core.bpf_jit_harden': {
    0: 'JIT compiler hardening is disabled',
    1: 'JIT compiler hardening is enabled for unprivileged users',
    2: 'JIT compiler hardening is enabled for all users',
  },
  'net.core.bpf_jit_kallsyms': {
    0: 'JIT compiler kallsyms exports are disabled',
    1: 'JIT compiler kallsyms exports are enabled for root',
  },
}
const SYSCTL_KEYS = {
  unprivileged_bpf_disabled: 'kernel.unprivileged_bpf_disabled',
  bpf_jit_enable: 'net.core.bpf_jit_enable',
  bpf_jit_harden: 'net.core.bpf_jit_harden',
  bpf_jit_kallsyms: 'net.core.bpf_jit_kallsyms',
  bpf_jit_limit: 'net.core.bpf_jit_limit',
} as const

export interface ReportOptions {
  /** Every helper, those that bpftool asks about only when told so included. */
  readonly full: boolean
}

const is = (answer: Availability): boolean => answer === 'available'

function helperNames(names: readonly string[], options: ReportOptions): string[] {
  return names.filter((name) => options.full || !CAREFUL.has(name)).map((name) => `bpf_${name}`)
}

/** bpftool's JSON, and sections of ours behind it: attach_types, btf, kfuncs, denied. */
export function featuresJson(features: Features, options: ReportOptions): object {
  const section = (answers: Readonly<Record<string, Availability>>, suffix: string): object =>
    Object.fromEntries(Object.entries(answers).map(([name, answer]) => [`have_${name}${suffix}`, is(answer)]))
  const denied = (answers: Readonly<Record<string, Availability>>): string[] =>
    Object.keys(answers).filter((name) => answers[name] === 'denied')
  return {
    kernel: { name: features.kernel, release: features.release },
    system_config: {
      ...Object.fromEntries(Object.entries(SYSCTL_KEYS).map(([key, name]) => [key, features.sysctls[name] ?? null])),
      ...Object.fromEntries(Object.entries(features.config ?? {}).map(([name, value]) => [name, value ?? null])),
    },
    syscall_config: { have_bpf_syscall: features.syscall },
    program_types: section(features.progTypes, '_prog_type'),
    map_types: section(features.mapTypes, '_map_type'),
    helpers: Object.fromEntries(
      Object.entries(features.helpers).map(([name, helpers]) => [
        `${name}_available_helpers`,
        helperNames(helpers ?? [], options),
      ]),
    ),
    misc: section(features.instructions, ''),
    attach_types: section(features.attachTypes, '_attach_type'),
    btf: { have_kernel_btf: features.kernelBtf, ...section(features.btfKinds, '_btf_kind') },
    kfuncs: features.kfuncs,
    denied: {
      program_types: denied(features.progTypes),
      map_types: denied(features.mapTypes),
      attach_types: denied(features.attachTypes),
    },
  }
}

/** bpftool's lines. What the kernel has but does not let this process use is said to be denied. */
export function formatFeatures(features: Features, options: ReportOptions): string {
  const blocks = [
    ['Scanning system configuration...', ...sysctlLines(features), ...configLines(features)],
    ['Scanning system call availability...', `bpf() syscall is ${features.syscall ? 'available' : 'NOT available'}`],
    ['Scanning eBPF program types...', ...lines('eBPF program_type ', features.progTypes)],
    ['Scanning eBPF map types...', ...lines('eBPF map_type ', features.mapTypes)],
    ['Scanning eBPF helper functions...', ...helperLines(features, options)],
    ['Scanning miscellaneous eBPF features...', ...lines('', features.instructions, words)],
    ['Scanning eBPF attach types...', ...lines('eBPF attach_type ', features.attachTypes)],
    [
      'Scanning BTF...',
      `BTF of the kernel is ${features.kernelBtf ? 'available' : 'NOT available'}`,
      ...lines('BTF kind ', features.btfKinds),
      `Kernel functions (kfuncs) known and present: ${features.kfuncs.length}`,
    ],
  ]
  return `${blocks.map((block) => block.join('\n')).join('\n\n')}\n`
}

function lines(
  prefix: string,
  answers: Readonly<Record<string, Availability>>,
  title: (name: string) => string = (name) => name,
): string[] {
  const texts = { available: 'available', missing: 'NOT available', denied: 'NOT available (denied: EPERM)' } as const
  return Object.entries(answers).map(([name, answer]) => `${prefix}${title(name)} is ${texts[answer]}`)
}

/** bpftool's `macros`: a #define for each answer. */
export function featureMacros(features: Features, options: ReportOptions & { readonly prefix: string }): string {
  const define = (there: boolean, name: string): string =>
    `#define ${options.prefix}${there ? '' : 'NO_'}HAVE_${name.toUpperCase()}`
  const section = (title: string, answers: Readonly<Record<string, Availability>>, suffix: string): string =>
    [`/*** ${title} ***/`, ...Object.entries(answers).map(([name, answer]) => define(is(answer), name + suffix))].join(
      '\n',
    )
  return [
    ['/*** System call availability ***/', define(features.syscall, 'bpf_syscall')].join('\n'),
    section('eBPF program types', features.progTypes, '_prog_type'),
    section('eBPF map types', features.mapTypes, '_map_type'),
    helperMacros(features, options),
    section('eBPF misc features', features.instructions, ''),
  ].join('\n\n')
}

/** One macro for each helper and program type, and the one that asks them. */
function helperMacros({ helpers }: Features, options: ReportOptions & { readonly prefix: string }): string {
  const { prefix } = options
  const lines = Object.entries(helpers).flatMap(([name, found]) =>
    helperNames(found ?? [], options).map((helper) => `#define ${prefix}BPF__PROG_TYPE_${name}__HELPER_${helper} 1`),
  )
  return [
    '/*** eBPF helper functions ***/',
    '/*',
    ` * Use ${prefix}HAVE_PROG_TYPE_HELPER(prog_type_name, helper_name)`,
    ' * to determine if <helper_name> is available for <prog_type_name>,',
    ` * e.g. ${prefix}HAVE_PROG_TYPE_HELPER(xdp, bpf_redirect)`,
    ' */',
    `#define ${prefix}HAVE_PROG_TYPE_HELPER(prog_type, helper) ${prefix}BPF__PROG_TYPE_ ## prog_type ## __HELPER_ ## helper`,
    ...lines,
  ].join('\n')
}

const TITLES: Readonly<Record<string, string>> = {
  large_insn_limit: 'Large program size limit',
  bounded_loops: 'Bounded loop support',
  v2_isa_extension: 'ISA extension v2',
  v3_isa_extension: 'ISA extension v3',
  v4_isa_extension: 'ISA extension v4',
  atomics: 'Atomic fetch operations',
  load_acquire: 'Load-acquire and store-release',
  may_goto: 'may_goto',
}

function words(name: string): string {
  return TITLES[name] ?? name
}

function sysctlLines(features: Features): string[] {
  const texts = Object.values(SYSCTL_KEYS)
    .filter((name) => name !== 'net.core.bpf_jit_limit')
    .map((name) => {
      const value = features.sysctls[name]
      return value === undefined ? `Unable to retrieve ${name}` : (SYSCTL_TEXT[name]?.[value] ?? `${name} is ${value}`)
    })
  const limit = features.sysctls['net.core.bpf_jit_limit']
  if (limit === undefined) return texts
  return [...texts, `Global memory limit for JIT compiler for unprivileged users is ${limit} bytes`]
}

function configLines({ config }: Features): string[] {
  if (config === undefined) return ['skipping kernel config, it cannot be read']
  return Object.entries(config).map(([name, value]) =>
    value === undefined ? `${name} is not set` : `${name} is set to ${value}`,
  )
}

function helperLines({ helpers }: Features, options: ReportOptions): string[] {
  return Object.entries(helpers).flatMap(([name, found]) => [
    `eBPF helpers supported for program type ${name}:`,
    ...(found?.length ? helperNames(found, options).map((helper) => `\t- ${helper}`) : ['\tNone']),
  ])
}
