import { UsageError } from '../base/index.js'
import { type Btf, decodeValue, sizeOf } from '../btf/index.js'
import { type ObjectSpec, objectBtf } from '../object/index.js'

/**
 * Decodes records by a C type: `new RingBuffer(map, { decode: recordDecoder(collection.spec, 'event') })`. `name` is a struct,
 * union, enum or typedef of the object's BTF. Longer records are cut to the type's size (perf buffers pad), shorter ones are
 * a UsageError. Throws UsageError for a type that is not there.
 */
export function recordDecoder<T = unknown>(source: ObjectSpec | Btf, name: string): (record: Uint8Array) => T {
  const btf = 'programs' in source ? objectBtf(source) : source
  const kinds = ['struct', 'union', 'typedef', 'enum', 'enum64'] as const
  const typeId = kinds.map((kind) => btf?.findByName(name, kind)).find((id) => id !== undefined)
  if (btf === undefined || typeId === undefined) {
    throw new UsageError(
      `no type '${name}' to decode records with`,
      btf === undefined
        ? 'the object has no BTF: build it with -g'
        : 'a type must be used by the program to be in its BTF',
    )
  }
  const size = sizeOf(btf, typeId)
  return (record) => {
    if (record.length < size) throw new UsageError(`a record of ${record.length} bytes is no '${name}' of ${size}`)
    return decodeValue(btf, typeId, record.length === size ? record : record.subarray(0, size)) as T
  }
}
