// Fields of map values and allocated objects the kernel owns: locks, timers, pointers, lists and the like may not be touched
// by plain loads and stores.

import { type Btf, type BtfType, skipModifiers } from '../../btf/index.js'
import type { Reg } from '../state/reg.js'
import { ALLOC } from '../state/reg.js'
import type { MapDescription } from '../types.js'

/** What a pointer field (kptr) may hold. */
export interface PointerTarget {
  /** kptr_untrusted, kptr, percpu_kptr or uptr. */
  readonly tag: string
  readonly name: string
  /** The struct in the program's own BTF. */
  readonly typeId: number
}

/** What hangs on a list head or tree root. */
export interface GraphRoot {
  readonly typeId: number
  readonly nodeOffset: number
}

export interface SpecialField {
  /** The field's struct, or the type tag of a pointer. */
  readonly kind: string
  readonly offset: number
  readonly size: number
  readonly btf: Btf
  readonly pointer?: PointerTarget
  readonly root?: GraphRoot
}

/** The kernel's structs and their sizes: one of the name but of another size is the program's own. */
const SPECIAL: ReadonlyMap<string, number> = new Map([
  ['bpf_spin_lock', 4],
  ['bpf_res_spin_lock', 4],
  ['bpf_timer', 16],
  ['bpf_wq', 16],
  ['bpf_task_work', 8],
  ['bpf_list_head', 16],
  ['bpf_list_node', 24],
  ['bpf_rb_root', 16],
  ['bpf_rb_node', 32],
  ['bpf_refcount', 4],
])
const POINTER_TAG = /^(kptr|kptr_untrusted|percpu_kptr|uptr)$/
/** Types nested deeper, or arrays longer, hold nothing special. */
const MAX_DEPTH = 32
/** Linux counts no more. */
const MAX_FIELDS = 11

const NODES: Readonly<Record<string, string>> = { bpf_list_head: 'bpf_list_node', bpf_rb_root: 'bpf_rb_node' }

const ofMaps = new WeakMap<MapDescription, readonly SpecialField[]>()
const ofTypes = new WeakMap<Btf, Map<number, readonly SpecialField[]>>()
const NONE: readonly SpecialField[] = []

/** Linux's name of a field in its messages. */
export function fieldName(field: SpecialField): string {
  return field.kind === 'kptr_untrusted' ? 'kptr' : field.kind
}

export function isPointerField(field: SpecialField): boolean {
  return field.pointer !== undefined
}

/** All of a map's value, nested structs and arrays included, by offset. */
export function specialFields(map: MapDescription): readonly SpecialField[] {
  const known = ofMaps.get(map)
  if (known !== undefined) return known
  const id = map.btfValueTypeId ?? 0
  const fields = map.btf === undefined || id === 0 ? NONE : find(map.btf, id)
  ofMaps.set(map, fields)
  return fields
}

/** Those of a struct of the program's BTF: objects it allocates. */
export function fieldsOfType(btf: Btf, id: number): readonly SpecialField[] {
  let known = ofTypes.get(btf)
  if (known === undefined) {
    known = new Map()
    ofTypes.set(btf, known)
  }
  let fields = known.get(id)
  if (fields === undefined) {
    fields = find(btf, id)
    known.set(id, fields)
  }
  return fields
}

/** Those of what a register points to. */
export function fieldsBehind(reg: Reg): readonly SpecialField[] {
  if (reg.type === 'map_value' && reg.map !== null) return specialFields(reg.map)
  if (reg.type === 'ptr_' && (reg.flags & ALLOC) !== 0 && reg.btf !== null && !reg.btf.kernel) {
    return fieldsOfType(reg.btf.btf, reg.btfId)
  }
  return NONE
}

export function fieldOfKind(fields: readonly SpecialField[], kind: string): SpecialField | undefined {
  return fields.find((field) => field.kind === kind)
}

