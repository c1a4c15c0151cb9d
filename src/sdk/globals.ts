import { UsageError } from '../base/index.js'
import { decodeValue, encodeValue } from '../btf/index.js'
import { type ObjectSpec, objectBtf, readVariable, setVariable, type VariableSpec } from '../object/index.js'
import { Collection } from './collection.js'

const F_MMAPABLE = 1 << 10

/**
 * The global variables of a data section as properties, by its section's name ('.bss', '.data.mine'). Of a spec: the values the
 * object will be loaded with, which can be set. Of a collection: what the programs see now; setting one is seen by them at once,
 * and leaves the others alone where the map can be mapped (libbpf's data maps can). Values are whole: change a member by setting
 * the variable. Variables that share a name are left out; see `variableNamed` for them.
 * @throws UsageError when setting a variable of .rodata that is loaded, or a value that does not fit.
 */
export function globalVariables<T extends object = Record<string, unknown>>(
  of: ObjectSpec | Collection,
  section: string,
): T {
  const spec = of instanceof Collection ? of.spec : of
  const variables = spec.variables.filter((variable) => variable.section === section)
  const properties: PropertyDescriptorMap = {}
  for (const variable of variables) {
    const { name } = variable
    if (variables.some((other) => other !== variable && other.name === name)) continue
    properties[name] = {
      enumerable: true,
      get: () => (of instanceof Collection ? readLive(of, variable) : readVariable(of, `${section}/${name}`)),
      set(value: unknown) {
        if (of instanceof Collection) writeLive(of, variable, value)
        else setVariable(of, `${section}/${name}`, value)
      },
    }
  }
  return Object.defineProperties({}, properties) as T
}

function readLive(collection: Collection, { map, name, offset, size, typeId }: VariableSpec): unknown {
  const bytes = collection.map(map).getBytes(new Uint8Array(4))
  if (bytes === undefined) throw new UsageError(`map '${map}' of variable '${name}' has no value`)
  const own = bytes.slice(offset, offset + size)
  const btf = objectBtf(collection.spec)
  return btf === undefined || typeId === 0 ? own : decodeValue(btf, typeId, own)
}

function writeLive(collection: Collection, variable: VariableSpec, value: unknown): void {
  const { name, offset, size } = variable
  if (variable.readonly) {
    throw new UsageError(`variable '${name}' is constant once it is loaded`, 'set it in the spec, before loading')
  }
  const map = collection.map(variable.map)
  const bytes = encoded(collection, variable, value)
  if (bytes.length > size) throw new UsageError(`variable '${name}' has ${size} bytes, not ${bytes.length}`)
  if ((map.flags & F_MMAPABLE) !== 0) {
    using memory = map.mmap()
    memory.writeBytes(offset, bytes)
    return
  }
  const key = new Uint8Array(4)
  const all = map.getBytes(key)?.slice()
  if (all === undefined) throw new UsageError(`map '${variable.map}' of variable '${name}' has no value`)
  all.set(bytes, offset)
  map.setBytes(key, all)
}

function encoded({ spec }: Collection, { name, size, typeId }: VariableSpec, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  const btf = objectBtf(spec)
  if (btf !== undefined && typeId !== 0) return encodeValue(btf, typeId, value)
  throw new UsageError(`variable '${name}' has no type: give its ${size} bytes`, 'the object was built without -g')
}
