import { type Btf, encodeBtf, fixDatasecs, type NewBtfType, parseBtf } from '#src/btf/index.js'
import { btfBytes } from './objects.js'

/** A fixture's BTF as it would be loaded: every datasec completed, variables one after the other. */
export function loadable(file: string): Uint8Array {
  const btf = parseBtf(btfBytes(file))
  return fixDatasecs(btf, (name) => {
    const section = btf.type(btf.findByName(name, 'datasec')!)
    if (section.kind !== 'datasec') return undefined
    const offsets = new Map<string, number>()
    let size = 0
    for (const entry of section.vars) {
      offsets.set(btf.typeName(entry.type), size)
      size += entry.size
    }
    return { size, offsetOf: (variable) => offsets.get(variable) }
  })
}

/** Blobs made by hand for rules that random changes rarely meet. */
export function handMade(): Record<string, Uint8Array> {
  const int = {
    kind: 'int',
    name: 'int',
    size: 4,
    bits: 32,
    bitOffset: 0,
    signed: true,
    char: false,
    bool: false,
  } as const
  const member = (name: string, type: number, bitOffset = 0, bitSize = 0) => ({ name, type, bitOffset, bitSize })
  const pointer = (type: number) => ({ kind: 'ptr', name: '', type }) as const
  const composite = (size: number, members: ReturnType<typeof member>[], kindFlag = false): NewBtfType => ({
    kind: 'struct',
    name: 's',
    size,
    kindFlag,
    members,
  })
  const chain = Array.from({ length: 40 }, (_, i): NewBtfType => ({ kind: 'const', name: '', type: i + 2 }))
  const types: Record<string, NewBtfType[]> = {
    'a chain too deep': [...chain, int],
    'a pointer to itself': [pointer(1)],
    'a typedef of itself': [{ kind: 'typedef', name: 't', type: 1 }],
    'a struct in itself': [composite(4, [member('m', 1)])],
    'an array of itself': [int, { kind: 'array', name: '', type: 2, indexType: 1, length: 2 }],
    'a pointer to its struct': [composite(8, [member('m', 2)]), pointer(1)],
    'pointers and modifiers in a ring': [
      composite(8, [member('m', 2)]),
      { kind: 'const', name: '', type: 3 },
      pointer(4),
      { kind: 'volatile', name: '', type: 3 },
    ],
    'a tag behind a qualifier': [
      int,
      { kind: 'type_tag', name: 'user', type: 1, attribute: false },
      { kind: 'const', name: '', type: 2 },
      { kind: 'type_tag', name: 'rcu', type: 3, attribute: false },
      { kind: 'typedef', name: 'fine', type: 3 },
    ],
    'tags first': [
      int,
      { kind: 'const', name: '', type: 1 },
      { kind: 'type_tag', name: 'user', type: 2, attribute: false },
      pointer(3),
    ],
    'an attribute tag': [int, { kind: 'type_tag', name: 'address_space(1)', type: 1, attribute: true }, pointer(2)],
    'an array of 4 GiB': [int, { kind: 'array', name: '', type: 1, indexType: 1, length: 0x4000_0000 }],
    'a float out of line': [{ kind: 'float', name: 'double', size: 8 }, composite(16, [member('m', 1, 32)])],
    'a wide bitfield': [int, composite(8, [member('m', 1, 0, 33)], true)],
    'a bitfield of a pointer': [pointer(0), composite(8, [member('m', 1, 0, 3)], true)],
    'a bitfield of an enum': [
      { kind: 'enum', name: 'e', size: 4, signed: false, values: [{ name: 'A', value: 1 }] },
      composite(1, [member('m', 1, 0, 3)], true),
    ],
    'a function of functions': [
      int,
      { kind: 'func_proto', name: '', type: 1, params: [{ name: 'a', type: 1 }] },
      { kind: 'func', name: 'f', type: 2, linkage: 'global' },
      { kind: 'func_proto', name: '', type: 3, params: [] },
    ],
    'a parameter without name': [
      int,
      { kind: 'func_proto', name: '', type: 0, params: [{ name: '', type: 1 }] },
      { kind: 'func', name: 'f', type: 2, linkage: 'static' },
    ],
    'a named vararg': [int, { kind: 'func_proto', name: '', type: 0, params: [{ name: 'x', type: 0 }] }],
    'a tag on a missing parameter': [
      int,
      { kind: 'func_proto', name: '', type: 0, params: [{ name: 'x', type: 1 }] },
      { kind: 'func', name: 'f', type: 2, linkage: 'static' },
      { kind: 'decl_tag', name: 'tag', type: 3, componentIdx: 1, attribute: false },
    ],
    'a tag on a member of an int': [
      int,
      { kind: 'decl_tag', name: 'tag', type: 1, componentIdx: -1, attribute: false },
    ],
    'a variable of void': [
      { kind: 'const', name: '', type: 0 },
      { kind: 'var', name: 'v', type: 1, linkage: 'global' },
    ],
    'enumerators of every width': [
      { kind: 'enum', name: 'e', size: 4, signed: true, values: [{ name: 'A', value: -5 }] },
      { kind: 'enum', name: 'f', size: 4, signed: false, values: [{ name: 'B', value: 0xffff_fff0 }] },
      { kind: 'enum64', name: 'g', size: 8, signed: true, values: [{ name: 'C', value: -(2n ** 62n) }] },
      { kind: 'enum64', name: 'h', size: 8, signed: false, values: [{ name: 'D', value: 2n ** 64n - 1n }] },
    ],
    'a name with a dot': [
      { ...int, name: 'plain' },
      { kind: 'var', name: '.x.1', type: 1, linkage: 'static' },
    ],
    'a name with a space': [int, { kind: 'var', name: 'x y', type: 1, linkage: 'static' }],
    'a long name': [int, { kind: 'var', name: 'x'.repeat(511), type: 1, linkage: 'static' }],
    'a name too long': [int, { kind: 'var', name: 'x'.repeat(513), type: 1, linkage: 'static' }],
  }
  const blobs: Record<string, Uint8Array> = {}
  for (const [name, list] of Object.entries(types)) blobs[name] = encodeBtf(list)
  return blobs
}

