import { UsageError } from '../base/index.js'
import { decodeValue, encodeValue } from '../btf/index.js'
import { asObjectError, ObjectError } from './object-error.js'
import { objectBtf } from './parsed.js'
import type { MapSpec, ObjectSpec, VariableSpec } from './types.js'

/** The most a .bss is held in memory for before loading. */
const LARGEST_CONTENTS = 1 << 28

/**
 * The global variable `name`; `section/name` tells static variables of the same name apart.
 * @throws ObjectError naming the variables there are.
 */
export function variableNamed(spec: ObjectSpec, name: string): VariableSpec {
  const found = spec.variables.find(
    (variable) => variable.name === name || `${variable.section}/${variable.name}` === name,
  )
  if (found !== undefined) return found
  const names = spec.variables.map((variable) => variable.name)
  throw new ObjectError(`no global variable '${name}'`, {
    file: spec.file,
    symbol: name,
    hint: names.length === 0 ? 'the object has none' : `it has ${names.slice(0, 20).join(', ')}`,
  })
}

/** The bytes a variable will have when the object is loaded, a copy. */
export function variableBytes(spec: ObjectSpec, name: string): Uint8Array {
  const variable = variableNamed(spec, name)
  const { contents } = mapOf(spec, variable)
  const { offset, size } = variable
  if (contents !== undefined && offset + size <= contents.length) return contents.slice(offset, offset + size)
  if (size > LARGEST_CONTENTS) throw new UsageError(`variable '${name}' has ${size} bytes`)
  const bytes = new Uint8Array(size)
  if (contents !== undefined) bytes.set(contents.subarray(offset, offset + size))
  return bytes
}

/** A variable's value as JavaScript, by its BTF type (see decodeValue()); its bytes where the object has no BTF. */
export function readVariable(spec: ObjectSpec, name: string): unknown {
  const { typeId } = variableNamed(spec, name)
  const bytes = variableBytes(spec, name)
  const btf = objectBtf(spec)
  return btf === undefined || typeId === 0 ? bytes : asObjectError(spec.file, () => decodeValue(btf, typeId, bytes))
}

/**
 * Sets a variable before loading: a value for its BTF type (see encodeValue()), or its bytes as Uint8Array (shorter ones
 * leave the rest as it is). Constants of .rodata can be set too: the program sees them as known values.
 * @throws ObjectError for an unknown name, UsageError for a value that does not fit.
 */
export function setVariable(spec: ObjectSpec, name: string, value: unknown): void {
  const variable = variableNamed(spec, name)
  const { size, typeId, offset } = variable
  const btf = objectBtf(spec)
  let bytes: Uint8Array
  if (value instanceof Uint8Array) bytes = value
  else if (btf !== undefined && typeId !== 0) bytes = asObjectError(spec.file, () => encodeValue(btf, typeId, value))
  else bytes = plainInteger(spec, variable, value)
  if (bytes.length > size) throw new UsageError(`variable '${name}' has ${size} bytes, not ${bytes.length}`)
  const map = mapOf(spec, variable)
  map.contents ??= zeros(map)
  if (offset + bytes.length > map.contents.length) {
    throw new ObjectError(`variable '${name}' lies outside its section`, { file: spec.file, symbol: name })
  }
  map.contents.set(bytes, offset)
}

function mapOf(spec: ObjectSpec, variable: VariableSpec): MapSpec {
  const map = spec.maps.find((candidate) => candidate.name === variable.map)
  if (map !== undefined) return map
  throw new ObjectError(`the map '${variable.map}' of variable '${variable.name}' is not in the spec`, {
    file: spec.file,
    symbol: variable.name,
  })
}

function zeros(map: MapSpec): Uint8Array {
  if (map.valueSize > LARGEST_CONTENTS) {
    throw new UsageError(`section '${map.section}' has ${map.valueSize} bytes: too many to set variables in`)
  }
  return new Uint8Array(map.valueSize)
}

/** Without BTF, a variable of 1, 2, 4 or 8 bytes is taken for an integer. */
function plainInteger(spec: ObjectSpec, { name, size }: VariableSpec, value: unknown): Uint8Array {
  if ((typeof value !== 'number' && typeof value !== 'bigint') || ![1, 2, 4, 8].includes(size)) {
    throw new UsageError(`variable '${name}' has no type: give its ${size} bytes`, 'the object was built without -g')
  }
  if (typeof value === 'number' && !Number.isInteger(value)) throw new UsageError(`${value} is not an integer`)
  const wide = BigInt(value)
  if (BigInt.asUintN(size * 8, wide) !== wide && BigInt.asIntN(size * 8, wide) !== wide) {
    throw new UsageError(`${value} does not fit the ${size} bytes of variable '${name}'`)
  }
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, wide), spec.littleEndian)
  return spec.littleEndian ? bytes.subarray(0, size) : bytes.subarray(8 - size)
}
