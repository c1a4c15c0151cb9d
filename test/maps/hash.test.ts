import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeText } from '#src/base/index.js'
import { createMap, jenkinsHash, MAP_TYPE, type PerCpuMap, setSpecialFields, tailMaskOf } from '#src/maps/index.js'
import { type BpfMap, Machine, Memory, type SpecialField } from '#src/vm/index.js'
import { make, newMachine, place, u32 } from './support.js'

function hashOf(text: string, seed: number): number {
  const bytes = new Uint8Array(64)
  bytes.set(encodeText(text))
  return jenkinsHash(new Int32Array(bytes.buffer), 0, text.length, tailMaskOf(text.length), seed) >>> 0
}

test('lookup3 gives the values that its author published', () => {
  assert.equal(hashOf('', 0), 0xdeadbeef)
  assert.equal(hashOf('', 0xdeadbeef), 0xbd5b7dde)
  assert.equal(hashOf('Four score and seven years ago', 0), 0x17770551)
  assert.equal(hashOf('Four score and seven years ago', 1), 0xcd628161)
})

const KEYED = [MAP_TYPE.HASH, MAP_TYPE.PERCPU_HASH, MAP_TYPE.LRU_HASH, MAP_TYPE.LRU_PERCPU_HASH]

test('keys at any address are the same keys', () => {
  const property = fc.property(
    fc.constantFrom(...KEYED, MAP_TYPE.LPM_TRIE),
    fc.integer({ min: 5, max: 40 }),
    fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 3 }), fc.boolean()), {
      maxLength: 60,
    }),
    (type, keySize, steps) => {
      const machine = newMachine()
      const flags = type === MAP_TYPE.LPM_TRIE ? 1 : 0
      const map = make(machine, { type, keySize, valueSize: 4, maxEntries: 100, flags })
      const model = new Map<number, number>()
      for (const [n, shift, remove] of steps) {
        const bytes = new Uint8Array(keySize).fill(n, 4)
        if (type === MAP_TYPE.LPM_TRIE) bytes[0] = 8
        else bytes[0] = n * 7
        const key = place(machine, bytes, shift)
        if (remove) assert.equal(map.delete(key), model.delete(n) ? 0 : -2)
        else {
          const value = n * 1000 + shift
          assert.equal(map.update(key, place(machine, u32(value), (shift + 1) & 3), 0), 0)
          model.set(n, value)
        }
        for (const [m, value] of model) {
          const wanted = new Uint8Array(keySize).fill(m, 4)
          wanted[0] = type === MAP_TYPE.LPM_TRIE ? 8 : m * 7
          const at = map.lookup(place(machine, wanted, (shift + 3) & 3))
          assert.notEqual(at, 0)
          assert.equal(machine.memory.u32[at >>> 2], value)
        }
      }
    },
  )
  fc.assert(property, { numRuns: 40 })
})

test('a program that holds a value still sees it after an update or a deletion', () => {
  for (const flags of [0, 1]) {
    const machine = newMachine()
    const map = make(machine, { type: MAP_TYPE.HASH, keySize: 4, valueSize: 8, maxEntries: 4, flags })
    const key = place(machine, u32(1))
    map.update(key, place(machine, u32(111, 0)), 0)
    const held = map.lookup(key)
    map.update(key, place(machine, u32(222, 0)), 0)
    assert.equal(machine.memory.u32[held >>> 2], 111)
    const renewed = map.lookup(key)
    assert.notEqual(renewed, held)
    map.delete(key)
    assert.equal(machine.memory.u32[renewed >>> 2], 222)
  }
})

test('a callback may delete the element it visits, and others', () => {
  const machine = newMachine()
  const map = make(machine, { type: MAP_TYPE.HASH, keySize: 4, valueSize: 4, maxEntries: 200 })
  for (let i = 0; i < 200; i++) map.update(place(machine, u32(i)), place(machine, u32(i)), 0)
  const seen = new Set<number>()
  const visit = (key: number, value: number): number => {
    seen.add(machine.memory.u32[value >>> 2] as number)
    map.delete(key)
    return 0
  }
  assert.equal(map.forEach?.(visit), 200)
  assert.equal(seen.size, 200)
  assert.equal(map.nextKey(0, place(machine, u32(0))), -2)
})

test('per-CPU values: each CPU its own, zero for the others at first', () => {
  for (const type of [MAP_TYPE.PERCPU_HASH, MAP_TYPE.LRU_PERCPU_HASH, MAP_TYPE.PERCPU_ARRAY]) {
    const machine = newMachine(3)
    const map = make<PerCpuMap>(machine, { type, keySize: 4, valueSize: 4, maxEntries: 4 })
    const key = place(machine, u32(2))
    machine.cpu = 1
    assert.equal(map.update(key, place(machine, u32(77)), 0), 0)
    const read = (cpu: number): number | undefined => machine.memory.u32[map.lookupCpu(key, cpu) >>> 2]
    assert.deepEqual([0, 1, 2].map(read), [0, 77, 0])
    assert.equal(map.lookupCpu(key, 3), 0)
    machine.cpu = 2
    assert.equal(machine.memory.u32[map.lookup(key) >>> 2], 0)
  }
})