/** Reproducible numbers below `limit`. */
export function generator(seed: number): (limit: number) => number {
  let state = seed >>> 0
  return (limit) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

/** A copy with up to three changes where they are likely to matter: in the header, in a word of a type, in a name. */
export function mutate(bytes: Uint8Array, btf: Btf, random: (limit: number) => number): Uint8Array {
  const copy = bytes.slice()
  const view = new DataView(copy.buffer)
  for (let left = 1 + random(3); left > 0; left--) {
    const where = random(10)
    const id = 1 + random(btf.typeCount - 1)
    const at = btf.offsetOf(id)
    if (where < 1) copy[random(28)]! ^= 1 << random(8)
    else if (where < 8) {
      const end = id + 1 < btf.typeCount ? btf.offsetOf(id + 1) : btf.layout.typeEnd
      const word = at + 4 * random((end - at) / 4)
      const old = view.getUint32(word, true)
      const values = [random(btf.typeCount), old ^ (1 << random(32)), random(64), 0, old + random(5) - 2]
      view.setUint32(word, values[random(values.length)]!, true)
    } else if (where < 9) copy[at + 7] = random(32) | (random(4) === 0 ? 0x80 : 0)
    else copy[btf.layout.stringStart + random(btf.layout.stringEnd - btf.layout.stringStart)] = random(256)
  }
  return random(40) === 0 ? copy.subarray(0, random(copy.length)) : copy
}

export const MUTATED = ['kinds.o', 'values.o', 'layouts.o', 'core-target.o'] as const

/** The mutated blobs of one seed, the same on every machine. */
export function mutations(seed: number, count: number): Uint8Array[] {
  const random = generator(seed)
  const sources = MUTATED.map((file) => {
    const bytes = loadable(file)
    return { bytes, btf: parseBtf(bytes) }
  })
  return Array.from({ length: count }, () => {
    const { bytes, btf } = sources[random(sources.length)]!
    return mutate(bytes, btf, random)
  })
}
