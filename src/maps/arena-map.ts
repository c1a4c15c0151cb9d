import type { Addr, BpfMap, Machine } from '../vm/index.js'
import { EOPNOTSUPP } from './constants.js'
import { mapHeader } from './header.js'
import type { MapAttributes } from './types.js'

export const ARENA_PAGE = 4096

/** Memory that a program and user space share. */
export interface ArenaMap extends BpfMap {
  /** Start of the region in memory, and its length: max_entries pages. */
  readonly region: Addr
  readonly regionSize: number
}

/** ARENA: one region, page `i` at `region + i * 4096`. Throws OutOfMemoryError. */
export function createArena(machine: Machine, attr: MapAttributes): ArenaMap {
  const regionSize = attr.maxEntries * ARENA_PAGE
  const region = machine.memory.alloc(regionSize)
  const map: ArenaMap = {
    ...mapHeader(machine, attr),
    region,
    regionSize,
    lookup: () => 0,
    elementAt: (index) => (index >>> 0 < attr.maxEntries ? region + (index >>> 0) * ARENA_PAGE : 0),
    update: () => EOPNOTSUPP,
    delete: () => EOPNOTSUPP,
    nextKey: () => EOPNOTSUPP,
    free() {
      machine.memory.free(region)
      machine.freeHandle(map.handle)
    },
  }
  return map
}
