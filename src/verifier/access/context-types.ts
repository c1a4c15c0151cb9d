// The structs that stand for a program type's context: what programs see, and what the kernel has behind it.

import { PROG_TYPES, type ProgTypeName } from '../../spec/index.js'
import type { Env } from '../env.js'
import { plainType } from './btf-walk.js'

export interface ContextTypes {
  /** Struct as programs name it (`xdp_md`). */
  readonly name: string
  readonly programId: number
  readonly kernelId: number
}

/** From the kernel's own table of them, which is a struct in its BTF. */
export function contextTypes(env: Env, type: ProgTypeName): ContextTypes | undefined {
  const btf = env.prog.kernelBtf
  const table = btf?.findByName('bpf_ctx_convert', 'struct')
  const struct = btf === undefined || table === undefined ? undefined : btf.type(table)
  if (btf === undefined || struct?.kind !== 'struct') return undefined
  const member = (suffix: string) =>
    struct.members.find(({ name }) => name === `BPF_PROG_TYPE_${type.toUpperCase()}_${suffix}`)?.type
  const program = member('prog')
  const kernel = member('kern')
  if (program === undefined || kernel === undefined) return undefined
  const programId = plainType(btf, program).id
  return { name: btf.typeName(programId), programId, kernelId: plainType(btf, kernel).id }
}

/** Names of the struct that programs of a type call their context, typedefs first; [''] where it has none. */
export function contextNames(type: ProgTypeName): readonly string[] {
  if (type === 'kprobe') return ['bpf_user_pt_regs_t', 'pt_regs']
  return [PROG_TYPES[type].context.struct ?? '']
}
