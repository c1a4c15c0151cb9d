import { essentialName } from '../name-index.js'
import { MAX_RESOLVE_DEPTH, resolve } from '../resolve.js'
import type { BtfComposite } from '../types.js'
import { isEnum, type TypeRef } from './compat.js'

/**
 * bpf_core_type_matches(): every member, enumerator and parameter that `local` mentions is in `target` under the same
 * name with a matching type. Structs behind a pointer only have to agree in kind. Returns undefined when they match and
 * the first difference, in words, when they do not.
 */
export function typesMismatch(local: TypeRef, target: TypeRef): string | undefined {
  const known = new Map<string, string | undefined>()
  const compare = (a: number, b: number, behindPointer: boolean, level: number): string | undefined => {
    const key = `${a} ${b} ${behindPointer}`
    if (known.has(key)) return known.get(key)
    const result = mismatch(a, b, behindPointer, level)
    known.set(key, result)
    return result
  }

  const mismatch = (localId: number, targetId: number, behindPointer: boolean, level: number): string | undefined => {
    if (level <= 0) throw target.btf.error(`type [${target.id}] is nested more than ${MAX_RESOLVE_DEPTH} deep`)
    const a = resolve(local.btf, localId)
    const b = resolve(target.btf, targetId)
    if (essentialName(a.name) !== essentialName(b.name)) return `'${a.name}' is not '${b.name}'`
    const kinds = `${a.kind} '${a.name}' is ${b.kind} in the target`
    switch (a.kind) {
      case 'void':
        return b.kind === 'void' ? undefined : kinds
      case 'fwd':
        if (b.kind === 'fwd') return a.union === b.union ? undefined : kinds
        return b.kind === (a.union ? 'union' : 'struct') ? undefined : kinds
      case 'enum':
      case 'enum64': {
        if (!isEnum(b)) return kinds
        if (a.size !== b.size) return `enum '${a.name}' has ${b.size} bytes, not ${a.size}`
        const names = new Set(b.values.map((value) => essentialName(value.name)))
        const missing = a.values.find((value) => !names.has(essentialName(value.name)))
        if (missing !== undefined) return `enum '${a.name}' has no ${missing.name}`
        return a.values.length > b.values.length ? `enum '${a.name}' has fewer values` : undefined
      }
      case 'struct':
      case 'union':
        if (behindPointer) {
          if (a.kind === b.kind) return undefined
          return b.kind === 'fwd' && b.union === (a.kind === 'union') ? undefined : kinds
        }
        return b.kind === a.kind ? membersMismatch(a, b as BtfComposite, level) : kinds
      case 'int':
        if (b.kind !== 'int') return kinds
        return a.size === b.size && a.signed === b.signed ? undefined : `'${a.name}' has another size or sign`
      case 'ptr':
        return b.kind === 'ptr' ? compare(a.type, b.type, true, level - 1) : kinds
      case 'array':
        if (b.kind !== 'array') return kinds
        if (a.length !== b.length) return `an array has ${b.length} elements, not ${a.length}`
        return compare(a.type, b.type, behindPointer, level - 1)
      case 'func_proto': {
        if (b.kind !== 'func_proto') return kinds
        if (a.params.length !== b.params.length)
          return `a function has ${b.params.length} parameters, not ${a.params.length}`
        for (const [i, param] of a.params.entries()) {
          const wrong = compare(param.type, b.params[i]!.type, behindPointer, level - 1)
          if (wrong !== undefined) return wrong
        }
        return compare(a.type, b.type, behindPointer, level - 1)
      }
      default:
        return `${a.kind} cannot be matched`
    }
  }

  const membersMismatch = (a: BtfComposite, b: BtfComposite, level: number): string | undefined => {
    if (a.members.length > b.members.length) return `${b.kind} '${b.name}' has fewer members`
    const byName = new Map<string, number[]>()
    for (const member of b.members) {
      const name = essentialName(member.name)
      const same = byName.get(name)
      if (same === undefined) byName.set(name, [member.type])
      else same.push(member.type)
    }
    for (const member of a.members) {
      const there = byName.get(essentialName(member.name))
      if (there === undefined) return `${b.kind} '${b.name}' has no member '${member.name}'`
      let wrong: string | undefined
      if (!there.some((id) => (wrong = compare(member.type, id, false, level - 1)) === undefined)) {
        return `member '${member.name}': ${wrong}`
      }
    }
    return undefined
  }

  return compare(local.id, target.id, false, MAX_RESOLVE_DEPTH)
}
