import {
  type Btf,
  type BtfExt,
  type CoreRelo,
  CoreResolver,
  type CoreResult,
  parseBtf,
  parseBtfExt,
} from '../btf/index.js'
import type { ObjectSpec } from './types.js'

// Specs are plain data, so what is parsed from them is kept beside them.
const parsedBtf = new WeakMap<Uint8Array, Btf>()
const parsedExt = new WeakMap<Uint8Array, BtfExt>()
const resolvedCore = new WeakMap<Uint8Array, WeakMap<Btf, CoreResults>>()

/** CO-RE relocations with their results, by section name; `insnOff` counts bytes from the section's start. */
export type CoreResults = ReadonlyMap<string, readonly { readonly relo: CoreRelo; readonly result: CoreResult }[]>

/** The object's BTF; undefined without one. */
export function objectBtf(spec: ObjectSpec): Btf | undefined {
  if (spec.btf === undefined) return undefined
  let btf = parsedBtf.get(spec.btf)
  if (btf === undefined) {
    btf = parseBtf(spec.btf, spec.file === undefined ? {} : { file: spec.file })
    parsedBtf.set(spec.btf, btf)
  }
  return btf
}

/** The object's function, line and CO-RE records; undefined without them. */
export function objectBtfExt(spec: ObjectSpec): BtfExt | undefined {
  const btf = objectBtf(spec)
  if (spec.btfExt === undefined || btf === undefined) return undefined
  let ext = parsedExt.get(spec.btfExt)
  if (ext === undefined) {
    ext = parseBtfExt(spec.btfExt, btf)
    parsedExt.set(spec.btfExt, ext)
  }
  return ext
}

/** Whether any instruction of the object depends on the layout of a kernel's types. */
export function hasCoreRelocations(spec: ObjectSpec): boolean {
  return (objectBtfExt(spec)?.coreRelos.length ?? 0) > 0
}

/** All CO-RE relocations of the object against `targets`, resolved in the object's order (earlier ones narrow later ones). */
export function coreResults(spec: ObjectSpec, targets: readonly Btf[]): CoreResults {
  const btf = objectBtf(spec)
  const ext = objectBtfExt(spec)
  const [key] = targets
  if (btf === undefined || ext === undefined || key === undefined || spec.btfExt === undefined) return new Map()
  let byTarget = resolvedCore.get(spec.btfExt)
  if (byTarget === undefined) resolvedCore.set(spec.btfExt, (byTarget = new WeakMap()))
  let results = targets.length === 1 ? byTarget.get(key) : undefined
  if (results === undefined) {
    const resolver = new CoreResolver(btf, targets)
    results = new Map(
      ext.coreRelos.map(({ section, records }) => [
        section,
        records.map((relo) => ({ relo, result: resolver.resolve(relo) })),
      ]),
    )
    if (targets.length === 1) byTarget.set(key, results)
  }
  return results
}