test('what special fields hold is released once for each value that goes', () => {
  const fields: readonly SpecialField[] = [{ kind: 'timer', offset: 8, size: 16 }]
  for (const [type, flags] of [
    [MAP_TYPE.HASH, 0],
    [MAP_TYPE.HASH, 1],
    [MAP_TYPE.LRU_HASH, 0],
    [MAP_TYPE.PERCPU_HASH, 0],
  ] as const) {
    const machine = newMachine(1)
    let armed = 0
    machine.releaseField = (field, at) => {
      assert.equal(field.kind, 'timer')
      if (machine.memory.u32[at >>> 2] === 7) armed--
      machine.memory.u8.fill(0, at, at + field.size)
    }
    const map = make(machine, { type, flags, keySize: 4, valueSize: 24, maxEntries: 8 })
    setSpecialFields(map, fields)
    const value = place(machine, new Uint8Array(24).fill(9))
    for (let i = 0; i < 8; i++) {
      const key = place(machine, u32(i))
      map.update(key, value, 0)
      const at = map.lookup(key)
      assert.deepEqual([...machine.memory.bytes(at + 8, 16)], new Array(16).fill(0), 'a copy leaves the field alone')
      machine.memory.u32[(at + 8) >>> 2] = 7
      armed++
    }
    map.delete(place(machine, u32(3)))
    assert.equal(armed, 7)
    // Per-CPU values are replaced in place, which leaves the field as it is.
    if (type === MAP_TYPE.HASH) {
      map.update(place(machine, u32(4)), value, 0)
      assert.equal(armed, 6)
    }
    map.free()
    assert.equal(armed, 0)
  }
})

test('a million elements', () => {
  const machine = newMachine()
  const count = 1_000_000
  const map = make(machine, { type: MAP_TYPE.HASH, keySize: 4, valueSize: 4, maxEntries: count })
  const room = machine.memory.alloc(8)
  const at = (i: number): number => {
    machine.memory.u32[room >>> 2] = Math.imul(i, 0x9e3779b1)
    machine.memory.u32[(room >>> 2) + 1] = i
    return room
  }
  for (let i = 0; i < count; i++) assert.equal(map.update(at(i), room + 4, 1), 0)
  assert.equal(map.update(at(count), room + 4, 0), -7)
  for (let i = 0; i < count; i += 97) assert.equal(machine.memory.u32[map.lookup(at(i)) >>> 2], i)
  for (let i = 0; i < count; i += 2) assert.equal(map.delete(at(i)), 0)
  const visit = (): number => 0
  assert.equal(map.forEach?.(visit), count / 2)
})

test('maps give their memory back', () => {
  const machine = newMachine()
  const shapes = [
    ...KEYED.map((type) => ({ type, keySize: 12, valueSize: 40, maxEntries: 3000 })),
    { type: MAP_TYPE.ARRAY, keySize: 4, valueSize: 100, maxEntries: 3000 },
    { type: MAP_TYPE.PERCPU_ARRAY, keySize: 4, valueSize: 100, maxEntries: 300 },
    { type: MAP_TYPE.LPM_TRIE, keySize: 12, valueSize: 40, maxEntries: 3000, flags: 1 },
    { type: MAP_TYPE.QUEUE, keySize: 0, valueSize: 40, maxEntries: 3000 },
    { type: MAP_TYPE.BLOOM_FILTER, keySize: 0, valueSize: 40, maxEntries: 3000 },
    { type: MAP_TYPE.RINGBUF, keySize: 0, valueSize: 0, maxEntries: 65536 },
    { type: MAP_TYPE.STACK_TRACE, keySize: 4, valueSize: 1016, maxEntries: 300 },
    { type: MAP_TYPE.DEVMAP_HASH, keySize: 4, valueSize: 4, maxEntries: 300 },
    { type: MAP_TYPE.CGROUP_STORAGE, keySize: 8, valueSize: 64, maxEntries: 0 },
    { type: MAP_TYPE.ARENA, keySize: 0, valueSize: 0, maxEntries: 20, flags: 1024 },
  ]
  const fill = (map: BpfMap): void => {
    if (map.keySize < 4) return
    const key = machine.memory.alloc(16)
    const value = machine.memory.alloc(128)
    for (let i = 0; i < 2000; i++) {
      machine.memory.u32[key >>> 2] = map.type === MAP_TYPE.LPM_TRIE ? i % 64 : i
      machine.memory.u32[(key >>> 2) + 1] = Math.imul(i, 77)
      map.update(key, value, 0)
    }
    machine.memory.free(key)
    machine.memory.free(value)
  }
  let size = 0
  for (let round = 0; round < 6; round++) {
    for (const shape of shapes) {
      const map = make(machine, shape)
      fill(map)
      map.free()
    }
    if (round === 2) size = machine.memory.size
  }
  assert.equal(machine.memory.size, size)
})

test('out of memory is -ENOMEM, at creation and later', () => {
  const machine = new Machine({ memory: new Memory({ maxPages: 500 }) })
  const attr = { type: MAP_TYPE.HASH, keySize: 4, valueSize: 1_000_000, maxEntries: 2000 }
  const map = make(machine, attr)
  const key = machine.memory.alloc(8)
  const value = machine.memory.alloc(1_000_000)
  let status = 0
  let held = 0
  for (; status === 0 && held < 2000; held++) {
    machine.memory.u32[key >>> 2] = held
    status = map.update(key, value, 0)
  }
  assert.equal(status, -12)
  assert.ok(held > 20)
  const array = { type: MAP_TYPE.ARRAY, keySize: 4, valueSize: 1_000_000, maxEntries: 2000, flags: 0 }
  assert.equal(createMap(machine, array), -12)
  map.free()
  assert.equal(typeof createMap(machine, { ...array, maxEntries: 20 }), 'object')
})
