// Spin locks: bpf_spin_lock() and the resilient ones, which may fail and may turn interrupts off.

import { fieldOfKind, fieldsBehind } from '../../access/special-fields.js'
import { isConst } from '../../domain/num.js'
import type { Env } from '../../env.js'
import { acquireLock, findLock, forgetUnownedNodes, releaseLock } from '../effects.js'

export interface LockCall {
  readonly lock: boolean
  readonly resilient: boolean
  readonly irq: boolean
}

export function spinLock(env: Env, regno: number, call: LockCall): void {
  const { lock, resilient, irq } = call
  const reg = env.reg(regno)
  const { state } = env
  const name = resilient ? 'bpf_res_spin' : 'bpf_spin'
  if (!isConst(reg)) {
    env.refuse(`R${regno} doesn't have constant offset. ${name}_lock has to be at the constant offset`)
  }
  const map = reg.type === 'map_value' ? reg.map : null
  if (map !== null && map.btf === undefined) {
    env.refuse(`map '${map.name}' has to have BTF in order to use ${name}_lock`)
  }
  const field = fieldOfKind(fieldsBehind(reg), `${name}_lock`)
  if (field === undefined) {
    env.refuse(`${map === null ? 'local' : 'map'} '${map === null ? 'kptr' : map.name}' has no valid ${name}_lock`)
  }
  const off = reg.valueLo + reg.off
  if (field.offset !== off) {
    env.refuse(`off ${off} doesn't point to 'struct ${name}_lock' that is at ${field.offset}`)
  }
  const of: unknown = map ?? reg.btf?.btf
  const kind = !resilient ? 'lock' : irq ? 'res_lock_irq' : 'res_lock'
  if (lock) {
    if (!resilient && state.refs.some((ref) => ref.kind === 'lock')) {
      env.refuse('Locking two bpf_spin_locks are not allowed')
    }
    if (resilient && findLock(state, ['res_lock', 'res_lock_irq'], reg.id, of) !== undefined) {
      env.refuse('Acquiring the same lock again, AA deadlock detected')
    }
    acquireLock(env, kind, reg.id, of)
    return
  }
  if (state.activeLocks === 0) env.refuse(`${name}_unlock without taking a lock`)
  if (findLock(state, [kind], reg.id, of) === undefined) env.refuse(`${name}_unlock of different lock`)
  if (state.lockId !== reg.id || state.lockOf !== of) env.refuse(`${name}_unlock cannot be out of order`)
  releaseLock(state, kind, reg.id, of)
  forgetUnownedNodes(env)
}
