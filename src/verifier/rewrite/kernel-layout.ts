// Where members of kernel structures lie: by the kernel's BTF when there is one, else as recorded from Linux 6.18.

import { type Btf, resolve, sizeOf } from '../../btf/index.js'
import { kernelMembers } from '../../spec/index.js'

/** Offset and size in bytes of `struct.member`; members of unnamed structs and unions inside are found too. */
export type KernelLayout = (member: string) => readonly [off: number, size: number] | undefined

export function recordedLayout(): KernelLayout {
  const members: Readonly<Record<string, readonly [number, number]>> = kernelMembers
  return (member) => members[member]
}

export function layoutOf(kernelBtf: Btf | undefined): KernelLayout {
  const recorded = recordedLayout()
  if (kernelBtf === undefined) return recorded
  const known = new Map<string, readonly [number, number] | undefined>()
  return (member) => {
    if (!known.has(member)) known.set(member, findMember(kernelBtf, member) ?? recorded(member))
    return known.get(member)
  }
}

/** Looks `struct.member` (`struct.member.member`) up in BTF. */
export function findMember(btf: Btf, path: string): readonly [number, number] | undefined {
  const [struct = '', ...names] = path.split('.')
  const id = btf.findByName(struct, ['struct', 'union'])
  let at: Found | undefined = id === undefined ? undefined : { off: 0, type: id }
  for (const name of names) {
    const inner: Found | undefined = at === undefined ? undefined : memberIn(btf, at.type, name)
    at = inner === undefined ? undefined : { off: (at as Found).off + inner.off, type: inner.type }
  }
  return at === undefined ? undefined : [at.off, sizeOf(btf, at.type)]
}

interface Found {
  readonly off: number
  readonly type: number
}

function memberIn(btf: Btf, id: number, name: string): Found | undefined {
  const type = resolve(btf, id)
  if (type.kind !== 'struct' && type.kind !== 'union') return undefined
  for (const member of type.members) {
    const off = Math.floor(member.bitOffset / 8)
    if (member.name === name) return { off, type: member.type }
    if (member.name !== '') continue
    const inner = memberIn(btf, member.type, name)
    if (inner !== undefined) return { off: off + inner.off, type: inner.type }
  }
  return undefined
}
