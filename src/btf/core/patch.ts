import type { CoreResult } from './resolver.js'

/** The call number poisoned instructions carry ("bad relo"), by which a verifier log is recognised. */
export const CORE_POISON_IMM = 0xbad2310

const LD_IMM64 = 0x18
const CALL = 0x85

export type CorePatch =
  | { readonly done: 'patched'; readonly from: bigint; readonly to: bigint }
  /** The instruction is now an invalid call: the program loads only if the verifier never reaches it. */
  | { readonly done: 'poisoned'; readonly reason: string }
  /** The instruction is not one the relocation can be applied to: the object must not load. */
  | { readonly done: 'refused'; readonly reason: string }

/**
 * Applies a CO-RE result to the instruction at byte `offset` of `insns` (changed in place): the immediate of an ALU
 * instruction or ld_imm64, or the offset of a load or store and, where the field's size differs, its width. Follows
 * libbpf, including its checks that the instruction is the one the compiler recorded.
 */
export function applyCoreRelo(insns: Uint8Array, offset: number, result: CoreResult, littleEndian = true): CorePatch {
  if (!(offset >= 0 && offset % 8 === 0 && offset + 8 <= insns.length)) {
    return refused(`no instruction at byte ${offset}`)
  }
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength)
  const code = insns[offset]!
  if (!result.ok) {
    if (result.fatal) return refused(result.reason)
    return poison(view, offset, littleEndian, result.reason)
  }
  const { value, localValue, validate } = result
  switch (code & 0x07) {
    case 4: // ALU
    case 7: // ALU64
      return patchImmediate()
    case 1: // LDX
    case 2: // ST
    case 3: // STX
      return patchAccess()
    case 0: // LD
      return patchWide()
    default:
      return refused(`instruction 0x${code.toString(16)} cannot be relocated`)
  }

  function patchImmediate(): CorePatch {
    if ((code & 0x08) !== 0) return refused('the operand is a register, not an immediate')
    const old = view.getInt32(offset + 4, littleEndian)
    if (validate && BigInt.asUintN(64, BigInt(old)) !== BigInt.asUintN(64, localValue)) return unexpected(BigInt(old))
    view.setInt32(offset + 4, Number(BigInt.asIntN(32, value)), littleEndian)
    return { done: 'patched', from: BigInt(old), to: value }
  }

  function patchAccess(): CorePatch {
    const old = view.getInt16(offset + 2, littleEndian)
    if (validate && BigInt(old) !== localValue) return unexpected(BigInt(old))
    if (value > 0x7fffn) return refused(`offset ${value} does not fit an instruction (at most 32767)`)
    const { memSize } = result as Extract<CoreResult, { ok: true }>
    if (memSize !== undefined) {
      if (!memSize.safe) {
        const sizes = `${memSize.from} bytes here, ${memSize.to} in the target`
        return poison(
          view,
          offset,
          littleEndian,
          `the field's size differs (${sizes}) and only pointers and unsigned integers can be resized`,
        )
      }
      const width = [4, 2, 1, 8][(code >> 3) & 3]!
      if (width !== memSize.from) return refused(`it accesses ${width} bytes, the field has ${memSize.from}`)
      const size = [4, 2, 1, 8].indexOf(memSize.to)
      if (size < 0) return refused(`no load or store has ${memSize.to} bytes`)
      view.setUint8(offset, (code & ~0x18) | (size << 3))
    }
    view.setInt16(offset + 2, Number(value), littleEndian)
    return { done: 'patched', from: BigInt(old), to: value }
  }

  function patchWide(): CorePatch {
    if (!isWide(view, offset, littleEndian)) return refused('it is not a whole ld_imm64')
    const low = view.getUint32(offset + 4, littleEndian)
    const high = view.getUint32(offset + 12, littleEndian)
    const old = (BigInt(high) << 32n) | BigInt(low)
    if (validate && old !== BigInt.asUintN(64, localValue)) return unexpected(old)
    view.setUint32(offset + 4, Number(BigInt.asUintN(32, value)), littleEndian)
    view.setUint32(offset + 12, Number(BigInt.asUintN(32, value >> 32n)), littleEndian)
    return { done: 'patched', from: old, to: value }
  }

  function unexpected(old: bigint): CorePatch {
    return refused(`it holds ${old}, but the relocation was recorded for ${localValue}`)
  }
}

function refused(reason: string): CorePatch {
  return { done: 'refused', reason }
}

/** A plain ld_imm64 with its second half: no pseudo source, and a second half that holds an immediate only. */
function isWide(view: DataView, offset: number, littleEndian: boolean): boolean {
  if (view.getUint8(offset) !== LD_IMM64 || offset + 16 > view.byteLength) return false
  const registers = view.getUint8(offset + 1)
  const source = littleEndian ? registers >> 4 : registers & 0x0f
  return source === 0 && view.getUint16(offset + 2) === 0 && view.getUint32(offset + 8) === 0
}

function poison(view: DataView, offset: number, littleEndian: boolean, reason: string): CorePatch {
  const write = (at: number) => {
    view.setUint32(at, CALL << 24)
    view.setUint32(at + 4, CORE_POISON_IMM, littleEndian)
  }
  if (view.getUint8(offset) === LD_IMM64 && offset + 16 <= view.byteLength) write(offset + 8)
  write(offset)
  return { done: 'poisoned', reason }
}
