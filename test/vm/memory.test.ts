import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Memory, OutOfMemoryError } from '#src/vm/index.js'

test('allocations are zeroed, aligned and disjoint, and survive growth', () => {
  const memory = new Memory({ initialPages: 2 })
  const live = new Map<number, number>()
  let state = 12345
  const random = (): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0)
  for (let round = 0; round < 4000; round++) {
    if (live.size > 200 && random() % 2 === 0) {
      const [addr, size] = [...live][random() % live.size] as [number, number]
      const tag = addr & 0xff
      assert.ok(memory.bytes(addr, size).every((byte) => byte === tag))
      memory.free(addr)
      live.delete(addr)
      continue
    }
    const size = random() % 10 === 0 ? random() % 300_000 : random() % 2000
    const addr = memory.alloc(size)
    assert.equal(addr % 16, 0)
    assert.ok(addr >= 65536)
    assert.ok(memory.bytes(addr, size).every((byte) => byte === 0))
    memory.bytes(addr, size).fill(addr & 0xff)
    live.set(addr, size)
  }
})

test('a full address space is an error of its own', () => {
  const memory = new Memory({ initialPages: 1, maxPages: 8 })
  assert.throws(() => memory.alloc(10 * 65536), OutOfMemoryError)
  assert.ok(memory.alloc(65536) > 0)
})
