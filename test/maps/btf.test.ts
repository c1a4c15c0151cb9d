// Maps with BTF: which key and value types each map type takes, kernel-owned fields in values, what system calls show of them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeBtf, type NewBtfType } from '#src/btf/index.js'
import { embedded } from '#src/embedded/index.js'
import type { Fd, Kernel } from '#src/kernel/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { outcome } from '../support/map-kernel.js'
import { Random } from '../support/random.js'

/** Types by name; members name their types. */
class Types {
  readonly list: NewBtfType[] = []
  readonly #ids = new Map<string, number>()

  add(type: NewBtfType, name = type.name): number {
    this.list.push(type)
    this.#ids.set(name, this.list.length)
    return this.list.length
  }

  id(name: string): number {
    const id = this.#ids.get(name)
    if (id === undefined) throw new Error(`no type ${name}`)
    return id
  }

  int(name: string, size: number, bits = size * 8): void {
    this.add({ kind: 'int', name, size, bits, bitOffset: 0, signed: false, char: false, bool: false })
  }

  struct(name: string, size: number, members: readonly (readonly [string, string, number])[]): number {
    return this.add({
      kind: 'struct',
      name,
      size,
      kindFlag: false,
      members: members.map(([member, type, offset]) => ({
        name: member,
        type: this.id(type),
        bitOffset: offset * 8,
        bitSize: 0,
      })),
    })
  }

  array(name: string, of: string, length: number): void {
    this.add({ kind: 'array', name: '', type: this.id(of), indexType: this.id('u32'), length }, name)
  }
}

function baseTypes(): Types {
  const types = new Types()
  types.int('u32', 4)
  types.int('u64', 8)
  types.int('u31', 4, 31)
  types.struct('bpf_spin_lock', 4, [['val', 'u32', 0]])
  types.struct('bpf_timer', 16, [
    ['a', 'u64', 0],
    ['b', 'u64', 8],
  ])
  types.struct('bpf_wq', 16, [
    ['a', 'u64', 0],
    ['b', 'u64', 8],
  ])
  types.struct('bpf_res_spin_lock', 4, [['val', 'u32', 0]])
  types.struct('plain', 8, [
    ['a', 'u32', 0],
    ['b', 'u32', 4],
  ])
  types.struct('nested_lock', 8, [
    ['l', 'bpf_spin_lock', 0],
    ['b', 'u32', 4],
  ])
  types.struct('nested_timer', 24, [
    ['a', 'u64', 0],
    ['t', 'bpf_timer', 8],
  ])
  types.struct('cgroup_key', 16, [
    ['id', 'u64', 0],
    ['type', 'u32', 8],
  ])
  types.struct('trie_key', 8, [
    ['prefixlen', 'u32', 0],
    ['data', 'u32', 4],
  ])
  types.array('u32[4]', 'u32', 4)
  types.array('plain[2]', 'plain', 2)
  types.array('bpf_timer[1]', 'bpf_timer', 1)
  types.array('bpf_timer[2]', 'bpf_timer', 2)
  types.add({ kind: 'typedef', name: 'id_t', type: types.id('u32') })
  types.add({ kind: 'const', name: '', type: types.id('id_t') }, 'const id_t')
  types.add({ kind: 'enum', name: 'colour', size: 4, signed: false, values: [{ name: 'RED', value: 0 }] })
  types.add({ kind: 'var', name: 'counter', type: types.id('u32'), linkage: 'global' })
  types.add({ kind: 'datasec', name: '.bss', size: 4, vars: [{ type: types.id('counter'), offset: 0, size: 4 }] })
  types.add({
    kind: 'union',
    name: 'either',
    size: 4,
    kindFlag: false,
    members: [{ name: 'a', type: types.id('u32'), bitOffset: 0, bitSize: 0 }],
  })
  return types
}

const SIZES: Readonly<Record<string, number>> = {
  u32: 4,
  u64: 8,
  bpf_spin_lock: 4,
  bpf_timer: 16,
  bpf_wq: 16,
  bpf_res_spin_lock: 4,
  plain: 8,
  nested_lock: 8,
  nested_timer: 24,
  'u32[4]': 16,
  'plain[2]': 16,
  'bpf_timer[1]': 16,
}

/** The kernel-owned field in a type. A value gets one of each: more make Linux warn in its log. */
const OWNED: Readonly<Record<string, string>> = {
  bpf_spin_lock: 'lock',
  bpf_res_spin_lock: 'lock',
  nested_lock: 'lock',
  bpf_timer: 'timer',
  nested_timer: 'timer',
  'bpf_timer[1]': 'timer',
  bpf_wq: 'wq',
}

/** A struct of random members, some of them the kernel's. */
function randomValue(types: Types, random: Random, name: string): { id: number; size: number } {
  const members: [string, string, number][] = []
  const owned = new Set<string>()
  let offset = 0
  for (let i = 1 + random.below(4); i > 0; i--) {
    const type = random.pick(Object.keys(SIZES))
    const kind = OWNED[type]
    if (kind !== undefined && owned.has(kind)) continue
    if (kind !== undefined) owned.add(kind)
    const size = SIZES[type] as number
    const align = size % 8 === 0 ? 8 : 4
    offset = Math.ceil(offset / align) * align
    // Now and then a member lies where its type's alignment does not want it.
    if (random.once(12)) offset += 4
    members.push([`m${i}`, type, offset])
    offset += size
  }
  const size = Math.ceil(offset / 8) * 8
  return { id: types.struct(name, size, members), size }
}

