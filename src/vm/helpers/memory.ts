import { ERRNO } from '../../base/index.js'
import { checkRange, isAccessible } from '../errors.js'
import type { Machine } from '../machine.js'
import type { HelperFunction } from '../types.js'
import type { HelperFamily } from './family.js'

/** Copies `size` bytes from an address the program made up; what is not memory is -EFAULT and reads as zero. */
const read: HelperFunction = (machine, to, size, from, fromHi) => {
  const length = size >>> 0
  const u8 = machine.memory.u8
  const target = to >>> 0
  if (length === 0) return 0
  checkRange(u8.length, target, length, true)
  if (fromHi !== 0 || !isAccessible(u8.length, from >>> 0, length)) {
    u8.fill(0, target, target + length)
    return -ERRNO.EFAULT
  }
  u8.copyWithin(target, from >>> 0, (from >>> 0) + length)
  return 0
}

/** Copies a string with its NUL, cut to `size` bytes; its length with the NUL. */
const readString: HelperFunction = (machine, to, size, from, fromHi) =>
  copyString(machine, to >>> 0, size >>> 0, from, fromHi)

/** See readString. -EFAULT fills the target with zeroes. */
export function copyString(machine: Machine, target: number, size: number, from: number, fromHi: number): number {
  const u8 = machine.memory.u8
  const source = from >>> 0
  if (size === 0) return 0
  checkRange(u8.length, target, size, true)
  if (fromHi === 0 && isAccessible(u8.length, source, 1)) {
    for (let i = 0; i < size; i++) {
      if (source + i >= u8.length) break
      const char = u8[source + i] as number
      u8[target + i] = char
      if (char === 0) return i + 1
      if (i === size - 1) {
        u8[target + i] = 0
        return size
      }
    }
  }
  u8.fill(0, target, target + size)
  return -ERRNO.EFAULT
}

/** Guarded copies. The machine has one memory, so the user's addresses are the kernel's. */
export const memoryHelpers = {
  probe_read: read,
  probe_read_kernel: read,
  probe_read_user: read,
  copy_from_user: read,
  probe_read_str: readString,
  probe_read_kernel_str: readString,
  probe_read_user_str: readString,
  copy_from_user_task: (machine, to, size, from, fromHi, task, flags, flagsHi) => {
    if (flags !== 0 || flagsHi !== 0) return -ERRNO.EINVAL
    if (task === 0) return -ERRNO.EFAULT
    return read(machine, to, size, from, fromHi)
  },
  probe_write_user: (machine, to, toHi, from, size) => {
    const length = size >>> 0
    if (toHi !== 0 || !isAccessible(machine.memory.size, to >>> 0, length)) return -ERRNO.EPERM
    checkRange(machine.memory.size, from >>> 0, length, false)
    machine.memory.u8.copyWithin(to >>> 0, from >>> 0, (from >>> 0) + length)
    return 0
  },
} satisfies HelperFamily
