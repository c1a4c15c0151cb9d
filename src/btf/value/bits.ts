import type { Btf } from '../btf.js'
import { resolve } from '../resolve.js'
import type { BtfMember } from '../types.js'

/**
 * Where a member's bits are if it is a bitfield, in either encoding: with kind_flag the member says its width; before,
 * its type was an int narrower than its size. Undefined for an ordinary member.
 */
export function bitfieldOf(btf: Btf, member: BtfMember): { offset: number; size: number } | undefined {
  if (member.bitSize > 0) return { offset: member.bitOffset, size: member.bitSize }
  const type = resolve(btf, member.type)
  if (type.kind !== 'int') return undefined
  if (type.bits === type.size * 8 && type.bitOffset === 0 && member.bitOffset % 8 === 0) return undefined
  return { offset: member.bitOffset + type.bitOffset, size: Math.max(1, Math.min(type.bits, 128)) }
}

/** `size` bits that begin `offset` bits into `bytes`; in big-endian layouts bits are counted from the most significant. */
export function readBits(bytes: Uint8Array, offset: number, size: number, littleEndian: boolean): bigint {
  const first = Math.floor(offset / 8)
  const last = Math.floor((offset + size - 1) / 8)
  let word = 0n
  if (littleEndian) {
    for (let i = last; i >= first; i--) word = (word << 8n) | BigInt(bytes[i] ?? 0)
    word >>= BigInt(offset % 8)
  } else {
    for (let i = first; i <= last; i++) word = (word << 8n) | BigInt(bytes[i] ?? 0)
    word >>= BigInt((last + 1) * 8 - (offset + size))
  }
  return BigInt.asUintN(size, word)
}

/** Writes the low `size` bits of `value` where readBits() reads them, leaving the bits around alone. */
export function writeBits(bytes: Uint8Array, offset: number, size: number, value: bigint, littleEndian: boolean): void {
  let rest = BigInt.asUintN(size, value)
  for (let i = 0; i < size; i++) {
    const bit = littleEndian ? offset + i : offset + size - 1 - i
    const at = Math.floor(bit / 8)
    const mask = littleEndian ? 1 << (bit % 8) : 0x80 >> (bit % 8)
    if ((rest & 1n) !== 0n) bytes[at] = bytes[at]! | mask
    else bytes[at] = bytes[at]! & ~mask
    rest >>= 1n
  }
}
