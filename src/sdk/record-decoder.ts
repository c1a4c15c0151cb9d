import { UsageError } from '../base/index.js'
import { type Btf, valueCodec } from '../btf/index.js'
import { type ObjectSpec, objectBtf } from '../object/index.js'
import type { DecodeRecord } from './ring-buffer.js'

/**
 * Decodes records by a C type: `new RingBuffer(map, { decode: recordDecoder(collection.spec, 'event') })`. `name` is a struct,
 * union, enum or typedef of the object's BTF. Longer records are cut to the type's size (perf buffers pad), shorter ones are
 * a UsageError. Throws UsageError for a type that is not there.
 */
export function recordDecoder<T = unknown>(source: ObjectSpec | Btf, name: string): DecodeRecord<T> {
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
  const codec = valueCodec(btf, typeId)
  const { size } = codec
  const at = (bytes: Uint8Array, start: number, end: number): T => {
    if (end - start < size) throw new UsageError(`a record of ${end - start} bytes is no '${name}' of ${size}`)
    return codec.decode(bytes, start) as T
  }
  return Object.assign((record: Uint8Array): T => at(record, 0, record.length), { at })
}
