import type { BpfMap, ProgramImage } from '../vm/index.js'
import { MAP_TYPE } from './map-type.js'

/** What the programs of one map have in common: set by the first one that is put in, or that uses the map to call. */
interface Owner {
  readonly type: number
  readonly hasFrags: boolean
  readonly expectedAttachType: number
}

const owners = new WeakMap<BpfMap, Owner>()

/**
 * May a program be an element of this map (PROG_ARRAY, DEVMAP, CPUMAP), or a program that tail-calls through it? The first
 * one decides for all that follow: same type, same kind of frames, and in program arrays the same expected attach type.
 */
export function programFits(map: BpfMap, image: ProgramImage): boolean {
  const { type, hasFrags, expectedAttachType } = image
  const owner = owners.get(map)
  if (owner === undefined) {
    owners.set(map, { type, hasFrags, expectedAttachType })
    return true
  }
  if (owner.type !== type || owner.hasFrags !== hasFrags) return false
  return map.type !== MAP_TYPE.PROG_ARRAY || owner.expectedAttachType === expectedAttachType
}

/** The type of the programs in a map, as /proc shows it (`owner_prog_type`); undefined while there was none. */
export function programOwnerType(map: BpfMap): number | undefined {
  return owners.get(map)?.type
}