function find(btf: Btf, id: number): readonly SpecialField[] {
  const out: SpecialField[] = []
  try {
    collect(btf, id, 0, 0, undefined, out)
  } catch {
    // Odd BTF describes nothing special.
    return NONE
  }
  const isRoot = ({ kind }: SpecialField) => NODES[kind] !== undefined
  const hasLock = out.some(({ kind }) => kind === 'bpf_spin_lock' || kind === 'bpf_res_spin_lock')
  // A list or tree that says badly what it holds, or has no lock, and no field counts.
  if (out.some((field) => isRoot(field) && (field.root === undefined || !hasLock)) || out.length > MAX_FIELDS)
    return NONE
  return out.sort((a, b) => a.offset - b.offset)
}

interface Owner {
  readonly typeId: number
  readonly component: number
}

function collect(
  btf: Btf,
  id: number,
  offset: number,
  depth: number,
  owner: Owner | undefined,
  out: SpecialField[],
): void {
  if (depth > MAX_DEPTH || out.length > MAX_FIELDS) return
  const type = skipModifiers(btf, id)
  switch (type.kind) {
    case 'struct':
      if (SPECIAL.get(type.name) === type.size) {
        const root = owner === undefined ? undefined : rootOf(btf, type.name, owner)
        out.push({ kind: type.name, offset, size: type.size, btf, ...(root === undefined ? {} : { root }) })
        return
      }
      type.members.forEach((member, component) => {
        collect(btf, member.type, offset + (member.bitOffset >> 3), depth + 1, { typeId: type.id, component }, out)
      })
      return
    case 'datasec':
      for (const variable of type.vars) {
        collect(btf, variable.type, offset + variable.offset, depth + 1, { typeId: variable.type, component: -1 }, out)
      }
      return
    case 'var':
      collect(btf, type.type, offset, depth + 1, owner, out)
      return
    case 'array': {
      let count = 1
      let element: BtfType = type
      for (let i = 0; i < MAX_DEPTH && element.kind === 'array'; i++) {
        count *= element.length
        element = skipModifiers(btf, element.type)
      }
      const size = element.kind === 'struct' ? element.size : 8
      const before = out.length
      for (let i = 0; i < count; i++) {
        collect(btf, element.id, offset + i * size, depth + 1, owner, out)
        if (out.length === before || out.length > MAX_FIELDS) return
      }
      return
    }
    case 'ptr': {
      const target = btf.type(type.type)
      if (target.kind !== 'type_tag' || !POINTER_TAG.test(target.name)) return
      const struct = skipModifiers(btf, target.type)
      // A type only declared says nothing of what may be kept: no field of the value counts then.
      if (struct.kind !== 'struct') throw btf.error('a kptr to no struct')
      const pointer = { tag: target.name, name: struct.name, typeId: struct.id }
      out.push({ kind: target.name, offset, size: 8, btf, pointer })
      return
    }
  }
}

/** The declaration tag `contains:TYPE:MEMBER` says what a list or tree holds. */
function rootOf(btf: Btf, kind: string, owner: Owner): GraphRoot | undefined {
  const node = NODES[kind]
  if (node === undefined) return undefined
  const prefix = 'contains:'
  const tag = declTags(btf).find(
    ({ target, component, name }) =>
      target === owner.typeId && component === owner.component && name.startsWith(prefix),
  )
  if (tag === undefined) return undefined
  const [typeName = '', member = ''] = tag.name.slice(prefix.length).split(':')
  const typeId = btf.findByName(typeName, 'struct')
  if (typeId === undefined) return undefined
  const struct = btf.type(typeId)
  if (struct.kind !== 'struct') return undefined
  const found = struct.members.find(({ name, type }) => name === member && btf.typeName(type) === node)
  return found === undefined ? undefined : { typeId, nodeOffset: found.bitOffset >> 3 }
}

export interface DeclTag {
  readonly name: string
  readonly target: number
  readonly component: number
}

const tagsOf = new WeakMap<Btf, readonly DeclTag[]>()

/** All declaration tags of a program's BTF. */
export function declTags(btf: Btf): readonly DeclTag[] {
  const known = tagsOf.get(btf)
  if (known !== undefined) return known
  const out: DeclTag[] = []
  for (let id = 1; id < btf.typeCount; id++) {
    if (btf.kindOf(id) !== 'decl_tag') continue
    const tag = btf.type(id)
    if (tag.kind === 'decl_tag') out.push({ name: tag.name, target: tag.type, component: tag.componentIdx })
  }
  tagsOf.set(btf, out)
  return out
}
