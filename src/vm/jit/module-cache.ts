import type { Machine } from '../machine.js'
import type { BpfMap, ProgramImage } from '../types.js'
import type { CompiledModule } from './compile.js'

/** Modules that are kept after their programs are gone. */
const KEPT = 32

interface Entry {
  readonly image: ProgramImage
  readonly compiled: CompiledModule
  /** A WebAssembly.Module: the types of an installed package want no host's declarations. */
  readonly module: object
  readonly id: number
  /** What the program's references stood for: addresses of a map that is gone may belong to another one. */
  readonly maps: ReadonlyMap<number, WeakRef<BpfMap>>
}

export type CachedModule = Pick<Entry, 'compiled' | 'module' | 'id'>

/**
 * The modules a machine's compiler made last, the latest first. A program that is loaded again, with the same instructions
 * and the same maps, is not compiled again.
 */
export class ModuleCache {
  readonly #machine: Machine
  #entries: Entry[] = []

  constructor(machine: Machine) {
    this.#machine = machine
  }

  find(image: ProgramImage): CachedModule | undefined {
    const found = this.#entries.findIndex((entry) => this.#isSame(entry, image))
    if (found < 0) return undefined
    const [entry] = this.#entries.splice(found, 1)
    this.#entries.unshift(entry!)
    return entry
  }

  add(image: ProgramImage, made: CachedModule): void {
    const maps = new Map<number, WeakRef<BpfMap>>()
    for (const value of image.refs.values()) {
      const handle = Number(value)
      // The code of callbacks knows the program it belongs to.
      if (this.#machine.functionOf(handle) !== undefined) return
      const map = this.#machine.mapOf(handle)
      if (map !== undefined) maps.set(handle, new WeakRef(map))
    }
    this.#entries.unshift({ ...made, image, maps })
    this.#entries.length = Math.min(this.#entries.length, KEPT)
  }

  #isSame({ image: a, maps }: Entry, b: ProgramImage): boolean {
    if (a.insns.length !== b.insns.length || a.name !== b.name || a.type !== b.type || a.verified !== b.verified) {
      return false
    }
    if (a.exceptionCallback !== b.exceptionCallback || a.refs.size !== b.refs.size) return false
    if (a.arena?.addr !== b.arena?.addr || a.arena?.userAddr !== b.arena?.userAddr) return false
    if (!sameKeys(a.probeLoads, b.probeLoads) || (a.kfuncs?.size ?? 0) !== (b.kfuncs?.size ?? 0)) return false
    if ([...(a.kfuncs ?? [])].some(([slot, name]) => b.kfuncs?.get(slot) !== name)) return false
    for (const [slot, value] of a.refs) {
      if (b.refs.get(slot) !== value || this.#machine.mapOf(Number(value)) !== maps.get(Number(value))?.deref())
        return false
    }
    return a.insns.every((byte, i) => byte === b.insns[i])
  }
}

function sameKeys(a: ReadonlySet<number> | undefined, b: ReadonlySet<number> | undefined): boolean {
  return (a?.size ?? 0) === (b?.size ?? 0) && [...(a ?? [])].every((key) => b?.has(key) === true)
}
