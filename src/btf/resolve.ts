import type { Btf } from './btf.js'
import type { BtfType } from './types.js'

/** libbpf gives up after as many steps; no real type is nested deeper. */
export const MAX_RESOLVE_DEPTH = 32
/** Structs in structs: a compiler has no limit, a type that contains itself has no end. */
export const MAX_NESTING = 256
/** Sizes and lengths are u32 in BTF, so no object is larger. */
const MAX_SIZE = 0xffff_ffff

/** Is this a type that only renames or qualifies another? */
export function isModifier(type: BtfType): boolean {
  switch (type.kind) {
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'type_tag':
      return true
    default:
      return false
  }
}

/** The first type behind typedefs, qualifiers and type tags. Throws FormatError on a cycle. */
export function resolve(btf: Btf, id: number): BtfType {
  let type = btf.type(id)
  for (let depth = 0; type.kind === 'typedef' || isModifier(type); depth++) {
    if (depth >= MAX_RESOLVE_DEPTH) throw btf.error(`type [${id}] is a chain of more than ${MAX_RESOLVE_DEPTH} aliases`)
    type = btf.type((type as { type: number }).type)
  }
  return type
}

/** The first type behind qualifiers and type tags only. */
export function skipModifiers(btf: Btf, id: number): BtfType {
  let type = btf.type(id)
  for (let depth = 0; isModifier(type); depth++) {
    if (depth >= MAX_RESOLVE_DEPTH) throw btf.error(`type [${id}] is a chain of more than ${MAX_RESOLVE_DEPTH} aliases`)
    type = btf.type((type as { type: number }).type)
  }
  return type
}

/**
 * Size in bytes of a type (a variable's is its type's). Throws FormatError for what has none (void, func, fwd), for a
 * cycle and for an array beyond 4 GiB.
 */
export function sizeOf(btf: Btf, id: number): number {
  let count = 1
  let at = id
  for (let depth = 0; depth < MAX_RESOLVE_DEPTH; depth++) {
    const type = btf.type(at)
    switch (type.kind) {
      case 'int':
      case 'struct':
      case 'union':
      case 'enum':
      case 'enum64':
      case 'float':
      case 'datasec':
        return checkedSize(btf, id, count, type.size)
      case 'ptr':
        return checkedSize(btf, id, count, btf.pointerSize)
      case 'array':
        count = checkedSize(btf, id, count, type.length)
        at = type.type
        break
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
      case 'decl_tag':
      case 'var':
        at = type.type
        break
      default:
        throw btf.error(`type [${at}] (${type.kind}${type.name === '' ? '' : ` ${type.name}`}) has no size`)
    }
  }
  throw btf.error(`type [${id}] is nested more than ${MAX_RESOLVE_DEPTH} deep`)
}

function checkedSize(btf: Btf, id: number, count: number, each: number): number {
  const size = count * each
  if (size > MAX_SIZE) throw btf.error(`type [${id}] is larger than 4 GiB`)
  return size
}

/**
 * Natural alignment in bytes as a C compiler would give it; 1 for a struct that BTF shows to be packed (a member lies
 * below its alignment, or the size is not a multiple of it). 0 for what has none.
 */
export function alignOf(btf: Btf, id: number): number {
  return new Aligner(btf).of(id, 0)
}

/** Remembers struct alignments: large types share members. */
export class Aligner {
  readonly #btf: Btf
  readonly #known = new Map<number, number>()

  constructor(btf: Btf) {
    this.#btf = btf
  }

  of(id: number, depth = 0): number {
    const btf = this.#btf
    if (depth > MAX_NESTING) throw btf.error(`type [${id}] is nested more than ${MAX_NESTING} deep`)
    const type = btf.type(id)
    switch (type.kind) {
      case 'int':
      case 'enum':
      case 'enum64':
      case 'float':
        return Math.min(btf.pointerSize, type.size)
      case 'ptr':
        return btf.pointerSize
      case 'array':
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
      case 'var':
        return this.of(type.type, depth + 1)
      case 'struct':
      case 'union': {
        const known = this.#known.get(id)
        if (known !== undefined) return known
        let most = 1
        let packed = false
        for (const member of type.members) {
          const align = this.of(member.type, depth + 1)
          if (align <= 0) {
            packed = false
            most = align
            break
          }
          most = Math.max(most, align)
          if (member.bitSize === 0 && member.bitOffset % (8 * align) !== 0) {
            packed = true
            break
          }
        }
        if (most > 0 && (packed || type.size % most !== 0)) most = 1
        this.#known.set(id, most)
        return most
      }
      default:
        return 0
    }
  }
}
