// Fields of map values the kernel owns: locks, timers and the like may not be touched by loads and stores.

import { type Btf, skipModifiers } from '../../btf/index.js'
import type { MapDescription } from '../types.js'

export interface SpecialField {
  readonly kind: string
  readonly offset: number
  readonly size: number
}

const SPECIAL: ReadonlySet<string> = new Set([
  'bpf_spin_lock',
  'bpf_res_spin_lock',
  'bpf_timer',
  'bpf_wq',
  'bpf_task_work',
  'bpf_list_head',
  'bpf_list_node',
  'bpf_rb_root',
  'bpf_rb_node',
  'bpf_refcount',
])

const cache = new WeakMap<MapDescription, readonly SpecialField[]>()

/** All of a map's value, nested structs and small arrays included. */
export function specialFields(map: MapDescription): readonly SpecialField[] {
  const known = cache.get(map)
  if (known !== undefined) return known
  const out: SpecialField[] = []
  if (map.btf !== undefined && (map.btfValueTypeId ?? 0) !== 0) {
    try {
      collect(map.btf, map.btfValueTypeId ?? 0, 0, 0, out)
    } catch {
      // Odd BTF describes nothing special.
    }
  }
  cache.set(map, out)
  return out
}

const typeCache = new WeakMap<Btf, Map<number, readonly SpecialField[]>>()

/** Of an object of the program's own type. */
export function specialFieldsOf(btf: Btf, id: number): readonly SpecialField[] {
  let known = typeCache.get(btf)
  if (known === undefined) {
    known = new Map()
    typeCache.set(btf, known)
  }
  const fields = known.get(id)
  if (fields !== undefined) return fields
  const out: SpecialField[] = []
  try {
    collect(btf, id, 0, 0, out)
  } catch {
    // Odd BTF describes nothing special.
  }
  known.set(id, out)
  return out
}

function collect(btf: Btf, id: number, offset: number, depth: number, out: SpecialField[]): void {
  if (depth > 8 || out.length > 64) return
  const type = skipModifiers(btf, id)
  switch (type.kind) {
    case 'struct':
      if (SPECIAL.has(type.name)) {
        out.push({ kind: type.name, offset, size: type.size })
        return
      }
      for (const member of type.members) collect(btf, member.type, offset + (member.bitOffset >> 3), depth + 1, out)
      return
    case 'datasec':
      for (const variable of type.vars) collect(btf, variable.type, offset + variable.offset, depth + 1, out)
      return
    case 'var':
      collect(btf, type.type, offset, depth + 1, out)
      return
    case 'array': {
      const element = skipModifiers(btf, type.type)
      if (element.kind !== 'struct') {
        collect(btf, type.type, offset, depth + 1, out)
        return
      }
      for (let i = 0; i < Math.min(type.length, 16); i++) {
        collect(btf, type.type, offset + i * element.size, depth + 1, out)
      }
      return
    }
    case 'ptr': {
      const target = btf.type(type.type)
      if (target.kind === 'type_tag' && /^kptr|^percpu_kptr|^uptr/.test(target.name)) {
        out.push({ kind: target.name, offset, size: 8 })
      }
      return
    }
  }
}
