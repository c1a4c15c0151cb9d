import type { Btf } from '../btf.js'
import { essentialName } from '../name-index.js'
import { resolve, sizeOf } from '../resolve.js'
import type { BtfMember } from '../types.js'
import { fieldsAreCompatible, isEnum, typesAreCompatible } from './compat.js'
import { type Accessor, type AccessSpec, describeType, isFlexible, MAX_PATH, reloClass } from './spec.js'
import { typesMismatch } from './types-match.js'

/** The local access found in a candidate type, or why it is not there. */
export type SpecMatch = { readonly spec: AccessSpec } | { readonly why: string }

/** Looks for what `local` accesses in the type `id` of `target`. Throws FormatError on types no compiler makes. */
export function matchSpec(local: AccessSpec, target: Btf, id: number): SpecMatch {
  const empty = { btf: target, kind: local.kind, rootTypeId: id, accessors: [], raw: [], bitOffset: 0 }
  switch (reloClass(local.kind)) {
    case 'type': {
      const from = { btf: local.btf, id: local.rootTypeId }
      if (local.kind === 'type_matches') {
        const why = typesMismatch(from, { btf: target, id })
        return why === undefined ? { spec: empty } : { why }
      }
      return typesAreCompatible(from, { btf: target, id }) ? { spec: empty } : { why: 'it is a different kind of type' }
    }
    case 'enumval':
      return matchEnumerator(local, empty)
    case 'field':
      return matchField(local, empty)
  }
}

function matchEnumerator(local: AccessSpec, empty: AccessSpec): SpecMatch {
  const type = resolve(empty.btf, empty.rootTypeId)
  if (!isEnum(type)) return { why: `it is ${describeType(empty.btf, type.id)}, not an enum` }
  const wanted = essentialName(local.accessors[0]!.name!)
  const index = type.values.findIndex((value) => essentialName(value.name) === wanted)
  if (index < 0) return { why: `it has no enumerator ${wanted}` }
  return { spec: { ...empty, accessors: [{ typeId: type.id, index, name: type.values[index]!.name }], raw: [index] } }
}

/** Follows the local accessors through the target's layout. */
function matchField(local: AccessSpec, empty: AccessSpec): SpecMatch {
  const { btf } = empty
  const accessors: Accessor[] = []
  const raw: number[] = []
  let bitOffset = 0
  let type = resolve(btf, empty.rootTypeId)
  for (const [i, step] of local.accessors.entries()) {
    if (step.name !== undefined) {
      const owner = local.btf.type(step.typeId)
      const member = owner.kind === 'struct' || owner.kind === 'union' ? owner.members[step.index] : undefined
      if (member === undefined) throw local.btf.error(`[${step.typeId}] has no member ${step.index}`)
      const found = findMember({ btf: local.btf, member }, btf, type.id, raw.length)
      if ('why' in found) return found
      raw.push(...found.raw)
      bitOffset += found.bitOffset
      accessors.push({ typeId: found.owner, index: found.raw.at(-1)!, name: step.name })
      type = resolve(btf, found.member.type)
      continue
    }
    // The first index counts whole roots; later ones select an element of an array.
    if (i > 0) {
      if (type.kind !== 'array') return { why: `${describeType(btf, type.id)} is not an array` }
      if (step.index >= type.length && !isFlexible(btf, accessors.at(-1)!, type)) {
        return { why: `its array has ${type.length} elements, index ${step.index} is outside` }
      }
      type = resolve(btf, type.type)
    }
    raw.push(step.index)
    if (raw.length > MAX_PATH) throw btf.error(`CO-RE access is more than ${MAX_PATH} deep`)
    accessors.push({ typeId: type.id, index: step.index })
    bitOffset += step.index * sizeOf(btf, type.id) * 8
  }
  return { spec: { ...empty, accessors, raw, bitOffset } }
}

interface FoundMember {
  readonly owner: number
  readonly member: BtfMember
  readonly raw: number[]
  readonly bitOffset: number
}

/** Finds a member by name in a struct or in the anonymous structs and unions inside it, in order of declaration. */
function findMember(
  local: { btf: Btf; member: BtfMember },
  btf: Btf,
  id: number,
  used: number,
): FoundMember | { readonly why: string } {
  // Anonymous types without the member are not searched again, however often they occur.
  const without = new Set<number>()
  const path: number[] = []
  const search = (typeId: number, bitOffset: number): FoundMember | { why: string } | undefined => {
    const type = resolve(btf, typeId)
    if ((type.kind !== 'struct' && type.kind !== 'union') || without.has(type.id)) return undefined
    if (used + path.length >= MAX_PATH) throw btf.error(`CO-RE access is more than ${MAX_PATH} deep`)
    for (const [i, member] of type.members.entries()) {
      path.push(i)
      if (member.name === '') {
        const found = search(member.type, bitOffset + member.bitOffset)
        if (found !== undefined) return found
      } else if (member.name === local.member.name) {
        if (!fieldsAreCompatible({ btf: local.btf, id: local.member.type }, { btf, id: member.type })) {
          const types = `${describeType(btf, member.type)} there, ${describeType(local.btf, local.member.type)} here`
          return { why: `its field '${member.name}' has an incompatible type (${types})` }
        }
        return { owner: type.id, member, raw: [...path], bitOffset: bitOffset + member.bitOffset }
      }
      path.pop()
    }
    without.add(type.id)
    return undefined
  }
  const found = search(id, 0)
  if (found !== undefined) return found
  return { why: `${describeType(btf, id)} has no field '${local.member.name}'` }
}
