// Loads from and stores to kernel objects that BTF describes (PTR_TO_BTF_ID), and what trust a loaded pointer has.

import { isGplCompatible } from '../check/license.js'
import { isConst } from '../domain/num.js'
import type { Env } from '../env.js'
import { bitsText } from '../log/print-state.js'
import {
  ALLOC,
  isTrusted,
  MAYBE_NULL,
  NON_OWN_REF,
  PERCPU,
  pointerReg,
  RCU,
  RDONLY,
  type Reg,
  TRUSTED,
  UNTRUSTED,
  USER,
  unknownReg,
} from '../state/reg.js'
import { isListed, type Walked, walkStruct } from './btf-walk.js'
import { refusedWrite } from './btf-write.js'
import { fieldsOfType } from './special-fields.js'

const TRUST = ALLOC | TRUSTED | NON_OWN_REF

/** An RCU read section is open, by the program or because it cannot sleep. */
export function inRcuSection(env: Env): boolean {
  return env.state.rcuDepth > 0 || env.state.activeLocks > 0 || !env.state.sleepable
}

export interface ObjectAccess {
  readonly write: boolean
  readonly size: number
  /** Register loaded into; -1 for none. */
  readonly value: number
}

/** Linux: check_ptr_to_btf_access(). `off` includes the register's fixed offset. */
export function accessObject(env: Env, regno: number, off: number, { write, size, value }: ObjectAccess): void {
  const reg = env.reg(regno)
  if (reg.btf === null) env.unsupported('a kernel object without BTF')
  const { btf, kernel } = reg.btf
  const name = btf.typeName(reg.btfId)
  if (!env.perfmon) {
    env.refuse(`'struct ${name}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN`, 'EPERM')
  }
  if (kernel && !isGplCompatible(env.prog.license)) {
    env.refuse(`Cannot access kernel 'struct ${name}' from non-GPL compatible program`)
  }
  if (off < 0) env.refuse(`R${regno} is ptr_${name} invalid negative access: off=${off}`, 'EACCES')
  if (!isConst(reg) || reg.valueLo !== 0 || reg.valueHi !== 0) {
    env.refuse(`R${regno} is ptr_${name} invalid variable offset: off=${off}, var_off=${bitsText(reg)}`, 'EACCES')
  }
  if ((reg.flags & USER) !== 0) env.refuse(`R${regno} is ptr_${name} access user memory: off=${off}`, 'EACCES')
  if ((reg.flags & PERCPU) !== 0) env.refuse(`R${regno} is ptr_${name} access percpu memory: off=${off}`, 'EACCES')
  const allocated = (reg.flags & ALLOC) !== 0
  const described = btf.type(reg.btfId)
  // The embedded kernel's BTF has names of kernel objects that are nothing more.
  if (kernel && described.kind === 'struct' && described.size === 0) env.unsupported(`fields of struct ${name}`)
  if (write && !allocated) {
    const reason = refusedWrite(env, reg, off, size)
    if (reason !== undefined) env.refuse(reason, 'EACCES')
    return
  }
  if (allocated) refuseSpecialFields(env, reg, off, size)
  const walked = walkStruct(env, btf, reg.btfId, off, size)
  if (write || value < 0) return
  env.regs[value] = loaded(env, reg, walked)
}

function refuseSpecialFields(env: Env, reg: Reg, off: number, size: number): void {
  const fields = reg.btf === null ? [] : fieldsOfType(reg.btf.btf, reg.btfId)
  const field = fields.find((each) => off < each.offset + each.size && each.offset < off + size)
  if (field !== undefined) env.refuse(`direct access to ${field.kind} is disallowed`, 'EACCES')
}

function loaded(env: Env, reg: Reg, walked: Walked): Reg {
  if (walked.kind === 'scalar') return unknownReg()
  // An object of the program's own type never holds pointers that could be followed.
  if ((reg.flags & ALLOC) !== 0 && walked.kind === 'pointer') return unknownReg()
  if (walked.kind === 'memory') return pointerReg('mem', RDONLY | UNTRUSTED)
  const made = pointerReg('ptr_', trustOf(env, reg, walked))
  made.btf = reg.btf
  made.btfId = walked.id
  if ((made.flags & MAYBE_NULL) !== 0) made.id = env.newId()
  return made
}

function trustOf(env: Env, reg: Reg, walked: Extract<Walked, { kind: 'pointer' }>): number {
  const { flags, field, id } = walked
  const btf = reg.btf?.btf
  if (btf === undefined || (reg.flags & UNTRUSTED) !== 0) return UNTRUSTED
  if (!isTrusted(reg) && (reg.flags & RCU) === 0) return flags & ~(TRUST | RCU)
  const listed = (suffix: string) => isListed(btf, reg.btfId, field, id, suffix)
  if (listed('__safe_trusted')) return flags | TRUSTED
  if (listed('__safe_trusted_or_null')) return flags | TRUSTED | MAYBE_NULL
  if (!inRcuSection(env) || (reg.flags & MAYBE_NULL) !== 0) return UNTRUSTED
  if (listed('__safe_rcu')) return flags | RCU
  const rcuOrNull = listed('__safe_rcu_or_null')
  if ((flags & RCU) !== 0 || rcuOrNull) {
    return (rcuOrNull ? flags & ~UNTRUSTED : flags) | RCU | MAYBE_NULL
  }
  if ((flags & (PERCPU | USER)) !== 0) return flags
  return flags & ~(TRUST | RCU)
}
