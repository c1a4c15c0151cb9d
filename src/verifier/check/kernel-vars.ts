// Variables and functions of the kernel that a program names by their BTF id. Linux: __check_pseudo_btf_id().

import { type Btf, sizeOf } from '../../btf/index.js'
import type { Insn } from '../../isa/index.js'
import { plainType } from '../access/btf-walk.js'
import type { Env } from '../env.js'
import { PERCPU, pointerReg, RDONLY } from '../state/reg.js'

/** Checks one ld_imm64 and remembers what it loads. */
export function resolveKernelVariable(env: Env, insn: Insn): void {
  const { kernel } = env
  if (kernel === undefined) env.unsupported("kernel variables without the kernel's BTF")
  const { btf } = kernel
  const id = insn.imm
  if (id < 0 || id >= btf.typeCount) env.refuse(`ldimm64 insn specifies invalid btf_id ${id}.`, 'ENOENT')
  const type = btf.type(id)
  if (type.kind !== 'var' && type.kind !== 'func') {
    env.refuse(`pseudo btf_id ${id} in ldimm64 isn't KIND_VAR or KIND_FUNC`)
  }
  if (env.prog.hasSymbol?.(type.name) === false) {
    env.refuse(`ldimm64 failed to find the address for kernel symbol '${type.name}'.`, 'ENOENT')
  }
  const memory = (size: number) => {
    const reg = pointerReg('mem', RDONLY)
    reg.memSize = size
    env.kernelVars.set(insn.pc, reg)
  }
  if (type.kind === 'func') {
    memory(0)
    return
  }
  const plain = plainType(btf, type.type).type
  const percpu = isPerCpu(btf, id)
  if (percpu || plain.kind === 'struct' || plain.kind === 'union') {
    const reg = pointerReg('ptr_', percpu ? PERCPU : 0)
    reg.btf = kernel
    reg.btfId = type.type
    env.kernelVars.set(insn.pc, reg)
    return
  }
  let size: number
  try {
    size = sizeOf(btf, type.type)
  } catch {
    env.refuse(`ldimm64 unable to resolve the size of type '${plain.name}': -22`)
  }
  memory(size)
}

function isPerCpu(btf: Btf, variable: number): boolean {
  const section = btf.findByName('.data..percpu', 'datasec')
  const type = section === undefined ? undefined : btf.type(section)
  return type?.kind === 'datasec' && type.vars.some((entry) => entry.type === variable)
}
