// Timers, work queues and task work: fields of map values that calls take by pointer.

import { fieldOfKind, type SpecialField, specialFields } from '../../access/special-fields.js'
import { isConst } from '../../domain/num.js'
import type { Env } from '../../env.js'
import type { MapDescription } from '../../types.js'

/** The field of this kind a register points to. */
export function mapField(env: Env, regno: number, kind: 'bpf_timer' | 'bpf_wq' | 'bpf_task_work'): SpecialField {
  const reg = env.reg(regno)
  const map = reg.map as MapDescription
  if (!isConst(reg)) {
    env.refuse(`R${regno} doesn't have constant offset. ${kind} has to be at the constant offset`)
  }
  if (map.btf === undefined) env.refuse(`map '${map.name}' has to have BTF in order to use ${kind}`)
  const field = fieldOfKind(specialFields(map), kind)
  if (field === undefined) env.refuse(`map '${map.name}' has no valid ${kind}`)
  const off = reg.valueLo + reg.off
  if (field.offset !== off) env.refuse(`off ${off} doesn't point to 'struct ${kind}' that is at ${field.offset}`)
  return field
}
