import type { Addr, Machine } from '../vm/index.js'
import { BPF_EXIST, E2BIG, EINVAL, ENOENT, ENOMEM } from './constants.js'
import { checkExistence, hashSeed, tableMethods } from './hash-map.js'
import { HashTable } from './hash-table.js'
import { mapHeader } from './header.js'
import type { BucketMap, HandleMap, MapAttributes } from './types.js'

/** HASH_OF_MAPS: a hash whose values are u32 handles of maps, replaced in place. */
export function createHashOfMaps(machine: Machine, attr: MapAttributes): BucketMap & HandleMap {
  return createHandleHash(machine, attr, hashSeed(machine, attr.flags), true)
}

/** SOCKHASH: u32 handles of sockets. Its hash has no seed, and a replaced element moves to the front of its bucket. */
export function createSocketHash(machine: Machine, attr: MapAttributes): BucketMap & HandleMap {
  return createHandleHash(machine, attr, 0, false)
}

function createHandleHash(
  machine: Machine,
  attr: MapAttributes,
  seed: number,
  inPlace: boolean,
): BucketMap & HandleMap {
  const { memory } = machine
  const { maxEntries } = attr
  const release = attr.release ?? (() => {})
  const table = new HashTable(machine, {
    keySize: attr.keySize,
    valueArea: 4,
    maxEntries,
    seed,
    lru: false,
  })
  const { valueOffset } = table
  const slotOf = (element: Addr): number => (element + valueOffset) >>> 2

  const drop = (element: Addr): void => {
    const handle = memory.u32[slotOf(element)] as number
    table.unlink(element)
    table.addCount(-1)
    table.giveBack(element)
    release(handle)
  }

  const map: BucketMap & HandleMap = {
    ...mapHeader(machine, attr),
    ...tableMethods(table),
    innerMap: attr.innerMap,
    lookupBody: table.lookupBody({ indirect: true }),
    lookup: (key) => map.handleOf(key),
    handleOf(key) {
      const element = table.lookup(key)
      return element === 0 ? 0 : (memory.u32[slotOf(element)] as number)
    },
    update: () => EINVAL,
    checkSet: () => 0,
    setHandle(key, handle, flags) {
      if (flags >>> 0 > BPF_EXIST) return EINVAL
      const old = table.lookup(key)
      const status = checkExistence(old, flags)
      if (status !== 0) return status
      if (old !== 0) {
        const replaced = memory.u32[slotOf(old)] as number
        memory.u32[slotOf(old)] = handle
        if (!inPlace) {
          table.unlink(old)
          table.insert(old, key)
        }
        release(replaced)
        return 0
      }
      if (table.count >= maxEntries) return E2BIG
      const element = table.take()
      if (element === 0) return ENOMEM
      memory.u32[slotOf(element)] = handle
      table.insert(element, key)
      table.addCount(1)
      return 0
    },
    delete(key) {
      const element = table.lookup(key)
      if (element === 0) return ENOENT
      drop(element)
      return 0
    },
    clear() {
      table.each((element) => {
        drop(element)
      })
    },
    free() {
      map.clear()
      table.free()
      machine.freeHandle(map.handle)
    },
  }
  return map
}
