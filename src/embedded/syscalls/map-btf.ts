import { FormatError } from '../../base/index.js'
import { type Btf, type BtfComposite, type BtfType, resolve, sizeOf } from '../../btf/index.js'
import { MAP_TYPE } from '../../maps/index.js'
import type { BpfMap, SpecialField, SpecialFieldKind, Status } from '../../vm/index.js'

// What a map's BTF must say about its keys and values (Linux: map_check_btf and each type's map_check_btf), and the fields
// in values that belong to the kernel (btf_parse_fields).

const E2BIG = -7
const EACCES = -13
const EEXIST = -17
const EINVAL = -22
const ENOENT = -2
const EOPNOTSUPP = -95
const ENOTSUPP = -524

const RDONLY_PROG = 1 << 7
const WRONLY_PROG = 1 << 8
const MAX_FIELDS = 11
const MAX_DEPTH = 15

interface FieldShape {
  readonly kind: SpecialFieldKind
  readonly size: number
  readonly align: number
  /** At most one in a value. */
  readonly single: boolean
}

const STRUCT_FIELDS: Readonly<Record<string, FieldShape>> = {
  bpf_spin_lock: { kind: 'spin_lock', size: 4, align: 4, single: true },
  bpf_res_spin_lock: { kind: 'res_spin_lock', size: 4, align: 4, single: true },
  bpf_timer: { kind: 'timer', size: 16, align: 8, single: true },
  bpf_wq: { kind: 'workqueue', size: 16, align: 8, single: true },
  bpf_task_work: { kind: 'task_work', size: 8, align: 8, single: true },
  bpf_list_head: { kind: 'list_head', size: 16, align: 8, single: false },
  bpf_rb_root: { kind: 'rb_root', size: 16, align: 8, single: false },
  bpf_refcount: { kind: 'refcount', size: 4, align: 4, single: false },
}

const POINTER_TAGS: Readonly<Record<string, SpecialFieldKind>> = {
  kptr_untrusted: 'kptr_untrusted',
  kptr: 'kptr',
  percpu_kptr: 'percpu_kptr',
  uptr: 'uptr',
}

/** The kernel-owned fields of a value type, in order; a negative errno where Linux's record would be an error. */
export function findSpecialFields(btf: Btf, valueTypeId: number): readonly SpecialField[] | Status {
  const fields: SpecialField[] = []
  const status = collect(btf, btf.type(valueTypeId), 0, 0, fields)
  if (status !== 0) return status
  fields.sort((a, b) => a.offset - b.offset)
  for (const [i, field] of fields.entries()) {
    const next = fields[i + 1]
    if (next !== undefined && next.offset < field.offset + field.size) return EEXIST
  }
  const locks = fields.filter((field) => field.kind === 'spin_lock' || field.kind === 'res_spin_lock')
  if (locks.length > 1) return EINVAL
  // Lists and trees are guarded by the lock beside them.
  const graphs = fields.some((field) => field.kind === 'list_head' || field.kind === 'rb_root')
  return graphs && locks.length === 0 ? EINVAL : fields
}

/** Kinds whose fields may come in arrays. */
const REPEATABLE: ReadonlySet<SpecialFieldKind> = new Set([
  'kptr',
  'kptr_untrusted',
  'percpu_kptr',
  'uptr',
  'list_head',
  'rb_root',
])

/** Where a member or variable lies and whose it is. */
interface Place {
  readonly typeId: number
  readonly offset: number
  readonly depth: number
  /** The struct and the member's index in it, which declaration tags name. */
  readonly owner?: BtfComposite
  readonly index?: number
  /** Size that the data section gives a variable. */
  readonly expectedSize?: number
}

