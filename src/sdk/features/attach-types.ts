import type { Fd, Kernel } from '../../kernel/index.js'
import {
  ATTACH_TYPES,
  type AttachTypeName,
  type AttachTypeRow,
  attachTypeByName,
  progTypeByName,
} from '../../spec/index.js'
import { type Availability, attempt, availability, errnoOf, tryLoad } from './attempt.js'
import { hasEnumerator } from './kernel-types.js'
import { probeProgType } from './prog-types.js'
import { sampleProgram } from './sample-program.js'

/**
 * Whether a program can be attached there. Loading tells for program types whose expected attach type is checked, asking an
 * impossible target what is attached to it (BPF_PROG_QUERY) for others, and for the rest the kernel's `enum bpf_attach_type`.
 */
export function probeAttachType(kernel: Kernel, name: AttachTypeName): Availability {
  const row = attachTypeByName(name) as AttachTypeRow & { readonly name: AttachTypeName }
  if (hasEnumerator(kernel, 'bpf_attach_type', enumerator(name)) === false) return 'missing'
  if (name === 'struct_ops') return probeProgType(kernel, 'struct_ops')
  if (row.target === 'kernel function' || row.target === 'user function') {
    if (row.progTypes[0] === 'kprobe') return probeMulti(kernel, row)
  }
  const checked = row.progTypes.find((progType) => progTypeByName(progType).expectedAttach === 'checked')
  if (checked !== undefined) {
    const sample = sampleProgram(kernel, checked, name)
    return sample === undefined ? 'missing' : availability(tryLoad(kernel, sample))
  }
  if (row.query === true) return probeQuery(kernel, row.id)
  if (hasEnumerator(kernel, 'bpf_attach_type', enumerator(name)) !== true) return 'missing'
  return row.progTypes.length === 0 ? 'available' : probeProgType(kernel, row.progTypes[0] as 'xdp')
}

/** A kernel with the hook complains about the target (EBADF, ENODEV), one without it about the attach type (EINVAL). */
function probeQuery(kernel: Kernel, attachType: number): Availability {
  const code = errnoOf(() => kernel.call('prog_query', { targetFd: -1, attachType }))
  return availability(code, ['EBADF', 'ENODEV', 'ENOENT', 'ENOTDIR'])
}

/** kprobe.multi and uprobe.multi: an empty list is EINVAL to a kernel that has them, EOPNOTSUPP to one that has not. */
function probeMulti(kernel: Kernel, row: AttachTypeRow): Availability {
  const sample = sampleProgram(kernel, 'kprobe', row.name as AttachTypeName)
  if (sample === undefined) return 'missing'
  const program = attempt(() => kernel.call('prog_load', sample).fd)
  if (program.fd === undefined) return availability(program.code)
  const progFd: Fd = program.fd
  try {
    const user = row.target === 'user function'
    const code = errnoOf(() => {
      const multi = user ? { uprobeMulti: { path: '/', offsets: [] } } : { kprobeMulti: { syms: [] } }
      const fd = kernel.call('link_create', { progFd, attachType: row.id, ...multi })
      kernel.call('close', { fd })
    })
    return availability(code, ['EINVAL', 'EBADF', 'ENOENT'])
  } finally {
    kernel.call('close', { fd: progFd })
  }
}

/** BPF_CGROUP_INET_INGRESS of cgroup_inet_ingress. */
function enumerator(name: string): string {
  return `BPF_${name.toUpperCase()}`
}

export function probeAttachTypes(kernel: Kernel): Record<AttachTypeName, Availability> {
  const answers = ATTACH_TYPES.map(({ name }) => [name, probeAttachType(kernel, name)] as const)
  return Object.fromEntries(answers) as Record<AttachTypeName, Availability>
}
