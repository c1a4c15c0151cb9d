import { ERRNO } from '../../base/index.js'
import type { Machine } from '../machine.js'
import type { HelperFunction, StackTraceMap } from '../types.js'
import type { HelperFamily } from './family.js'
import { long } from './time.js'

const SKIP_FIELD_MASK = 0xff
const USER_STACK = 0x100
const FAST_STACK_CMP = 0x200
const REUSE_STACKID = 0x400
const USER_BUILD_ID = 0x800
/** struct bpf_stack_build_id */
const BUILD_ID_SIZE = 32
/** BPF_STACK_BUILD_ID_IP: only the address is known. */
const BUILD_ID_IP = 2
/** rax in struct pt_regs. */
const RETURN_REGISTER = 80

const getStack: HelperFunction = (machine, _ctx, buf, size, flags, flagsHi) => {
  const to = buf >>> 0
  const length = size >>> 0
  const { u8, view } = machine.memory
  const fail = (error: number): number => {
    u8.fill(0, to, to + length)
    return -error
  }
  const known = SKIP_FIELD_MASK | USER_STACK | USER_BUILD_ID
  const user = (flags & USER_STACK) !== 0
  const buildIds = (flags & USER_BUILD_ID) !== 0
  if ((flags & ~known) !== 0 || flagsHi !== 0 || (buildIds && !user)) return fail(ERRNO.EINVAL)
  const element = buildIds ? BUILD_ID_SIZE : 8
  if (length % element !== 0) return fail(ERRNO.EINVAL)
  const skip = flags & SKIP_FIELD_MASK
  const stack = user ? machine.task.userStack : machine.task.kernelStack
  if (stack.length <= skip) return fail(ERRNO.EFAULT)
  const frames = stack.slice(skip, skip + length / element)
  u8.fill(0, to, to + length)
  frames.forEach((address, index) => {
    const at = to + index * element
    if (buildIds) view.setInt32(at, BUILD_ID_IP, true)
    view.setBigUint64(buildIds ? at + 24 : at, address, true)
  })
  return frames.length * element
}

/** What a program learns about the place it is attached to, and stacks. */
export const traceHelpers = {
  get_stack: getStack,
  get_task_stack: getStack,
  get_stackid: (machine, _ctx, handle, flags, flagsHi) => {
    const known = SKIP_FIELD_MASK | USER_STACK | FAST_STACK_CMP | REUSE_STACKID
    if ((flags & ~known) !== 0 || flagsHi !== 0) return -ERRNO.EINVAL
    const map = machine.mapOf(handle)
    if (map === undefined || !('storeStack' in map)) return -ERRNO.EINVAL
    const skip = flags & SKIP_FIELD_MASK
    const stack = (flags & USER_STACK) !== 0 ? machine.task.userStack : machine.task.kernelStack
    if (stack.length <= skip) return -ERRNO.EFAULT
    return (map as StackTraceMap).storeStack(stack.slice(skip), flags & (FAST_STACK_CMP | REUSE_STACKID))
  },
  get_func_ip: (machine) => long(machine, machine.attachment.funcIp),
  get_attach_cookie: (machine) => long(machine, machine.attachment.cookie),
  get_func_arg: (machine, ctx, index, value) => {
    if (index >>> 0 >= machine.attachment.argCount) return -ERRNO.EINVAL
    copyLong(machine, value >>> 0, (ctx >>> 0) + index * 8)
    return 0
  },
  get_func_ret: (machine, ctx, value) => {
    copyLong(machine, value >>> 0, (ctx >>> 0) + machine.attachment.argCount * 8)
    return 0
  },
  get_func_arg_cnt: (machine) => machine.attachment.argCount,
  get_retval: (machine) => machine.attachment.retval,
  set_retval: (machine, retval) => {
    machine.attachment.retval = retval
    return 0
  },
  override_return: (machine, regs, value, valueHi) => {
    machine.memory.view.setInt32((regs >>> 0) + RETURN_REGISTER, value, true)
    machine.memory.view.setInt32((regs >>> 0) + RETURN_REGISTER + 4, valueHi, true)
    return 0
  },
} satisfies HelperFamily

function copyLong(machine: Machine, to: number, from: number): void {
  machine.memory.u8.copyWithin(to, from, from + 8)
}