const SHAPES = [
  ...[1, 2, 5, 6, 9, 10].map((mapType) => ({ mapType, keySize: 4, maxEntries: 4, mapFlags: 0 })),
  { mapType: 11, keySize: 8, maxEntries: 4, mapFlags: 1 },
  { mapType: 19, keySize: 16, maxEntries: 0, mapFlags: 0 },
  { mapType: 21, keySize: 8, maxEntries: 0, mapFlags: 0 },
  ...[22, 23, 30].map((mapType) => ({ mapType, keySize: 0, maxEntries: 4, mapFlags: 0 })),
  ...[24, 28, 29, 32].map((mapType) => ({ mapType, keySize: 4, maxEntries: 0, mapFlags: 1 })),
  ...[3, 4, 7, 8, 14, 15, 16, 17, 18, 20, 25].map((mapType) => ({ mapType, keySize: 4, maxEntries: 4, mapFlags: 0 })),
]

function load(kernel: Kernel, types: Types): Fd | string {
  const loaded = outcome(() => kernel.call('btf_load', { btf: encodeBtf(types.list) }))
  return typeof loaded === 'string' ? loaded : loaded.fd
}

test('which types a map takes for keys and values', { skip: linuxUnavailable() }, () => {
  using linux = openLinux()
  using ours = embedded({ cpus: linux.possibleCpus })
  const types = baseTypes()
  const fds = [load(linux, types), load(ours, types)]
  assert.equal(typeof fds[0], 'number')
  assert.equal(typeof fds[1], 'number')
  const keys = [0, ...types.list.keys(), types.list.length, types.list.length + 5]
  const random = new Random(0x5eed)
  const differences: string[] = []
  let accepted = 0
  for (const shape of SHAPES) {
    for (const key of keys) {
      for (const [value, valueSize] of [
        ['u32', 4],
        ['u64', 8],
        ['plain', 8],
        ['.bss', 4],
        ['nested_lock', 8],
        ['nested_timer', 24],
        ['either', 4],
        ['u32[4]', 16],
      ] as const) {
        // A look at every pair takes half a minute.
        if (!random.once(6)) continue
        const request = { ...shape, valueSize, btfKeyTypeId: key, btfValueTypeId: types.id(value) }
        const [expected, actual] = [linux, ours].map((kernel, i) => {
          const fd = outcome(() => kernel.call('map_create', { ...request, btfFd: fds[i] as Fd }))
          if (typeof fd === 'string') return fd
          kernel.call('close', { fd })
          return 'ok'
        })
        if (expected === 'ok') accepted++
        if (actual !== expected)
          differences.push(`type ${shape.mapType}, key ${key}, value ${value}: ${expected}, ours ${actual}`)
      }
    }
  }
  assert.deepEqual(differences.slice(0, 20), [], `${differences.length} differ`)
  assert.ok(accepted > 30, `${accepted} accepted`)
})

test('values with kernel-owned fields: creation, look-ups, locked updates, freezing', {
  skip: linuxUnavailable(),
}, () => {
  const seed = 0xb7f
  const random = new Random(seed)
  let accepted = 0
  let locked = 0
  for (let round = 0; round < 40; round++) {
    using linux = openLinux()
    using ours = embedded({ cpus: linux.possibleCpus })
    const types = baseTypes()
    const values = Array.from({ length: 6 }, (_, i) => randomValue(types, random, `value_${i}`))
    const fds = [load(linux, types), load(ours, types)]
    // Linux refuses some of these structs when the BTF is loaded; then there is no map to make.
    if (typeof fds[0] === 'string' || typeof fds[1] === 'string') continue
    for (const { id, size } of values) {
      for (const mapType of [1, 2, 5, 6, 9, 10]) {
        const mapFlags = mapType === 2 || mapType === 6 ? 0 : random.pick([64, 64, mapType < 9 ? 65 : 64])
        const data = random.bytes(mapType === 5 || mapType === 6 || mapType === 10 ? size * linux.possibleCpus : size)
        const [expected, actual] = [linux, ours].map((kernel, i) =>
          outcome(() => {
            const mapFd = kernel.call('map_create', {
              mapType,
              keySize: 4,
              valueSize: size,
              maxEntries: 3,
              mapFlags,
              btfFd: fds[i] as Fd,
              btfKeyTypeId: types.id('u32'),
              btfValueTypeId: id,
            })
            const key = new Uint8Array(4)
            const calls = [0n, 4n, 5n, 6n, 1n].flatMap((flags) => [
              outcome(() => kernel.call('map_update_elem', { mapFd, key, value: data, flags })),
              outcome(() => kernel.call('map_lookup_elem', { mapFd, key, flags: flags & 4n })),
            ])
            return [
              ...calls,
              outcome(() => kernel.call('map_lookup_batch', { mapFd, count: 3, elemFlags: 4n }).values),
              outcome(() => kernel.call('map_freeze', { mapFd })),
            ]
          }),
        )
        assert.deepEqual(
          actual,
          expected,
          `seed ${seed}, round ${round}: type ${mapType}, ${JSON.stringify(types.list[id - 1])}`,
        )
        if (Array.isArray(expected)) {
          accepted++
          if (expected[2] === undefined) locked++
        }
      }
    }
  }
  assert.ok(accepted > 100 && locked > 5, `${accepted} accepted, ${locked} with locks`)
})
