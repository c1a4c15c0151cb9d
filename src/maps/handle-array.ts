import type { Addr, Machine } from '../vm/index.js'
import { nextIndex, readIndex } from './array-map.js'
import { BPF_EXIST, BPF_NOEXIST, E2BIG, EEXIST, EINVAL, ENOENT } from './constants.js'
import { mapHeader } from './header.js'
import type { HandleMap, MapAttributes } from './types.js'

/** What differs between the arrays of other objects. */
export interface HandleArrayRules {
  /** BPF_EXIST and BPF_NOEXIST mean something (sockets); without it every flag but BPF_ANY is refused. */
  readonly flags: boolean
  /** Errors of deleting: an index beyond the end, an empty element (0: no error). */
  readonly deleteBeyond: number
  readonly deleteEmpty: number
  /** What a program's look-up gives: the object's handle, or nothing at all. */
  readonly lookup: 'handle' | 'none'
}

export interface HandleArray extends HandleMap {
  /** The slot, a u32 handle (0: empty), 0 beyond the end. */
  elementAt(index: number): Addr
}

/**
 * PROG_ARRAY, ARRAY_OF_MAPS, CGROUP_ARRAY, XSKMAP, SOCKMAP and REUSEPORT_SOCKARRAY: u32 handles, one a slot, together in
 * memory. Programs see the object itself: `lookup` of an array of maps is the inner map's handle.
 */
export function createHandleArray(machine: Machine, attr: MapAttributes, rules: HandleArrayRules): HandleArray {
  const { memory } = machine
  const { maxEntries } = attr
  const slots = memory.alloc(maxEntries * 4)
  const release = attr.release ?? (() => {})

  const replace = (index: number, handle: Addr): void => {
    const slot = (slots >>> 2) + index
    const old = memory.u32[slot] as number
    memory.u32[slot] = handle
    if (old !== 0) release(old)
  }

  const map: HandleArray = {
    ...mapHeader(machine, attr),
    innerMap: attr.innerMap,
    lookupLayout: { kind: 'handles', slots, visible: rules.lookup === 'handle' },
    lookup: (key) => (rules.lookup === 'handle' ? map.handleOf(key) : 0),
    elementAt: (index) => (index >>> 0 < maxEntries ? slots + (index >>> 0) * 4 : 0),
    handleOf(key) {
      const index = readIndex(machine, key)
      return index < maxEntries ? (memory.u32[(slots >>> 2) + index] as number) : 0
    },
    update: () => EINVAL,
    checkSet(key, flags) {
      if (rules.flags ? flags >>> 0 > BPF_EXIST : flags !== 0) return EINVAL
      return readIndex(machine, key) >= maxEntries ? E2BIG : 0
    },
    setHandle(key, handle, flags) {
      const status = map.checkSet(key, flags)
      if (status !== 0) return status
      const old = map.handleOf(key)
      if (old !== 0 && flags === BPF_NOEXIST) return EEXIST
      if (old === 0 && flags === BPF_EXIST) return ENOENT
      replace(readIndex(machine, key), handle)
      return 0
    },
    delete(key) {
      const index = readIndex(machine, key)
      if (index >= maxEntries) return rules.deleteBeyond
      if (map.handleOf(key) === 0) return rules.deleteEmpty
      replace(index, 0)
      return 0
    },
    nextKey: (key, next) => nextIndex(machine, maxEntries, key, next),
    clear() {
      for (let i = 0; i < maxEntries; i++) replace(i, 0)
    },
    free() {
      map.clear()
      memory.free(slots)
      machine.freeHandle(map.handle)
    },
  }
  return map
}
