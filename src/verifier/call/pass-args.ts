// What a caller passes to a function that BTF describes. Linux: btf_check_func_arg_match().

import { isConst } from '../domain/num.js'
import type { Env } from '../env.js'
import { copyReg, MAYBE_NULL, type Reg, UNTRUSTED } from '../state/reg.js'
import { checkArgType } from './arg-types.js'
import { argsOf, type FuncArg, isUnfit } from './func-args.js'
import { checkHelperMemory } from './helper-args.js'
import { checkReleasedOffset } from './pointer-offset.js'
import { dynptrArgument } from './special/dynptr.js'

/** Refuses as Linux complains; whether that ends the program is the caller's to say. */
export function checkPassed(env: Env, index: number): void {
  const args = argsOf(env, index)
  if (isUnfit(args)) {
    if (args.message === '') env.refuseSilently('', args.errno)
    env.refuse(args.message, args.errno)
  }
  args.forEach((arg, i) => {
    checkOne(env, arg, i)
  })
}

const isNull = (reg: Reg): boolean => reg.type === 'scalar' && isConst(reg) && reg.valueLo === 0 && reg.valueHi === 0

function checkOne(env: Env, arg: FuncArg, i: number): void {
  const regno = i + 1
  const reg = env.reg(regno)
  switch (arg.kind) {
    case 'anything':
      if (reg.type !== 'scalar') env.refuse(`R${regno} is not a scalar`)
      return
    case 'ctx':
      checkReleasedOffset(env, regno, false)
      if (reg.type !== 'ctx') env.refuse(`arg#${i} expects pointer to ctx`)
      return
    case 'arena':
      if (reg.type !== 'arena' && reg.type !== 'scalar') {
        env.refuse(`R${regno} is not a pointer to arena or scalar.`)
      }
      return
    case 'dynptr':
      checkReleasedOffset(env, regno, false)
      dynptrArgument(env, regno, { mutates: false }, () => {})
      return
    case 'mem':
      // Untrusted memory is read by instructions that survive a fault: anything will do.
      if ((arg.flags & UNTRUSTED) !== 0) return
      checkReleasedOffset(env, regno, false)
      checkMemory(env, regno, arg.size)
      if ((arg.flags & MAYBE_NULL) === 0 && (env.reg(regno).flags & MAYBE_NULL) !== 0) {
        env.refuse(`arg#${i} is expected to be non-NULL`)
      }
      return
    case 'object':
      if ((arg.flags & UNTRUSTED) !== 0) return
      checkObject(env, regno, arg)
  }
}

/** Memory the function may read and write. */
function checkMemory(env: Env, regno: number, size: number): void {
  const reg = env.reg(regno)
  if (isNull(reg)) return
  const nullable = (reg.flags & MAYBE_NULL) !== 0
  if (nullable) {
    const made = copyReg(reg)
    made.flags &= ~MAYBE_NULL
    env.regs[regno] = made
  }
  checkHelperMemory(env, regno, size, false, true, undefined)
  checkHelperMemory(env, regno, size, true, true, undefined)
  if (nullable) env.regs[regno] = reg
}

function checkObject(env: Env, regno: number, arg: Extract<FuncArg, { kind: 'object' }>): void {
  const nullable = (arg.flags & MAYBE_NULL) !== 0
  if (isNull(env.reg(regno)) && nullable) return
  const btf = env.kernel?.btf.typeName(arg.id) ?? ''
  checkArgType(
    env,
    regno,
    { kind: 'ptr_to_btf_id', btf, ...(nullable ? { maybeNull: true as const } : {}) },
    { helper: '', pointerField: undefined, objectId: arg.id },
  )
  checkReleasedOffset(env, regno, false)
}