function collect(btf: Btf, type: BtfType, base: number, depth: number, into: SpecialField[]): Status {
  // Linux counts the fields of which there may be one only level by level.
  const seen = new Set<SpecialFieldKind>()
  if (type.kind === 'datasec') {
    for (const entry of type.vars) {
      const variable = btf.type(entry.type)
      if (variable.kind !== 'var') return EINVAL
      const place = { typeId: variable.type, offset: base + entry.offset, depth, expectedSize: entry.size }
      const status = collectOne(btf, place, seen, into)
      if (status !== 0) return status
    }
    return 0
  }
  if (type.kind !== 'struct') return EINVAL
  for (const [index, member] of type.members.entries()) {
    if (member.bitOffset % 8 !== 0) continue
    const place = { typeId: member.type, offset: base + member.bitOffset / 8, depth, owner: type, index }
    const status = collectOne(btf, place, seen, into)
    if (status !== 0) return status
  }
  return 0
}

function collectOne(btf: Btf, place: Place, seen: Set<SpecialFieldKind>, into: SpecialField[]): Status {
  const { typeId, offset, depth, expectedSize } = place
  let type = btf.type(typeId)
  let count = 1
  for (let level = 0; type.kind === 'array'; level++) {
    if (level === MAX_DEPTH) return E2BIG
    count *= type.length
    type = btf.type(type.type)
  }
  if (count === 0) return 0
  const shape = type.kind === 'struct' ? STRUCT_FIELDS[type.name] : undefined
  const found: SpecialField[] = []
  let size: number
  if (shape !== undefined) {
    size = shape.size
    if (expectedSize !== undefined && expectedSize !== size * count) return 0
    if (offset % shape.align !== 0) return 0
    if (shape.single && seen.has(shape.kind)) return E2BIG
    seen.add(shape.kind)
    if (type.kind === 'struct' && type.size !== shape.size) return 0
    if (shape.kind === 'list_head' || shape.kind === 'rb_root') {
      const root = graphRoot(btf, place, shape.kind)
      if (typeof root === 'number') return root
      found.push({ kind: shape.kind, offset, size, ...root })
    } else found.push({ kind: shape.kind, offset, size })
  } else if (type.kind === 'struct') {
    size = type.size
    if (expectedSize !== undefined && expectedSize !== size * count) return 0
    if (depth >= MAX_DEPTH) return E2BIG
    // Alignment counts from the start of the inner struct, wherever that lies.
    const inner: SpecialField[] = []
    const status = collect(btf, type, 0, depth + 1, inner)
    if (status !== 0) return status
    for (const field of inner) found.push({ ...field, offset: field.offset + offset })
  } else {
    size = 8
    if (offset % 8 !== 0) return 0
    const pointer = taggedPointer(btf, type)
    if (typeof pointer === 'number') return pointer
    if (pointer !== undefined) found.push({ ...pointer, offset, size })
  }
  if (found.length === 0) return 0
  if (count > 1 && found.some((field) => !REPEATABLE.has(field.kind))) return EINVAL
  if (into.length + found.length * count > MAX_FIELDS) return E2BIG
  for (let i = 0; i < count; i++) {
    for (const field of found) into.push({ ...field, offset: field.offset + i * size })
  }
  return 0
}

/** A kptr or uptr: a pointer to a struct through a type tag. Undefined for any other type. */
function taggedPointer(btf: Btf, type: BtfType): Pick<SpecialField, 'kind' | 'typeId'> | undefined | Status {
  const pointer = type.kind === 'volatile' ? btf.type(type.type) : type
  if (pointer.kind !== 'ptr') return undefined
  const tag = btf.type(pointer.type)
  if (tag.kind !== 'type_tag' || tag.attribute) return undefined
  if (btf.type(tag.type).kind === 'type_tag') return EINVAL
  const kind = POINTER_TAGS[tag.name]
  if (kind === undefined) return EINVAL
  const target = resolve(btf, tag.type)
  return target.kind === 'struct' ? { kind, typeId: target.id } : EINVAL
}

