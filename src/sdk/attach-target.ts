import { type Btf, parseBtf } from '../btf/index.js'
import type { Kernel, ProgLoadRequest } from '../kernel/index.js'
import { ObjectError, type ObjectSpec, type ProgramSpec } from '../object/index.js'
import type { BpfProgram } from './bpf-program.js'
import { Handle } from './handle.js'
import type { KernelBtf } from './kernel-btf.js'

/** A loaded program that another one replaces or traces. */
export interface AttachTo {
  readonly program: BpfProgram
  /** Its function. Default: what the section names, else its entry. */
  readonly function?: string
}

type AttachFields = Pick<ProgLoadRequest, 'attachBtfId' | 'attachBtfObjFd' | 'attachProgFd'>

/**
 * What BPF_PROG_LOAD needs to know of the target of a program that is bound to it when loaded (tp_btf, fentry, lsm,
 * iter, freplace). Empty for other types. Throws ObjectError where the kernel, or the other program, has no such function.
 */
export function attachTargetOf(
  spec: ObjectSpec,
  program: ProgramSpec,
  kernelBtf: KernelBtf,
  attachTo: AttachTo | undefined,
): AttachFields {
  if (attachTo !== undefined) return programTarget(spec, program, attachTo)
  const prefix = program.attachBtfPrefix
  if (prefix === undefined || program.type === 'struct_ops') return {}
  const place = { file: spec.file, section: program.section, symbol: program.name }
  if (program.type === 'ext') {
    throw new ObjectError(`prog '${program.name}': no program is given whose function it replaces`, {
      ...place,
      hint: `give it: attachTo: { ${program.name}: { program } }`,
    })
  }
  if (program.attachTarget === undefined) {
    throw new ObjectError(`prog '${program.name}': its section names no target`, {
      ...place,
      hint: `set attachTarget in the spec, or name the section ${program.section}/NAME`,
    })
  }
  // A kernel that tells nothing about itself is asked all the same: its answer is better than a guess here.
  if (kernelBtf.vmlinux() === undefined) return {}
  const name = prefix + program.attachTarget
  const found = kernelBtf.find(name, program.attachType === 'trace_raw_tp' ? 'typedef' : 'func')
  if (found === undefined) {
    throw new ObjectError(`prog '${program.name}': failed to find kernel BTF type ID of '${name}'`, {
      ...place,
      hint: 'this kernel has no such function, hook or tracepoint, or it was inlined away',
    })
  }
  const { id: attachBtfId, moduleFd } = found
  return moduleFd === undefined ? { attachBtfId } : { attachBtfId, attachBtfObjFd: moduleFd }
}

function programTarget(spec: ObjectSpec, program: ProgramSpec, attachTo: AttachTo): AttachFields {
  const { program: target } = attachTo
  const btf = btfOf(target.kernel, target)
  const name = attachTo.function ?? program.attachTarget ?? target.name
  const attachBtfId = btf?.findByName(name, 'func')
  if (attachBtfId === undefined) {
    throw new ObjectError(`prog '${program.name}': the target program '${target.name}' has no function '${name}'`, {
      file: spec.file,
      section: program.section,
      symbol: program.name,
      hint: btf === undefined ? 'the target was loaded without BTF' : 'only global functions can be targets',
    })
  }
  return { attachBtfId, attachProgFd: target.fd }
}

/** BTF a program was loaded with. */
function btfOf(kernel: Kernel, program: BpfProgram): Btf | undefined {
  const { btfId } = program.info()
  if (btfId === 0) return undefined
  using handle = new Handle(kernel, kernel.call('btf_get_fd_by_id', { id: btfId }))
  const info = kernel.call('obj_get_info_by_fd', { fd: handle.fd, details: true })
  return info.kind === 'btf' && info.btf !== undefined ? parseBtf(info.btf) : undefined
}
