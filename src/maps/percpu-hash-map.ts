import { type BpfMap, copyValue, type Machine, releaseFields } from '../vm/index.js'
import { BPF_EXIST, E2BIG, EINVAL, ENOENT, ENOMEM } from './constants.js'
import { copyBytes, roundUp8 } from './copy.js'
import { checkExistence, hashSeed, tableMethods } from './hash-map.js'
import { HashTable } from './hash-table.js'
import { mapHeader } from './header.js'
import type { BucketMap, MapAttributes, PerCpuMap } from './types.js'

/** PERCPU_HASH. An element holds `cpus` values, `stride` bytes apart; updates are made in place. */
export function createPercpuHashMap(machine: Machine, attr: MapAttributes): BucketMap & PerCpuMap {
  const { cpus } = machine
  const { maxEntries, valueSize } = attr
  const stride = roundUp8(valueSize)
  const table = new HashTable(machine, {
    keySize: attr.keySize,
    valueArea: stride * cpus,
    maxEntries,
    seed: hashSeed(machine, attr.flags),
    lru: false,
  })
  const { valueOffset } = table

  const map: BucketMap & PerCpuMap & { specialFields: BpfMap['specialFields'] } = {
    ...mapHeader(machine, attr),
    ...tableMethods(table),
    stride,
    lookupLayout: table.layout({ cpuStride: stride }),
    lookup(key) {
      const element = table.lookup(key)
      return element === 0 ? 0 : element + valueOffset + machine.cpu * stride
    },
    lookupCpu(key, cpu) {
      const element = table.lookup(key)
      return element === 0 || cpu >= cpus ? 0 : element + valueOffset + cpu * stride
    },
    update: (key, value, flags) => put(key, value, flags, false),
    updateCpus: (key, values, flags) => put(key, values, flags, true),
    delete(key) {
      const element = table.lookup(key)
      if (element === 0) return ENOENT
      table.unlink(element)
      table.addCount(-1)
      releasePerCpu(machine, map, element + valueOffset)
      table.giveBack(element)
      return 0
    },
    forEach: (visit) =>
      table.walk((element) => visit(element + table.keyOffset, element + valueOffset + machine.cpu * stride)),
    free() {
      if (map.specialFields !== undefined) {
        table.each((element) => {
          releasePerCpu(machine, map, element + valueOffset)
        })
      }
      table.free()
      machine.freeHandle(map.handle)
    },
  }

  function put(key: number, value: number, flags: number, all: boolean): number {
    if (flags >>> 0 > BPF_EXIST) return EINVAL
    const aligned = table.aligned(key)
    const hash = table.hash(aligned)
    const old = table.find(aligned, hash)
    const status = checkExistence(old, flags)
    if (status !== 0) return status
    if (old !== 0) {
      copyPerCpu(machine, map, old + valueOffset, value, all)
      return 0
    }
    if (table.count >= maxEntries) return E2BIG
    const element = table.take()
    if (element === 0) return ENOMEM
    initPerCpu(machine, map, element + valueOffset, value, all)
    table.insert(element, aligned, hash)
    table.addCount(1)
    return 0
  }
  return map
}

/** Sets the current CPU's value, or all of them from `stride` bytes each (padding included, as Linux keeps it). */
export function copyPerCpu(machine: Machine, map: PerCpuMap, values: number, from: number, all: boolean): void {
  const { specialFields, stride, valueSize } = map
  if (all) {
    for (let cpu = 0; cpu < machine.cpus; cpu++) {
      copyValue(machine, specialFields, values + cpu * stride, from + cpu * stride, stride)
    }
    return
  }
  const own = values + machine.cpu * stride
  if (specialFields === undefined) copyBytes(machine.memory, own, from, valueSize)
  else copyValue(machine, specialFields, own, from, valueSize)
}

/**
 * First values of an element: a program's update sets its own CPU's and zeroes the others', all without the padding, which
 * stays as it was. Special fields of an element that is not in use are zero already.
 */
export function initPerCpu(machine: Machine, map: PerCpuMap, values: number, from: number, all: boolean): void {
  copyPerCpu(machine, map, values, from, all)
  if (all) return
  for (let cpu = 0; cpu < machine.cpus; cpu++) {
    const value = values + cpu * map.stride
    if (cpu !== machine.cpu) machine.memory.u8.fill(0, value, value + map.valueSize)
  }
}

export function releasePerCpu(machine: Machine, map: PerCpuMap, values: number): void {
  if (map.specialFields === undefined) return
  for (let cpu = 0; cpu < machine.cpus; cpu++) releaseFields(machine, map.specialFields, values + cpu * map.stride)
}