/** What a list or tree contains, from its declaration tag `contains:TYPE:FIELD`. */
function graphRoot(
  btf: Btf,
  { owner, index = -1 }: Place,
  kind: 'list_head' | 'rb_root',
): { typeId: number; nodeOffset: number } | Status {
  if (owner === undefined) return EINVAL
  const tag = declarationTag(btf, owner.id, index, 'contains:')
  const [typeName, nodeName] = tag?.split(':') ?? []
  if (!typeName || !nodeName) return EINVAL
  const typeId = btf.findByName(typeName, 'struct')
  if (typeId === undefined) return ENOENT
  const contained = btf.type(typeId)
  if (contained.kind !== 'struct') return EINVAL
  const node = contained.members.filter((member) => member.name === nodeName)
  const [only] = node
  if (only === undefined) return ENOENT
  const wanted = kind === 'list_head' ? 'bpf_list_node' : 'bpf_rb_node'
  if (node.length > 1 || btf.type(only.type).name !== wanted || only.bitOffset % 8 !== 0) return EINVAL
  return { typeId, nodeOffset: only.bitOffset / 8 }
}

function declarationTag(btf: Btf, typeId: number, index: number, prefix: string): string | undefined {
  for (let id = btf.startId; id < btf.typeCount; id++) {
    const type = btf.type(id)
    if (type.kind !== 'decl_tag' || type.type !== typeId || type.componentIdx !== index) continue
    if (type.name.startsWith(prefix)) return type.name.slice(prefix.length)
  }
  return undefined
}

const HASHES: readonly number[] = [MAP_TYPE.HASH, MAP_TYPE.LRU_HASH]
const PER_CPU: readonly number[] = [MAP_TYPE.PERCPU_HASH, MAP_TYPE.LRU_PERCPU_HASH, MAP_TYPE.PERCPU_ARRAY]
const STORAGES: readonly number[] = [
  MAP_TYPE.SK_STORAGE,
  MAP_TYPE.INODE_STORAGE,
  MAP_TYPE.TASK_STORAGE,
  MAP_TYPE.CGRP_STORAGE,
]

const HASH_AND_ARRAY = new Set([...HASHES, MAP_TYPE.ARRAY])
const LOCK_TYPES = new Set([MAP_TYPE.HASH, MAP_TYPE.ARRAY, MAP_TYPE.CGROUP_STORAGE, ...STORAGES])
const KPTR_TYPES = new Set([...HASH_AND_ARRAY, ...PER_CPU, ...STORAGES])

/** Map types whose values may have a field. */
const FIELD_TYPES: Readonly<Record<SpecialFieldKind, ReadonlySet<number>>> = {
  spin_lock: LOCK_TYPES,
  res_spin_lock: LOCK_TYPES,
  timer: HASH_AND_ARRAY,
  workqueue: HASH_AND_ARRAY,
  task_work: HASH_AND_ARRAY,
  kptr_untrusted: KPTR_TYPES,
  kptr: KPTR_TYPES,
  percpu_kptr: KPTR_TYPES,
  refcount: KPTR_TYPES,
  uptr: new Set([MAP_TYPE.TASK_STORAGE]),
  list_head: HASH_AND_ARRAY,
  rb_root: HASH_AND_ARRAY,
  list_node: new Set(),
  rb_node: new Set(),
}

type TypeRule = (map: BpfMap, key: BtfType, value: BtfType, btf: Btf) => Status

function isInt(type: BtfType, size: number): boolean {
  return type.kind === 'int' && type.size === size && type.bits === size * 8 && type.bitOffset === 0
}

const NO_BTF: TypeRule = () => ENOTSUPP
const INT_KEY: TypeRule = (_map, key) => (isInt(key, 4) ? 0 : EINVAL)

/** Arrays need an int key; global data (one element, the value a data section) needs none. */
const ARRAY: TypeRule = (map, key, value) => {
  if (key.kind === 'void') {
    return map.type === MAP_TYPE.ARRAY && map.maxEntries === 1 && value.kind === 'datasec' ? 0 : EINVAL
  }
  return isInt(key, 4) ? 0 : EINVAL
}

