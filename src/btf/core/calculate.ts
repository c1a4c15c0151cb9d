import { resolve, sizeOf } from '../resolve.js'
import type { BtfType } from '../types.js'
import { isEnum } from './compat.js'
import { type AccessSpec, reloClass } from './spec.js'

/** What a relocation is worth in one BTF, local or target. */
export interface CoreValue {
  readonly value: bigint
  /** May the instruction be checked to hold the local value? Bitfields and type ids are the compiler's choice. */
  readonly validate: boolean
  /** For a byte offset: size and type of the field a load or store at it accesses. */
  readonly field?: { readonly size: number; readonly typeId: number }
}

/**
 * The value of a relocation for `spec`; `spec` undefined means that the target has no such thing. A string is why there
 * is no value: the instruction must then not be reached.
 */
export function calculate(spec: AccessSpec | undefined, kind: AccessSpec['kind']): CoreValue | string {
  switch (reloClass(kind)) {
    case 'field':
      if (kind === 'field_exists') return plain(spec === undefined ? 0 : 1)
      return spec === undefined ? 'the target has no such field' : fieldValue(spec)
    case 'type':
      // Asked about a type that is not there, these answer 0.
      if (spec === undefined) return plain(0)
      if (kind === 'target_type_id' || kind === 'local_type_id') {
        return { value: BigInt(spec.rootTypeId), validate: false }
      }
      return plain(kind === 'type_size' ? sizeOf(spec.btf, spec.rootTypeId) : 1)
    case 'enumval':
      if (kind === 'enumval_exists') return plain(spec === undefined ? 0 : 1)
      return spec === undefined ? 'the target has no such enumerator' : enumeratorValue(spec)
  }
}

function plain(value: number): CoreValue {
  return { value: BigInt(value), validate: true }
}

function enumeratorValue(spec: AccessSpec): CoreValue {
  const step = spec.accessors[0]!
  const type = spec.btf.type(step.typeId)
  const value = isEnum(type) ? type.values[step.index]!.value : 0
  // A 32-bit enumerator is sign-extended whatever its enum's sign, as libbpf does.
  const wide = typeof value === 'bigint' ? value : BigInt(value | 0)
  return { value: BigInt.asUintN(64, wide), validate: true }
}

function isSigned(type: BtfType): boolean {
  return (isEnum(type) || type.kind === 'int') && type.signed
}

function fieldValue(spec: AccessSpec): CoreValue | string {
  const { btf, kind } = spec
  const last = spec.accessors.at(-1)!
  if (last.name === undefined) {
    const size = sizeOf(btf, last.typeId)
    if (kind === 'field_byte_offset') {
      return { value: BigInt(Math.floor(spec.bitOffset / 8)), validate: true, field: { size, typeId: last.typeId } }
    }
    if (kind === 'field_byte_size') return plain(size)
    throw btf.error(`CO-RE relocation ${kind} cannot be applied to an array element`)
  }
  const owner = btf.type(last.typeId)
  const member = owner.kind === 'struct' || owner.kind === 'union' ? owner.members[last.index] : undefined
  if (member === undefined) throw btf.error(`[${last.typeId}] has no member ${last.index}`)
  const type = resolve(btf, member.type)
  const bitfield = member.bitSize > 0
  let byteSize = bitfield && 'size' in type ? type.size : sizeOf(btf, type.id)
  let byteOffset = Math.floor(spec.bitOffset / 8)
  let bitSize = byteSize * 8
  if (bitfield) {
    // The smallest naturally aligned load that covers the bits, starting from the declared type's size.
    bitSize = member.bitSize
    if (byteSize === 0) throw btf.error(`bitfield '${member.name}' has a type without size`)
    const align = () => Math.floor(spec.bitOffset / 8 / byteSize) * byteSize
    byteOffset = align()
    while (spec.bitOffset + bitSize - byteOffset * 8 > byteSize * 8) {
      if (byteSize >= 8) throw btf.error(`bitfield '${member.name}' does not fit one 64-bit load`)
      byteSize *= 2
      byteOffset = align()
    }
  }
  const validate = !bitfield
  switch (kind) {
    case 'field_byte_offset': {
      const field = bitfield ? {} : { field: { size: byteSize, typeId: type.id } }
      return { value: BigInt(byteOffset), validate, ...field }
    }
    case 'field_byte_size':
      return { value: BigInt(byteSize), validate }
    case 'field_signed':
      return plain(isSigned(type) ? 1 : 0)
    case 'field_lshift_u64': {
      const bitInLoad = spec.bitOffset - byteOffset * 8
      const shift = btf.littleEndian ? 64 - (bitInLoad + bitSize) : (8 - byteSize) * 8 + bitInLoad
      return { value: BigInt.asUintN(64, BigInt(shift)), validate }
    }
    default:
      return { value: BigInt.asUintN(64, BigInt(64 - bitSize)), validate: true }
  }
}

/**
 * May a load or store of the local field's size be changed to the target field's? Only where zero extension keeps the
 * value: pointers, and unsigned integers.
 */
export function resizable(local: BtfType, target: BtfType): boolean {
  if (local.kind === 'ptr' && target.kind === 'ptr') return true
  return local.kind === 'int' && target.kind === 'int' && !local.signed && !target.signed
}
