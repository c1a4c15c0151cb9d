import { cString, ERRNO } from '../../base/index.js'
import type { Machine } from '../machine.js'
import type { HelperFamily } from './family.js'
import { long } from './time.js'

/** What SYSCALL programs may do: without a kernel around the machine all fail with -EPERM. */
export const syscallHelpers = {
  sys_bpf: (machine, command, attr, size) => machine.systemCalls?.bpf(command, attr >>> 0, size >>> 0) ?? -ERRNO.EPERM,
  sys_close: (machine, fd) => machine.systemCalls?.close(fd) ?? -ERRNO.EPERM,
  btf_find_by_name_kind: (machine, name, size, kind, flags) => {
    const text = stringOf(machine, name, size)
    if (flags !== 0 || text === undefined) return long(machine, BigInt(-ERRNO.EINVAL))
    return long(machine, machine.systemCalls?.btfFindByNameKind(text, kind) ?? BigInt(-ERRNO.EPERM))
  },
  kallsyms_lookup_name: (machine, name, size, flags, result) => {
    const memory = machine.memory
    memory.setU64(result >>> 0, 0n)
    const text = stringOf(machine, name, size)
    if (flags !== 0 || text === undefined) return -ERRNO.EINVAL
    if (machine.systemCalls === undefined) return -ERRNO.EPERM
    const address = machine.systemCalls.kallsymsLookupName(text)
    memory.setU64(result >>> 0, address ?? 0n)
    return address === undefined ? -ERRNO.ENOENT : 0
  },
} satisfies HelperFamily

/** A string that ends with its NUL at exactly `size` bytes; undefined for another. */
function stringOf(machine: Machine, name: number, size: number): string | undefined {
  const bytes = machine.memory.bytes(name >>> 0, size >>> 0)
  return size >>> 0 > 1 && bytes.indexOf(0) === (size >>> 0) - 1 ? cString(bytes) : undefined
}