const CGROUP_STORAGE: TypeRule = (map, key, _value, btf) => {
  if (map.keySize !== 16) return isInt(key, 8) ? 0 : EINVAL
  if (key.kind !== 'struct' || key.members.length !== 2) return EINVAL
  const [inode, attachType] = key.members
  if (inode?.bitOffset !== 0 || !isInt(resolve(btf, inode.type), 8)) return EINVAL
  return attachType?.bitOffset === 64 && isInt(resolve(btf, attachType.type), 4) ? 0 : EINVAL
}

/** Types with rules of their own. A type that is not here takes any key with a type. */
const TYPE_RULES: Readonly<Record<number, TypeRule>> = {
  [MAP_TYPE.ARRAY]: ARRAY,
  [MAP_TYPE.PERCPU_ARRAY]: ARRAY,
  [MAP_TYPE.PERF_EVENT_ARRAY]: NO_BTF,
  [MAP_TYPE.STACK_TRACE]: NO_BTF,
  [MAP_TYPE.CGROUP_ARRAY]: NO_BTF,
  [MAP_TYPE.ARRAY_OF_MAPS]: NO_BTF,
  [MAP_TYPE.HASH_OF_MAPS]: NO_BTF,
  [MAP_TYPE.DEVMAP]: NO_BTF,
  [MAP_TYPE.DEVMAP_HASH]: NO_BTF,
  [MAP_TYPE.SOCKMAP]: NO_BTF,
  [MAP_TYPE.SOCKHASH]: NO_BTF,
  [MAP_TYPE.CPUMAP]: NO_BTF,
  [MAP_TYPE.XSKMAP]: NO_BTF,
  [MAP_TYPE.LPM_TRIE]: (_map, key) => (key.kind === 'struct' ? 0 : EINVAL),
  [MAP_TYPE.BLOOM_FILTER]: (_map, key) => (key.kind === 'void' ? 0 : EINVAL),
  [MAP_TYPE.CGROUP_STORAGE]: CGROUP_STORAGE,
  [MAP_TYPE.PERCPU_CGROUP_STORAGE]: CGROUP_STORAGE,
  [MAP_TYPE.SK_STORAGE]: INT_KEY,
  [MAP_TYPE.INODE_STORAGE]: INT_KEY,
  [MAP_TYPE.TASK_STORAGE]: INT_KEY,
  [MAP_TYPE.CGRP_STORAGE]: INT_KEY,
}

/** A type behind aliases whose size is the wanted one, undefined otherwise. */
function sized(btf: Btf, id: number, size: number): BtfType | undefined {
  try {
    if (sizeOf(btf, id) !== size) return undefined
    let type = resolve(btf, id)
    while (type.kind === 'var') type = resolve(btf, type.type)
    return type
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}

/**
 * Checks a new map against its BTF: the kernel-owned fields of its values, or a negative errno. Values whose fields Linux
 * cannot make sense of have none here, as a program that uses them finds out when it is loaded.
 */
export function checkMapBtf(
  map: BpfMap,
  btf: Btf,
  keyTypeId: number,
  valueTypeId: number,
): readonly SpecialField[] | Status {
  const rule = TYPE_RULES[map.type]
  const key = keyTypeId === 0 ? btf.type(0) : sized(btf, keyTypeId, map.keySize)
  if (key === undefined || (keyTypeId === 0 && rule === undefined)) return EINVAL
  const value = sized(btf, valueTypeId, map.valueSize)
  if (value === undefined) return EINVAL
  const found = findSpecialFields(btf, value.id)
  const fields = typeof found === 'number' ? [] : found
  if (fields.length > 0 && (map.flags & (RDONLY_PROG | WRONLY_PROG)) !== 0) return EACCES
  if (fields.some((field) => !FIELD_TYPES[field.kind].has(map.type))) return EOPNOTSUPP
  return rule?.(map, key, value, btf) || fields
}
