// Walking kernel structs by their BTF: what lies at an offset, and whether a load of some size may take it.

import { type Btf, type BtfComposite, type BtfMember, sizeOf, skipModifiers } from '../../btf/index.js'
import type { Env } from '../env.js'
import { PERCPU, RCU, UNTRUSTED, USER } from '../state/reg.js'

/** What a load finds. */
export type Walked =
  | { readonly kind: 'scalar' }
  /** A pointer to the struct `id`; `flags` from its type tag and from unions on the way. */
  | { readonly kind: 'pointer'; readonly id: number; readonly flags: number; readonly field: string }
  /** A pointer to something else than a struct. */
  | { readonly kind: 'memory' }

const ANONYMOUS = '(anon)'

/** A type's name as Linux's log gives it. */
export const nameOf = (type: { readonly name: string }): string => (type.name === '' ? ANONYMOUS : type.name)

const SCALAR: Walked = { kind: 'scalar' }

/** Behind typedefs and qualifiers, with the id. */
export function plainType(btf: Btf, id: number): { readonly id: number; readonly type: ReturnType<Btf['type']> } {
  let at = id
  for (let depth = 0; depth < 64; depth++) {
    const type = btf.type(at)
    switch (type.kind) {
      case 'typedef':
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
        at = type.type
        break
      default:
        return { id: at, type }
    }
  }
  throw btf.error(`type [${id}] is a chain of too many aliases`)
}

const isComposite = (type: ReturnType<Btf['type']>): type is BtfComposite =>
  type.kind === 'struct' || type.kind === 'union'

/** The type tag on what a pointer points to, as a flag of the register. */
export function tagFlag(btf: Btf, target: number): number {
  const type = btf.type(target)
  if (type.kind !== 'type_tag' || type.attribute) return 0
  switch (type.name) {
    case 'user':
      return USER
    case 'percpu':
      return PERCPU
    case 'rcu':
      return RCU
    default:
      return 0
  }
}

interface Place {
  readonly struct: BtfComposite
  readonly off: number
  readonly flags: number
}

/** One level of the way: deeper into a nested struct, or the end. */
type Step = { readonly into: Place } | { readonly found: Walked }

/** Finds what a load of `size` bytes at `off` of struct `id` gives; refuses what does not fit a member. */
export function walkStruct(env: Env, btf: Btf, id: number, off: number, size: number): Walked {
  const { type } = plainType(btf, id)
  if (!isComposite(type)) return env.refuse(`Type '${nameOf(type)}' is not a struct`)
  let place: Place = { struct: type, off, flags: 0 }
  for (let depth = 0; depth < 64; depth++) {
    const step = descend(env, btf, place, size)
    if ('found' in step) return step.found
    place = step.into
  }
  throw btf.error(`type [${id}] is nested too deep`)
}

function descend(env: Env, btf: Btf, place: Place, size: number): Step {
  const { struct, off } = place
  // Which member of a union holds is not known; a union of one is a struct.
  const flags = place.flags | (struct.kind === 'union' && struct.members.length !== 1 ? UNTRUSTED : 0)
  if (off + size > struct.size) return beyond(env, btf, { struct, off, flags }, size)
  for (const member of struct.members) {
    const start = member.bitOffset >> 3
    if (off + size <= start) break
    if (member.bitSize !== 0) {
      if (off <= start && (member.bitOffset + member.bitSize + 7) >> 3 <= off + size) return { found: SCALAR }
      continue
    }
    if (off < start) break
    const bytes = sizeOf(btf, member.type)
    if (off >= start + bytes) continue
    return atMember(env, btf, { struct, off, flags }, size, member, start, bytes)
  }
  return env.refuse(`struct ${nameOf(struct)} doesn't have field at offset ${off}`)
}

/** Past the end there may be a flexible array. */
function beyond(env: Env, btf: Btf, { struct, off, flags }: Place, size: number): Step {
  const last = struct.members.at(-1)
  const array = last === undefined ? undefined : plainType(btf, last.type).type
  const start = (last?.bitOffset ?? 0) >> 3
  if (array?.kind === 'array' && array.length === 0 && off >= start) {
    const { type: element } = plainType(btf, array.type)
    if (element.kind === 'int') return { found: SCALAR }
    if (isComposite(element) && element.size > 0) {
      return { into: { struct: element, off: (off - start) % element.size, flags } }
    }
  }
  return env.refuse(`access beyond struct ${nameOf(struct)} at off ${off} size ${size}`, 'EACCES')
}

function atMember(
  env: Env,
  btf: Btf,
  { struct, off, flags }: Place,
  size: number,
  member: BtfMember,
  memberStart: number,
  bytes: number,
): Step {
  const end = memberStart + bytes
  let start = memberStart
  let width = bytes
  let { type } = plainType(btf, member.type)
  let count = 1
  while (type.kind === 'array') {
    count *= type.length
    type = plainType(btf, type.type).type
  }
  if (count > 1 || width !== bytes) {
    width = bytes / count
    start += Math.floor((off - start) / width) * width
  }
  if (isComposite(type)) return { into: { struct: type, off: off - start, flags } }
  if (type.kind === 'ptr') {
    if (width !== size || off !== start) {
      env.refuse(
        `cannot access ptr member ${member.name === '' ? ANONYMOUS : member.name} with moff ${start} in struct ${nameOf(struct)} with off ${off} size ${size}`,
        'EACCES',
      )
    }
    const target = plainType(btf, type.type)
    if (!isComposite(target.type)) return { found: { kind: 'memory' } }
    return {
      found: { kind: 'pointer', id: target.id, flags: flags | tagFlag(btf, type.type), field: member.name },
    }
  }
  if (off + size > end && (flags & UNTRUSTED) === 0) {
    env.refuse(
      `access beyond the end of member ${member.name === '' ? ANONYMOUS : member.name} (mend:${end}) in struct ${nameOf(struct)} with off ${off} size ${size}`,
      'EACCES',
    )
  }
  return { found: SCALAR }
}

/**
 * Whether the pointer `field` of struct `id` is on the kernel's list of those that keep their parent's trust: the lists
 * are structs of its BTF, named by a suffix (`task_struct__safe_rcu`).
 */
export function isListed(btf: Btf, id: number, field: string, target: number, suffix: string): boolean {
  const walked = btf.type(id)
  if (walked.kind !== 'struct' && walked.kind !== 'union') return false
  const list = btf.findByName(walked.name + suffix, walked.kind)
  const type = list === undefined ? undefined : btf.type(list)
  if (type?.kind !== 'struct' && type?.kind !== 'union') return false
  return type.members.some((member) => {
    if (member.name !== field) return false
    const pointer = skipModifiers(btf, member.type)
    return pointer.kind === 'ptr' && plainType(btf, pointer.type).id === target
  })
}
