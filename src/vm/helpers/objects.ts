import type { HelperFunction } from '../types.js'
import type { HelperFamily } from './family.js'

const thisCpuPointer: HelperFunction = (machine, object) => machine.objects.copyOf(object >>> 0, machine.cpu) | 0

export const objectHelpers = {
  kptr_xchg: (machine, place, object) => {
    const { i32 } = machine.memory
    const at = place >>> 2
    const old = i32[at]!
    i32[at] = object
    i32[at + 1] = 0
    return old
  },
  per_cpu_ptr: (machine, object, cpu) =>
    cpu >>> 0 >= machine.cpus ? 0 : machine.objects.copyOf(object >>> 0, cpu >>> 0) | 0,
  this_cpu_ptr: thisCpuPointer,
} satisfies HelperFamily
