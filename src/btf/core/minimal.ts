import type { Btf } from '../btf.js'
import { BtfBuilder } from '../builder.js'
import type { NewBtfType } from '../encode-type.js'
import type { BtfExt } from '../ext.js'
import { retarget } from '../merge/retarget.js'
import { CoreResolver } from './resolver.js'
import { reloClass } from './spec.js'

/** An object's types and the records that say which of the target's it asks about. */
export interface CoreUser {
  readonly btf: Btf
  readonly ext: BtfExt
}

/**
 * The BTF of those types and members of `target` that the CO-RE relocations of `users` find: enough to resolve each of them
 * as with the whole, in a few kilobytes (`bpftool gen min_core_btf`). Structs keep their sizes and the offsets of the
 * members that are left; a pointer to what nobody asked about becomes one to void. Relocations that find nothing add
 * nothing. Throws FormatError for types no compiler makes.
 */
export function minimalBtf(target: Btf, users: readonly CoreUser[]): Uint8Array {
  const used = new UsedTypes(target)
  for (const { btf, ext } of users) {
    const resolver = new CoreResolver(btf, [target])
    for (const { records } of ext.coreRelos) {
      for (const relo of records) {
        const result = resolver.resolve(relo)
        if (!result.ok) {
          if (result.fatal) throw btf.error(`${result.spec}: ${result.reason}`)
          continue
        }
        if (result.target === undefined) continue
        const { id, path } = result.target
        if (reloClass(relo.kind) === 'field') used.addField(id, path)
        else if (relo.kind === 'type_matches') used.addWhole(id)
        else used.add(id, relo.kind !== 'enumval_exists' && relo.kind !== 'enumval_value')
      }
    }
  }
  return used.build()
}

/** The types of a target that are used, and of structs and unions which members. */
class UsedTypes {
  readonly #btf: Btf
  /** By id: the members used. Empty for what has none. */
  readonly #used = new Map<number, Set<number>>()
  /** Ids whose pointees were added too. */
  readonly #followed = new Set<number>()
  readonly #whole = new Set<string>()

  constructor(btf: Btf) {
    this.#btf = btf
  }

  /** A type and what it is made of, without the members of structs; `pointees`: also what its pointers point to. */
  add(id: number, pointees: boolean): void {
    const open = [id]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (next === 0 || (pointees ? this.#followed.has(next) : this.#used.has(next))) continue
      this.#mark(next)
      if (pointees) this.#followed.add(next)
      const type = this.#btf.type(next)
      switch (type.kind) {
        case 'ptr':
          if (pointees) open.push(type.type)
          break
        case 'const':
        case 'volatile':
        case 'restrict':
        case 'typedef':
        case 'type_tag':
          open.push(type.type)
          break
        case 'array':
          open.push(type.type, type.indexType)
          break
        case 'func_proto':
          open.push(type.type, ...type.params.map((param) => param.type))
          break
        default:
      }
    }
  }

  /** The root and, step by step, the members on the way of an access; the first index counts whole roots. */
  addField(root: number, path: readonly number[]): void {
    this.add(root, false)
    let id = root
    for (const index of path.slice(1)) {
      id = this.#bare(id)
      const type = this.#btf.type(id)
      if (type.kind === 'struct' || type.kind === 'union') {
        const member = type.members[index]
        if (member === undefined) throw this.#btf.error(`type [${id}] has no member ${index}`)
        this.#mark(id).add(index)
        id = member.type
      } else if (type.kind === 'array') id = type.type
      else throw this.#btf.error(`type [${id}] (${type.kind}) has nothing inside`)
      this.add(id, false)
    }
  }

  /** A type that is compared member by member: with all of them, but structs behind pointers only by name. */
  addWhole(root: number): void {
    const open = [{ id: root, behind: false }]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { id, behind } = next
      const key = `${id} ${behind}`
      if (id === 0 || this.#whole.has(key)) continue
      this.#whole.add(key)
      const used = this.#mark(id)
      const type = this.#btf.type(id)
      switch (type.kind) {
        case 'struct':
        case 'union':
          if (behind) break
          for (const [index, member] of type.members.entries()) {
            used.add(index)
            open.push({ id: member.type, behind: false })
          }
          break
        case 'ptr':
          open.push({ id: type.type, behind: true })
          break
        case 'const':
        case 'volatile':
        case 'restrict':
        case 'typedef':
        case 'type_tag':
          open.push({ id: type.type, behind })
          break
        case 'array':
          open.push({ id: type.type, behind }, { id: type.indexType, behind })
          break
        case 'func_proto':
          for (const each of [type.type, ...type.params.map((param) => param.type)]) open.push({ id: each, behind })
          break
        default:
      }
    }
  }

  build(): Uint8Array {
    const old = [...this.#used.keys()].sort((a, b) => a - b)
    const newIds = new Map(old.map((id, index) => [id, index + 1]))
    const builder = new BtfBuilder()
    for (const id of old) {
      const type = this.#btf.type(id)
      if (type.kind === 'void') continue
      builder.add(retarget(this.#kept(id, type), (each) => newIds.get(each) ?? 0))
    }
    return builder.build({ littleEndian: this.#btf.littleEndian })
  }

  #kept(id: number, type: NewBtfType): NewBtfType {
    if (type.kind !== 'struct' && type.kind !== 'union') return type
    const members = type.members.filter((_, index) => this.#used.get(id)?.has(index))
    // The flag goes with the last bitfield.
    return { ...type, members, kindFlag: members.some(({ bitSize }) => bitSize > 0) }
  }

  #mark(id: number): Set<number> {
    let members = this.#used.get(id)
    if (members === undefined) this.#used.set(id, (members = new Set()))
    return members
  }

  /** Without typedefs and qualifiers, which `add` has marked. */
  #bare(id: number): number {
    let bare = id
    for (let depth = 0; depth < 64; depth++) {
      const type = this.#btf.type(bare)
      switch (type.kind) {
        case 'const':
        case 'volatile':
        case 'restrict':
        case 'typedef':
        case 'type_tag':
          bare = type.type
          break
        default:
          return bare
      }
    }
    throw this.#btf.error(`type [${id}] is nested more than 64 deep`)
  }
}
