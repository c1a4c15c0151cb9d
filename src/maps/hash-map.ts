import { type Addr, type BpfMap, copyValue, type Machine, releaseFields, type Status } from '../vm/index.js'
import {
  BPF_EXIST,
  BPF_F_LOCK,
  BPF_F_NO_PREALLOC,
  BPF_F_ZERO_SEED,
  BPF_NOEXIST,
  E2BIG,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOMEM,
} from './constants.js'
import { copyBytes } from './copy.js'
import { HashTable } from './hash-table.js'
import { hasSpinLock, mapHeader } from './header.js'
import type { BucketMap, MapAttributes } from './types.js'

/** The seed of a map's hash function: random, or 0 where BPF_F_ZERO_SEED asks for the same order each time. */
export function hashSeed(machine: Machine, flags: number): number {
  return (flags & BPF_F_ZERO_SEED) !== 0 ? 0 : machine.random.u32() | 0
}

/** BPF_NOEXIST and BPF_EXIST against what is there. */
export function checkExistence(old: Addr, flags: number): Status {
  const wanted = flags & ~BPF_F_LOCK
  if (old !== 0 && wanted === BPF_NOEXIST) return EEXIST
  if (old === 0 && wanted === BPF_EXIST) return ENOENT
  return 0
}

/** Methods that read a table, the same for every type over one. `valueOf` finds the program's value in an element. */
export function tableMethods(table: HashTable): Omit<BucketMap, keyof BpfMap> & Pick<BpfMap, 'nextKey' | 'keyOfValue'> {
  return {
    bucketCount: table.bucketCount,
    bucketHead: (bucket) => table.head(bucket),
    bucketNext: (element) => table.next(element),
    keyOf: (element) => element + table.keyOffset,
    valueOf: (element) => element + table.valueOffset,
    keyOfValue: (value) => value - table.valueOffset + table.keyOffset,
    nextKey: (key, next) => (table.copyKey(table.following(key), next) ? 0 : ENOENT),
  }
}

/**
 * HASH. An update of an element that exists puts a new element in its place, as Linux does: a program that still holds
 * the old value's address sees the old value. Preallocated maps keep one spare element a CPU for that (`spares`, u32 each).
 */
export function createHashMap(machine: Machine, attr: MapAttributes): BucketMap {
  const { memory } = machine
  const { maxEntries, valueSize } = attr
  const preallocated = (attr.flags & BPF_F_NO_PREALLOC) === 0
  const table = new HashTable(machine, {
    keySize: attr.keySize,
    valueArea: valueSize,
    maxEntries,
    seed: hashSeed(machine, attr.flags),
    lru: false,
  })
  const spares = memory.alloc(machine.cpus * 4)
  const { valueOffset } = table

  const replacementFor = (old: Addr): Addr => {
    if (!preallocated) return table.take()
    const spare = (spares + machine.cpu * 4) >>> 2
    const element = (memory.u32[spare] as number) || table.takeFresh()
    if (element !== 0) memory.u32[spare] = old
    return element
  }

  const map: BucketMap & { specialFields: BpfMap['specialFields'] } = {
    ...mapHeader(machine, attr),
    ...tableMethods(table),
    lookupLayout: table.layout(),
    lookup(key) {
      const element = table.lookup(key)
      return element === 0 ? 0 : element + valueOffset
    },
    update(key, value, flags) {
      if ((flags & ~BPF_F_LOCK) >>> 0 > BPF_EXIST) return EINVAL
      const fields = map.specialFields
      const locked = (flags & BPF_F_LOCK) !== 0
      if (locked && !hasSpinLock(map)) return EINVAL
      const aligned = table.aligned(key)
      const hash = table.hash(aligned)
      const old = table.find(aligned, hash)
      const status = checkExistence(old, flags)
      if (status !== 0) return status
      if (old !== 0 && locked) {
        copyValue(machine, fields, old + valueOffset, value, valueSize)
        return 0
      }
      let element: Addr
      if (old !== 0) {
        element = replacementFor(old)
      } else {
        if (table.count >= maxEntries) return E2BIG
        element = table.take()
      }
      if (element === 0) return ENOMEM
      if (fields === undefined) copyBytes(memory, element + valueOffset, value, valueSize)
      else copyValue(machine, fields, element + valueOffset, value, valueSize)
      table.insert(element, aligned, hash)
      if (old === 0) {
        table.addCount(1)
      } else {
        table.unlink(old)
        releaseFields(machine, fields, old + valueOffset)
        if (!preallocated) table.giveBack(old)
      }
      return 0
    },
    delete(key) {
      const element = table.lookup(key)
      if (element === 0) return ENOENT
      table.unlink(element)
      table.addCount(-1)
      releaseFields(machine, map.specialFields, element + valueOffset)
      table.giveBack(element)
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
      memory.free(spares)
      machine.freeHandle(map.handle)
    },
  }
  return map
}
