import { type Addr, type BpfMap, copyValue, type Machine, releaseFields, type Status } from '../vm/index.js'
import { BPF_EXIST, BPF_F_LOCK, BPF_F_MMAPABLE, BPF_NOEXIST, E2BIG, EEXIST, EINVAL, ENOENT } from './constants.js'
import { copyBytes, roundUp8 } from './copy.js'
import { hasSpinLock, mapHeader } from './header.js'
import type { MapAttributes, PerCpuMap } from './types.js'

const PAGE = 4096

/** u32 at an address of any alignment: an array's key. */
export function readIndex(machine: Machine, key: Addr): number {
  const { memory } = machine
  return (key & 3) === 0 ? (memory.u32[key >>> 2] as number) : memory.view.getUint32(key >>> 0, true)
}

/** Keys of array-like maps: 0 to max_entries - 1, whether there is something or not. */
export function nextIndex(machine: Machine, maxEntries: number, key: Addr, next: Addr): Status {
  const index = key === 0 ? maxEntries : readIndex(machine, key)
  if (index === maxEntries - 1) return ENOENT
  machine.memory.view.setUint32(next >>> 0, index >= maxEntries ? 0 : index + 1, true)
  return 0
}

/** Flags and index of an array's update; `locked` types know BPF_F_LOCK. */
function checkUpdate(map: BpfMap, index: number, flags: number): Status {
  if ((flags & ~BPF_F_LOCK) >>> 0 > BPF_EXIST) return EINVAL
  if (index >= map.maxEntries) return E2BIG
  if ((flags & BPF_NOEXIST) !== 0) return EEXIST
  if ((flags & BPF_F_LOCK) !== 0 && !hasSpinLock(map)) return EINVAL
  return 0
}

/** An array whose values lie together, for user space to map (BPF_F_MMAPABLE) and programs to address directly. */
export interface FlatArray extends BpfMap {
  elementAt(index: number): Addr
  /** Address of element 0. */
  readonly values: Addr
  /** Bytes from one element to the next: value_size rounded up to 8. */
  readonly stride: number
}

/** ARRAY: element `i` lies at `values + i * stride`. Throws OutOfMemoryError. */
export function createArrayMap(machine: Machine, attr: MapAttributes): FlatArray {
  const { memory } = machine
  const { maxEntries, valueSize } = attr
  const stride = roundUp8(valueSize)
  // What user space can map comes in whole pages.
  const size = maxEntries * stride
  const values = memory.alloc((attr.flags & BPF_F_MMAPABLE) === 0 ? size : Math.ceil(size / PAGE) * PAGE)
  const map: FlatArray & { specialFields: BpfMap['specialFields'] } = {
    ...mapHeader(machine, attr),
    values,
    stride,
    lookupLayout: { kind: 'array', values, stride, cpuStride: 0 },
    lookup(key) {
      const index = readIndex(machine, key)
      return index < maxEntries ? values + index * stride : 0
    },
    elementAt: (index) => (index >>> 0 < maxEntries ? values + (index >>> 0) * stride : 0),
    update(key, value, flags) {
      const index = readIndex(machine, key)
      const status = checkUpdate(map, index, flags)
      if (status !== 0) return status
      const to = values + index * stride
      if (map.specialFields === undefined) {
        copyBytes(memory, to, value, valueSize)
        return 0
      }
      copyValue(machine, map.specialFields, to, value, valueSize)
      if ((flags & BPF_F_LOCK) === 0) releaseFields(machine, map.specialFields, to)
      return 0
    },
    delete: () => EINVAL,
    nextKey: (key, next) => nextIndex(machine, maxEntries, key, next),
    forEach: (visit) => forEachIndex(machine, maxEntries, (index, key) => visit(key, values + index * stride)),
    free() {
      if (map.specialFields !== undefined) {
        for (let i = 0; i < maxEntries; i++) releaseFields(machine, map.specialFields, values + i * stride)
      }
      memory.free(values)
      machine.freeHandle(map.handle)
    },
  }
  return map
}

/** PERCPU_ARRAY: CPU `c`'s element `i` lies at `values + (c * max_entries + i) * stride`. Throws OutOfMemoryError. */
export function createPercpuArrayMap(machine: Machine, attr: MapAttributes): FlatArray & PerCpuMap {
  const { memory, cpus } = machine
  const { maxEntries, valueSize } = attr
  const stride = roundUp8(valueSize)
  const perCpu = maxEntries * stride
  const values = memory.alloc(perCpu * cpus)
  const at = (index: number, cpu: number): Addr => values + cpu * perCpu + index * stride

  const map: FlatArray & PerCpuMap & { specialFields: BpfMap['specialFields'] } = {
    ...mapHeader(machine, attr),
    values,
    stride,
    lookupLayout: { kind: 'array', values, stride, cpuStride: perCpu },
    lookup(key) {
      const index = readIndex(machine, key)
      return index < maxEntries ? at(index, machine.cpu) : 0
    },
    lookupCpu(key, cpu) {
      const index = readIndex(machine, key)
      return index < maxEntries && cpu < cpus ? at(index, cpu) : 0
    },
    elementAt: (index) => (index >>> 0 < maxEntries ? at(index >>> 0, machine.cpu) : 0),
    update(key, value, flags) {
      const index = readIndex(machine, key)
      const status = checkUpdate(map, index, flags)
      if (status !== 0) return status
      const to = at(index, machine.cpu)
      copyValue(machine, map.specialFields, to, value, valueSize)
      releaseFields(machine, map.specialFields, to)
      return 0
    },
    updateCpus(key, from, flags) {
      if (flags >>> 0 > BPF_EXIST) return EINVAL
      const index = readIndex(machine, key)
      if (index >= maxEntries) return E2BIG
      if (flags === BPF_NOEXIST) return EEXIST
      for (let cpu = 0; cpu < cpus; cpu++) {
        copyValue(machine, map.specialFields, at(index, cpu), from + cpu * stride, stride)
        releaseFields(machine, map.specialFields, at(index, cpu))
      }
      return 0
    },
    delete: () => EINVAL,
    nextKey: (key, next) => nextIndex(machine, maxEntries, key, next),
    forEach: (visit) => forEachIndex(machine, maxEntries, (index, key) => visit(key, at(index, machine.cpu))),
    free() {
      if (map.specialFields !== undefined) {
        for (let i = 0; i < maxEntries * cpus; i++) releaseFields(machine, map.specialFields, values + i * stride)
      }
      memory.free(values)
      machine.freeHandle(map.handle)
    },
  }
  return map
}

/** Visits indexes in order, each also as a key in memory. */
function forEachIndex(machine: Machine, count: number, visit: (index: number, key: Addr) => number): number {
  const key = machine.memory.alloc(4)
  try {
    for (let index = 0; index < count; index++) {
      machine.memory.u32[key >>> 2] = index
      if (visit(index, key) !== 0) return index + 1
    }
    return count
  } finally {
    machine.memory.free(key)
  }
}
