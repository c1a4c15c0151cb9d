import { type Btf, resolve } from '../btf/index.js'
import { matchSection, tailSection } from '../spec/index.js'
import type { FoundFunction } from './functions.js'
import type { ProgramSpec } from './types.js'

type TypeFields = Pick<
  ProgramSpec,
  'type' | 'attachType' | 'attachTarget' | 'attachBtfPrefix' | 'sleepable' | 'frags' | 'autoload' | 'guessed' | 'reason'
>

// The struct a program's first parameter points to, and the type that has such a context.
const CONTEXTS: Readonly<Record<string, readonly [type: string, attachType?: string]>> = {
  xdp_md: ['xdp', 'xdp'],
  __sk_buff: ['sched_cls'],
  bpf_sock_addr: ['cgroup_sock_addr'],
  bpf_sock: ['cgroup_sock'],
  bpf_sock_ops: ['sock_ops', 'cgroup_sock_ops'],
  sk_msg_md: ['sk_msg', 'sk_msg_verdict'],
  bpf_sk_lookup: ['sk_lookup', 'sk_lookup'],
  sk_reuseport_md: ['sk_reuseport', 'sk_reuseport_select'],
  bpf_sysctl: ['cgroup_sysctl', 'cgroup_sysctl'],
  bpf_sockopt: ['cgroup_sockopt'],
  bpf_cgroup_dev_ctx: ['cgroup_device', 'cgroup_device'],
  bpf_perf_event_data: ['perf_event'],
  bpf_raw_tracepoint_args: ['raw_tracepoint'],
  bpf_nf_ctx: ['netfilter', 'netfilter'],
  pt_regs: ['kprobe'],
}

/** Types of all programs of an object, from their sections' names or, where those tell nothing, a stated guess. */
export function programTypes(
  programs: readonly FoundFunction[],
  btf: Btf | undefined,
  funcTypeOf: (program: FoundFunction) => number | undefined,
): TypeFields[] {
  const byName = programs.map(({ section }) => matchSection(section.name))
  const certain = new Set<string>()
  for (const [i, match] of byName.entries()) {
    if (match !== undefined && tailSection(programs[i]!.section.name) === undefined) certain.add(match.type)
  }
  return programs.map((program, i) => {
    const match = byName[i]
    const tail = tailSection(program.section.name) !== undefined
    if (match !== undefined && !tail) {
      const { type, attachType, sleepable, frags, autoload, guessed, reason, target, form } = match
      const attachBtfPrefix = form?.target === 'btf' ? form.btfPrefix : undefined
      return { type, attachType, attachTarget: target, attachBtfPrefix, sleepable, frags, autoload, guessed, reason }
    }
    const autoload = !program.section.name.startsWith('?')
    const plain = { attachTarget: undefined, attachBtfPrefix: undefined, sleepable: false, frags: false, autoload }
    const [only] = certain
    if (only !== undefined && certain.size === 1) {
      const reason = tail
        ? 'a tail section has the type of the programs that call it'
        : "the object's other programs have this type"
      const attachType = only === 'xdp' ? 'xdp' : undefined
      return { ...plain, type: only, attachType, guessed: true, reason }
    }
    const context = btf === undefined ? undefined : contextStruct(btf, funcTypeOf(program))
    const known = context === undefined ? undefined : CONTEXTS[context]
    if (known !== undefined && !(tail && context === '__sk_buff')) {
      const [type, attachType] = known
      return { ...plain, type, attachType, guessed: true, reason: `its context is a struct ${context}` }
    }
    if (match !== undefined) {
      return { ...plain, type: match.type, attachType: match.attachType, guessed: true, reason: match.reason }
    }
    return { ...plain, type: 'unspec', attachType: undefined, guessed: false, reason: undefined }
  })
}

function contextStruct(btf: Btf, func: number | undefined): string | undefined {
  if (func === undefined) return undefined
  const type = btf.type(func)
  if (type.kind !== 'func') return undefined
  const proto = btf.type(type.type)
  const first = proto.kind === 'func_proto' ? proto.params[0] : undefined
  if (first === undefined) return undefined
  const pointer = resolve(btf, first.type)
  const target = pointer.kind === 'ptr' ? resolve(btf, pointer.type) : undefined
  return target?.kind === 'struct' || target?.kind === 'fwd' ? target.name : undefined
}
