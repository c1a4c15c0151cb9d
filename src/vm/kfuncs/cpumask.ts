import { ERRNO } from '../../base/index.js'
import type { Machine } from '../machine.js'
import type { HelperFunction } from '../types.js'
import type { KfuncFamily } from './family.js'

/** Bytes of cpumask_t: 8192 CPUs. The count of references follows. */
const MASK_SIZE = 1024
const OBJECT_SIZE = MASK_SIZE + 4

/** A set of CPUs in memory; only the machine's CPUs count. */
class Mask {
  readonly #machine: Machine
  readonly #addr: number

  constructor(machine: Machine, addr: number) {
    this.#machine = machine
    this.#addr = addr >>> 0
  }

  has(cpu: number): boolean {
    const cell = this.#machine.memory.u8[this.#addr + (cpu >>> 3)]!
    return cpu < this.#machine.cpus && ((cell >>> (cpu & 7)) & 1) === 1
  }

  put(cpu: number, member: boolean): void {
    if (cpu >= this.#machine.cpus) return
    const { u8 } = this.#machine.memory
    const at = this.#addr + (cpu >>> 3)
    u8[at] = member ? u8[at]! | (1 << (cpu & 7)) : u8[at]! & ~(1 << (cpu & 7))
  }
}

/** The CPUs for which `test` holds. */
function cpusWhere(machine: Machine, test: (cpu: number) => boolean): number[] {
  return Array.from({ length: machine.cpus }, (_, cpu) => cpu).filter(test)
}

/** The first CPU for which `test` holds, or the number of CPUs. */
function first(machine: Machine, test: (cpu: number) => boolean): number {
  return cpusWhere(machine, test)[0] ?? machine.cpus
}

function combine(test: (a: boolean, b: boolean) => boolean): HelperFunction {
  return (machine, to, a, b) => {
    const left = new Mask(machine, a)
    const right = new Mask(machine, b)
    const target = new Mask(machine, to)
    const members = cpusWhere(machine, (cpu) => test(left.has(cpu), right.has(cpu)))
    for (let cpu = 0; cpu < machine.cpus; cpu++) target.put(cpu, members.includes(cpu))
    return members.length > 0 ? 1 : 0
  }
}

/** Changes one CPU's membership; whether it was a member. */
function change(member: boolean): HelperFunction {
  return (machine, cpu, mask) => {
    const set = new Mask(machine, mask)
    const before = set.has(cpu >>> 0)
    set.put(cpu >>> 0, member)
    return before ? 1 : 0
  }
}

function every(test: (a: boolean, b: boolean) => boolean): HelperFunction {
  return (machine, a, b) => {
    const left = new Mask(machine, a)
    const right = new Mask(machine, b)
    return cpusWhere(machine, (cpu) => !test(left.has(cpu), right.has(cpu))).length === 0 ? 1 : 0
  }
}

const setAll =
  (member: boolean): HelperFunction =>
  (machine, mask) => {
    for (let cpu = 0; cpu < machine.cpus; cpu++) new Mask(machine, mask).put(cpu, member)
    return 0
  }

const firstMember: HelperFunction = (machine, mask) => first(machine, (cpu) => new Mask(machine, mask).has(cpu))

const firstCommon: HelperFunction = (machine, a, b) =>
  first(machine, (cpu) => new Mask(machine, a).has(cpu) && new Mask(machine, b).has(cpu))

/** Sets of CPUs. */
export const cpumaskKfuncs: KfuncFamily = {
  bpf_cpumask_create: {
    abi: '>p',
    run: (machine) => {
      const mask = machine.memory.alloc(OBJECT_SIZE)
      machine.memory.u32[(mask + MASK_SIZE) >>> 2] = 1
      return mask | 0
    },
  },
  bpf_cpumask_acquire: {
    abi: 'p>p',
    run: (machine, mask) => {
      machine.memory.u32[((mask >>> 0) + MASK_SIZE) >>> 2]!++
      return mask
    },
  },
  bpf_cpumask_release: {
    abi: 'p>v',
    run: (machine, mask) => {
      const at = ((mask >>> 0) + MASK_SIZE) >>> 2
      const left = machine.memory.u32[at]! - 1
      machine.memory.u32[at] = left
      if (left === 0) machine.memory.free(mask >>> 0)
      return 0
    },
  },
  bpf_cpumask_first: { abi: 'p>u', run: firstMember },
  bpf_cpumask_first_zero: {
    abi: 'p>u',
    run: (machine, mask) => first(machine, (cpu) => !new Mask(machine, mask).has(cpu)),
  },
  bpf_cpumask_first_and: { abi: 'pp>u', run: firstCommon },
  bpf_cpumask_set_cpu: { abi: 'ip>v', run: change(true) },
  bpf_cpumask_clear_cpu: { abi: 'ip>v', run: change(false) },
  bpf_cpumask_test_cpu: { abi: 'ip>u', run: (machine, cpu, mask) => (new Mask(machine, mask).has(cpu >>> 0) ? 1 : 0) },
  bpf_cpumask_test_and_set_cpu: { abi: 'ip>u', run: change(true) },
  bpf_cpumask_test_and_clear_cpu: { abi: 'ip>u', run: change(false) },
  bpf_cpumask_setall: { abi: 'p>v', run: setAll(true) },
  bpf_cpumask_clear: { abi: 'p>v', run: setAll(false) },
  bpf_cpumask_and: { abi: 'ppp>u', run: combine((a, b) => a && b) },
  bpf_cpumask_or: { abi: 'ppp>v', run: combine((a, b) => a || b) },
  bpf_cpumask_xor: { abi: 'ppp>v', run: combine((a, b) => a !== b) },
  bpf_cpumask_equal: { abi: 'pp>u', run: every((a, b) => a === b) },
  bpf_cpumask_intersects: {
    abi: 'pp>u',
    run: (machine, a, b) => (firstCommon(machine, a, b) < machine.cpus ? 1 : 0),
  },
  bpf_cpumask_subset: { abi: 'pp>u', run: every((a, b) => !a || b) },
  bpf_cpumask_empty: { abi: 'p>u', run: (machine, mask) => (firstMember(machine, mask) === machine.cpus ? 1 : 0) },
  bpf_cpumask_full: {
    abi: 'p>u',
    run: (machine, mask) => (cpusWhere(machine, (cpu) => !new Mask(machine, mask).has(cpu)).length === 0 ? 1 : 0),
  },
  bpf_cpumask_copy: {
    abi: 'pp>v',
    run: (machine, to, from) => {
      machine.memory.u8.copyWithin(to >>> 0, from >>> 0, (from >>> 0) + MASK_SIZE)
      return 0
    },
  },
  // Linux spreads the answers over the set; the first is one of them.
  bpf_cpumask_any_distribute: { abi: 'p>u', run: firstMember },
  bpf_cpumask_any_and_distribute: { abi: 'pp>u', run: firstCommon },
  bpf_cpumask_weight: {
    abi: 'p>u',
    run: (machine, mask) => cpusWhere(machine, (cpu) => new Mask(machine, mask).has(cpu)).length,
  },
  bpf_cpumask_populate: {
    abi: 'ppl>i',
    run: (machine, mask, from, size, sizeHi) => {
      const needed = Math.ceil(machine.cpus / 64) * 8
      if (sizeHi !== 0 || size < needed) return -ERRNO.EACCES
      if (size % 8 !== 0) return -ERRNO.EINVAL
      machine.memory.u8.copyWithin(mask >>> 0, from >>> 0, (from >>> 0) + Math.min(size, MASK_SIZE))
      return 0
    },
  },
}
