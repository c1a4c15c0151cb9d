// What a caller passes to a function that BTF describes. Linux: btf_check_func_arg_match().

import { checkPlainPointer } from '../access/regions.js'
import { isConst } from '../domain/num.js'
import type { Env } from '../env.js'
import { copyReg, MAYBE_NULL, type Reg, TRUSTED, typeText, UNTRUSTED } from '../state/reg.js'
import { argsOf, type FuncArg, isUnfit } from './func-args.js'
import { checkHelperMemory } from './helper-args.js'

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
      checkOffset(env, regno)
      if (reg.type !== 'ctx') env.refuse(`arg#${i} expects pointer to ctx`)
      return
    case 'arena':
      if (reg.type !== 'arena' && reg.type !== 'scalar') {
        env.refuse(`R${regno} is not a pointer to arena or scalar.`)
      }
      return
    case 'dynptr':
      env.unsupported('dynptr arguments of global functions')
      break
    case 'mem':
      // Untrusted memory is read by instructions that survive a fault: anything will do.
      if ((arg.flags & UNTRUSTED) !== 0) return
      checkOffset(env, regno)
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
  const reg = env.reg(regno)
  const nullable = (arg.flags & MAYBE_NULL) !== 0
  if (isNull(reg) && nullable) return
  const flags = nullable ? reg.flags & ~MAYBE_NULL : reg.flags
  if (reg.type !== 'ptr_' || flags !== TRUSTED) {
    env.refuse(`R${regno} type=${typeText(reg.type, reg.flags)} expected=trusted_ptr_`, 'EACCES')
  }
  env.unsupported('kernel objects passed to global functions')
}

/** Memory may be pointed into; objects only at a fixed offset; all else at its start. */
function checkOffset(env: Env, regno: number): void {
  const { type, flags } = env.reg(regno)
  switch (type) {
    case 'fp':
    case 'pkt':
    case 'pkt_meta':
    case 'map_key':
    case 'map_value':
    case 'mem':
    case 'buf':
    case 'arena':
    case 'scalar':
      if ((flags & MAYBE_NULL) === 0) return
      checkPlainPointer(env, regno)
      return
    default:
      checkPlainPointer(env, regno, type === 'ptr_')
  }
}
