import type { CheckLog } from './log.js'
import { isModifierKind, isRegularInt, type References } from './references.js'

/** Does member `index` of `struct`, whose type is resolved, lie inside it, where its type may lie? */
export function checkMember(references: References, struct: number, index: number): void {
  const { types } = references
  // Annotated, so that the compiler knows it does not return.
  const log: CheckLog = references.log
  const at = types.at(struct) + 12 + 12 * index
  const word = types.u32(at + 8)
  const flagged = types.kindFlag(struct)
  const width = flagged ? word >>> 24 : 0
  const declared = types.u32(at + 4)
  const id = isModifierKind(types.kind(declared)) ? references.follow(declared) : declared
  const sized = references.sized(id)
  if (sized === undefined) log.failMember(types, struct, index, 'Invalid member')
  const structSize = types.word(struct)
  const bad = (what: string): never => log.failMember(types, struct, index, what, id)
  const exceeds = (bitsFrom: number, bits: number) => {
    const from = Math.floor(bitsFrom / 8)
    return structSize < from || structSize - from < Math.ceil(bits / 8)
  }
  const kind = types.kind(id)
  const offset = flagged ? word & 0xff_ffff : word

  if (kind === 'int') {
    const data = types.u32(types.at(id) + 12)
    let bits = data & 0xff
    let start = offset
    if (flagged) {
      if (!isRegularInt(types, id)) bad('Invalid member base type')
      if (width === 0) {
        if (offset % 8 !== 0) bad('Invalid member offset')
      } else if (width > bits) bad('Invalid member bitfield_size')
      if (width !== 0) bits = width
    } else {
      start += (data >>> 16) & 0xff
      if (start > 0xffff_ffff) bad('bits_offset exceeds U32_MAX')
    }
    const copied = bits + (start % 8)
    if (copied > 128) bad('nr_copy_bits exceeds 128')
    if (exceeds(start, copied)) bad('Member exceeds struct_size')
    return
  }
  if (flagged && (kind === 'enum' || kind === 'enum64')) {
    if (width === 0 && offset % 8 !== 0) bad('Member is not byte aligned')
    if (width > 32) bad('Invalid member bitfield_size')
    if (structSize < Math.ceil((offset + (width || 32)) / 8)) bad('Member exceeds struct_size')
    return
  }
  if (width !== 0) bad('Invalid member bitfield_size')
  if (kind === 'float') {
    const size = types.word(id)
    if (offset % (8 * Math.min(8, size)) !== 0) bad('Member is not properly aligned')
    if (Math.floor(offset / 8) + size > structSize) bad('Member exceeds struct_size')
    return
  }
  if (offset % 8 !== 0) bad('Member is not byte aligned')
  if (exceeds(offset, sized.size * 8)) bad('Member exceeds struct_size')
}
