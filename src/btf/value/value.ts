import { UsageError } from '../../base/index.js'
import type { Btf } from '../btf.js'
import { codecFor } from './codec.js'

/** A value larger than this is not made from an object. */
const MAX_ENCODED = 1 << 28

/**
 * The value of type `typeId` in `bytes` as JavaScript: numbers up to 32 bits, bigints above and for pointers, booleans,
 * enumerators by name (a number where none fits), `char[]` as a string up to its NUL, `unsigned char[]` as Uint8Array, other
 * arrays as arrays, structs and unions as objects with the members of anonymous ones among their parent's, a datasec as an
 * object of its variables. Throws UsageError when there are too few bytes or the type has no values.
 */
export function decodeValue(btf: Btf, typeId: number, bytes: Uint8Array): unknown {
  const codec = codecFor(btf, typeId)
  if (bytes.length < codec.size) {
    throw new UsageError(`the value has ${bytes.length} bytes, type [${typeId}] needs ${codec.size}`)
  }
  return codec.decode(bytes, 0)
}

/**
 * The bytes of `value` as type `typeId`: what decodeValue() gives is taken, and numbers for enumerators, bigints or numbers
 * for any integer. Members that are left out, and the rest of short strings and arrays, are zero. Throws UsageError naming
 * the field ("value.points[1].x: …") for what does not fit.
 */
export function encodeValue(btf: Btf, typeId: number, value: unknown): Uint8Array {
  const codec = codecFor(btf, typeId)
  if (codec.size > MAX_ENCODED) throw new UsageError(`type [${typeId}] has ${codec.size} bytes: too large to encode`)
  const bytes = new Uint8Array(codec.size)
  codec.encode(bytes, 0, value, 'value')
  return bytes
}
