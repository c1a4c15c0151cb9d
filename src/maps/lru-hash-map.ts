import { type Addr, type BpfMap, copyValue, type Machine, releaseFields } from '../vm/index.js'
import { BPF_EXIST, BPF_F_NO_COMMON_LRU, EINVAL, ENOENT, ENOMEM } from './constants.js'
import { copyBytes, roundUp8 } from './copy.js'
import { checkExistence, hashSeed, tableMethods } from './hash-map.js'
import { HashTable } from './hash-table.js'
import { mapHeader } from './header.js'
import { Lru } from './lru.js'
import { copyPerCpu, initPerCpu, releasePerCpu } from './percpu-hash-map.js'
import type { BucketMap, MapAttributes, PerCpuMap } from './types.js'

/** BPF_F_NO_COMMON_LRU gives every CPU as many elements: the capacity is rounded so that it divides. */
function withCapacity(machine: Machine, attr: MapAttributes): MapAttributes {
  if ((attr.flags & BPF_F_NO_COMMON_LRU) === 0) return attr
  const { cpus } = machine
  const up = Math.ceil(attr.maxEntries / cpus) * cpus
  return { ...attr, maxEntries: up <= 0xffff_ffff ? up : Math.floor(attr.maxEntries / cpus) * cpus }
}

function lruTable(machine: Machine, attr: MapAttributes, valueArea: number): HashTable {
  const { keySize, maxEntries } = attr
  return new HashTable(machine, { keySize, valueArea, maxEntries, seed: hashSeed(machine, attr.flags), lru: true })
}

/** LRU_HASH: never full, the least recently used elements go (lru.ts). */
export function createLruHashMap(machine: Machine, attributes: MapAttributes): BucketMap {
  const { memory } = machine
  const attr = withCapacity(machine, attributes)
  const { valueSize } = attr
  const table = lruTable(machine, attr, valueSize)
  const { valueOffset } = table
  const lru = new Lru(machine, table, {
    perCpu: (attr.flags & BPF_F_NO_COMMON_LRU) !== 0,
    maxEntries: attr.maxEntries,
    evict(element) {
      table.unlink(element)
      table.addCount(-1)
      releaseFields(machine, map.specialFields, element + valueOffset)
    },
  })

  const map: BucketMap & { specialFields: BpfMap['specialFields'] } = {
    ...mapHeader(machine, attr),
    ...tableMethods(table),
    lookupLayout: table.layout(),
    lookup(key) {
      const element = table.lookup(key)
      if (element === 0) return 0
      lru.touch(element)
      return element + valueOffset
    },
    peekElem(key) {
      const element = table.lookup(key)
      return element === 0 ? 0 : element + valueOffset
    },
    update(key, value, flags) {
      if (flags >>> 0 > BPF_EXIST) return EINVAL
      const aligned = table.aligned(key)
      const hash = table.hash(aligned)
      // The new element is taken first, as in Linux: that may evict the very element to be replaced.
      const element = lru.take()
      if (element === 0) return ENOMEM
      if (map.specialFields === undefined) copyBytes(memory, element + valueOffset, value, valueSize)
      else copyValue(machine, map.specialFields, element + valueOffset, value, valueSize)
      const old = table.find(aligned, hash)
      const status = checkExistence(old, flags)
      if (status !== 0) {
        lru.giveBack(element)
        return status
      }
      table.insert(element, aligned, hash)
      if (old === 0) {
        table.addCount(1)
      } else {
        lru.touch(element)
        drop(old)
      }
      return 0
    },
    delete(key) {
      const element = table.lookup(key)
      if (element === 0) return ENOENT
      drop(element)
      table.addCount(-1)
      return 0
    },
    forEach: (visit) => table.walk((element) => visit(element + table.keyOffset, element + valueOffset)),
    free() {
      if (map.specialFields !== undefined) {
        table.each((element) => {
          releaseFields(machine, map.specialFields, element + valueOffset)
        })
      }
      table.free()
      lru.free()
      machine.freeHandle(map.handle)
    },
  }

  function drop(element: Addr): void {
    table.unlink(element)
    releaseFields(machine, map.specialFields, element + valueOffset)
    lru.giveBack(element)
  }
  return map
}

/** LRU_PERCPU_HASH: updates are made in place and count as use. */
export function createLruPercpuHashMap(machine: Machine, attributes: MapAttributes): BucketMap & PerCpuMap {
  const { cpus } = machine
  const attr = withCapacity(machine, attributes)
  const stride = roundUp8(attr.valueSize)
  const table = lruTable(machine, attr, stride * cpus)
  const { valueOffset } = table
  const lru = new Lru(machine, table, {
    perCpu: (attr.flags & BPF_F_NO_COMMON_LRU) !== 0,
    maxEntries: attr.maxEntries,
    evict(element) {
      table.unlink(element)
      table.addCount(-1)
      releasePerCpu(machine, map, element + valueOffset)
    },
  })

  const map: BucketMap & PerCpuMap & { specialFields: BpfMap['specialFields'] } = {
    ...mapHeader(machine, attr),
    ...tableMethods(table),
    stride,
    lookupLayout: table.layout({ cpuStride: stride }),
    lookup(key) {
      const element = table.lookup(key)
      if (element === 0) return 0
      lru.touch(element)
      return element + valueOffset + machine.cpu * stride
    },
    peekElem: (key) => map.lookupCpu(key, machine.cpu),
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
      lru.giveBack(element)
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
      lru.free()
      machine.freeHandle(map.handle)
    },
  }

  function put(key: Addr, value: Addr, flags: number, all: boolean): number {
    if (flags >>> 0 > BPF_EXIST) return EINVAL
    const aligned = table.aligned(key)
    const hash = table.hash(aligned)
    const element = flags === BPF_EXIST ? 0 : lru.take()
    if (flags !== BPF_EXIST && element === 0) return ENOMEM
    const old = table.find(aligned, hash)
    const status = checkExistence(old, flags)
    if (status === 0 && old !== 0) {
      lru.touch(old)
      copyPerCpu(machine, map, old + valueOffset, value, all)
    } else if (status === 0) {
      initPerCpu(machine, map, element + valueOffset, value, all)
      table.insert(element, aligned, hash)
      table.addCount(1)
      return 0
    }
    if (element !== 0) lru.giveBack(element)
    return status
  }
  return map
}
