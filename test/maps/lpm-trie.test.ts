import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MAP_TYPE } from '#src/maps/index.js'
import { Random } from '../support/random.js'
import { make, newMachine, place, u32 } from './support.js'

function prefixKey(prefix: number, data: Uint8Array): Uint8Array {
  return Uint8Array.from([...u32(prefix), ...data])
}

function covers(prefix: number, data: Uint8Array, other: Uint8Array): boolean {
  for (let bit = 0; bit < prefix; bit++) {
    const at = bit >> 3
    if ((((data[at] as number) ^ (other[at] as number)) & (0x80 >> (bit & 7))) !== 0) return false
  }
  return true
}

test('the longest matching prefix, against the definition', () => {
  const prefixes = fc.array(
    fc.record({ prefix: fc.integer({ min: 0, max: 24 }), data: fc.uint8Array({ minLength: 3, maxLength: 3 }) }),
    { maxLength: 40 },
  )
  const lookups = fc.array(
    fc.record({ prefix: fc.integer({ min: 0, max: 24 }), data: fc.uint8Array({ minLength: 3, maxLength: 3 }) }),
    { minLength: 1, maxLength: 20 },
  )
  fc.assert(
    fc.property(prefixes, lookups, (entries, wanted) => {
      const machine = newMachine()
      const map = make(machine, { type: MAP_TYPE.LPM_TRIE, keySize: 7, valueSize: 4, maxEntries: 100, flags: 1 })
      entries.forEach(({ prefix, data }, i) => {
        assert.equal(map.update(place(machine, prefixKey(prefix, data), i & 3), place(machine, u32(i)), 0), 0)
      })
      for (const { prefix, data } of [...wanted, ...entries]) {
        let best = -1
        entries.forEach((entry, i) => {
          if (entry.prefix > prefix || !covers(entry.prefix, entry.data, data)) return
          // Of entries for the same prefix, the later one replaced the earlier.
          if (best < 0 || entry.prefix >= (entries[best]?.prefix ?? 0)) best = i
        })
        const found = map.lookup(place(machine, prefixKey(prefix, data), prefix & 3))
        assert.equal(found === 0 ? -1 : machine.memory.u32[found >>> 2], best)
      }
    }),
    { numRuns: 200 },
  )
})

test('100,000 prefixes: in, found, walked, out', () => {
  const machine = newMachine()
  const count = 100_000
  const map = make(machine, { type: MAP_TYPE.LPM_TRIE, keySize: 8, valueSize: 4, maxEntries: count, flags: 1 })
  const random = new Random(99)
  const room = machine.memory.alloc(32)
  const keys = new Map<string, readonly [number, number]>()
  while (keys.size < count) {
    const prefix = 12 + random.below(21)
    const address = (random.u32() & (prefix === 32 ? -1 : ~(0xffff_ffff >>> prefix))) >>> 0
    keys.set(`${address}/${prefix}`, [address, prefix])
  }
  const put = (address: number, prefix: number): number => {
    machine.memory.view.setUint32(room, prefix, true)
    machine.memory.view.setUint32(room + 4, address, false)
    return room
  }
  for (const [address, prefix] of keys.values()) assert.equal(map.update(put(address, prefix), room, 1), 0)
  assert.equal(map.update(put(1, 32), room, 0), -28)
  let walked = 0
  let key = 0
  while (map.nextKey(key, room + 16) === 0) {
    machine.memory.u8.copyWithin(room, room + 16, room + 24)
    key = room
    walked++
  }
  assert.equal(walked, count)
  for (const [address, prefix] of keys.values()) assert.equal(map.delete(put(address, prefix)), 0)
  assert.equal(map.nextKey(0, room + 16), -2)
  map.free()
})
