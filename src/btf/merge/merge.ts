import { UsageError } from '../../base/index.js'
import type { Btf } from '../btf.js'
import { BtfBuilder } from '../builder.js'
import type { NewBtfType } from '../encode-type.js'
import { Deduplicator } from './dedup.js'
import { retarget } from './retarget.js'

export interface MergedBtf {
  /** The types of all inputs, still open: more can be added, and strings for line information. */
  readonly builder: BtfBuilder
  /** For each input, the new id of each of its types. */
  readonly ids: readonly Uint32Array[]
}

/**
 * One BTF of several, as static linking needs it: types are appended in order and, unless `dedup` is false, equal ones
 * become one and forward declarations find their definitions. Throws UsageError for split BTF, FormatError for
 * types no compiler makes.
 */
export function mergeBtf(inputs: readonly Btf[], options: { dedup?: boolean } = {}): MergedBtf {
  const types: (NewBtfType | undefined)[] = [undefined]
  const starts: number[] = []
  for (const btf of inputs) {
    if (btf.base !== undefined) throw new UsageError('split BTF cannot be merged')
    const shift = types.length - 1
    starts.push(shift)
    const moved = (id: number) => {
      if (id >= btf.typeCount) throw btf.error(`type id ${id} is out of range (${btf.typeCount} types)`)
      return id === 0 ? 0 : id + shift
    }
    for (let id = 1; id < btf.typeCount; id++) {
      const type = btf.type(id)
      if (type.kind !== 'void') types.push(retarget(type, moved))
    }
  }
  const representative = options.dedup === false ? Int32Array.from(types, (_, id) => id) : new Deduplicator(types).run()

  const newIds = new Uint32Array(types.length)
  let next = 1
  for (let id = 1; id < types.length; id++) if (representative[id] === id) newIds[id] = next++
  for (let id = 1; id < types.length; id++) newIds[id] = newIds[representative[id]!]!

  const builder = new BtfBuilder()
  for (let id = 1; id < types.length; id++) {
    if (representative[id] === id) builder.add(retarget(types[id]!, (old) => newIds[old]!))
  }
  const ids = inputs.map((btf, i) => {
    const start = starts[i]!
    return Uint32Array.from({ length: btf.typeCount }, (_, id) => (id === 0 ? 0 : newIds[id + start]!))
  })
  return { builder, ids }
}

/** One BTF without its duplicates, and the new id of each type. */
export function dedupBtf(btf: Btf): { readonly bytes: Uint8Array; readonly ids: Uint32Array } {
  const { builder, ids } = mergeBtf([btf])
  return { bytes: builder.build(), ids: ids[0]! }
}
