import assert from 'node:assert/strict'
import type { Fd, Kernel, MapCreateRequest } from '#src/kernel/index.js'
import { bpf_map_create_flags as F, bpf_map_type as T } from '#src/spec/index.js'
import { type Cases, refused, u32, u64 } from './suite.js'

const [ANY, NOEXIST, EXIST] = [0n, 1n, 2n]

function create(kernel: Kernel, mapType: number, options: Partial<MapCreateRequest> = {}): Fd {
  return kernel.call('map_create', { mapType, keySize: 4, valueSize: 8, maxEntries: 4, ...options })
}

/** Types whose elements come and go by key. */
const KEYED: Readonly<Record<string, Partial<MapCreateRequest> & { readonly type: number; readonly lru?: boolean }>> = {
  hash: { type: T.BPF_MAP_TYPE_HASH },
  'hash without preallocation': { type: T.BPF_MAP_TYPE_HASH, mapFlags: F.BPF_F_NO_PREALLOC },
  lru_hash: { type: T.BPF_MAP_TYPE_LRU_HASH, lru: true },
  lpm_trie: { type: T.BPF_MAP_TYPE_LPM_TRIE, keySize: 8, mapFlags: F.BPF_F_NO_PREALLOC },
}

function keyOf(size: number, number: number): Uint8Array {
  return size === 8 ? u32(32, number) : u32(number)
}

function keyed(name: string): (kernel: Kernel) => void {
  return (kernel) => {
    const { type, lru, ...options } = KEYED[name] ?? { type: 0 }
    const mapFd = create(kernel, type, options)
    const key = keyOf(options.keySize ?? 4, 1)
    const other = keyOf(options.keySize ?? 4, 2)
    assert.throws(() => kernel.call('map_lookup_elem', { mapFd, key }), refused('ENOENT'))
    assert.throws(() => kernel.call('map_update_elem', { mapFd, key, value: u64(1n), flags: EXIST }), refused('ENOENT'))
    kernel.call('map_update_elem', { mapFd, key, value: u64(1n), flags: NOEXIST })
    assert.throws(
      () => kernel.call('map_update_elem', { mapFd, key, value: u64(2n), flags: NOEXIST }),
      refused('EEXIST'),
    )
    kernel.call('map_update_elem', { mapFd, key, value: u64(2n), flags: EXIST })
    assert.deepEqual(kernel.call('map_lookup_elem', { mapFd, key }), u64(2n))
    assert.throws(() => kernel.call('map_update_elem', { mapFd, key, value: u64(2n), flags: 64n }), refused('EINVAL'))
    assert.deepEqual(kernel.call('map_get_next_key', { mapFd }), key)
    assert.throws(() => kernel.call('map_get_next_key', { mapFd, key }), refused('ENOENT'))
    kernel.call('map_update_elem', { mapFd, key: other, value: u64(3n), flags: ANY })
    kernel.call('map_delete_elem', { mapFd, key })
    assert.throws(() => kernel.call('map_delete_elem', { mapFd, key }), refused('ENOENT'))
    assert.deepEqual(kernel.call('map_get_next_key', { mapFd }), other)
    for (let i = 10; i < 13; i++) {
      kernel.call('map_update_elem', { mapFd, key: keyOf(key.length, i), value: u64(BigInt(i)) })
    }
    const more = () => kernel.call('map_update_elem', { mapFd, key: keyOf(key.length, 20), value: u64(20n) })
    if (lru === true) more()
    else assert.throws(more, refused(type === T.BPF_MAP_TYPE_LPM_TRIE ? 'ENOSPC' : 'E2BIG'))
  }
}

export const mapCases: Cases = {
  ...Object.fromEntries(Object.keys(KEYED).map((name) => [`${name}: elements come, change and go`, keyed(name)])),

  'array: every element is there, none can be deleted'(kernel) {
    const mapFd = create(kernel, T.BPF_MAP_TYPE_ARRAY)
    assert.deepEqual(kernel.call('map_lookup_elem', { mapFd, key: u32(3) }), u64(0n))
    assert.throws(() => kernel.call('map_lookup_elem', { mapFd, key: u32(4) }), refused('ENOENT'))
    assert.throws(() => kernel.call('map_update_elem', { mapFd, key: u32(4), value: u64(1n) }), refused('E2BIG'))
    assert.throws(
      () => kernel.call('map_update_elem', { mapFd, key: u32(1), value: u64(1n), flags: NOEXIST }),
      refused('EEXIST'),
    )
    assert.throws(() => kernel.call('map_delete_elem', { mapFd, key: u32(1) }), refused('EINVAL'))
    assert.deepEqual(kernel.call('map_get_next_key', { mapFd }), u32(0))
    assert.deepEqual(kernel.call('map_get_next_key', { mapFd, key: u32(99) }), u32(0))
    assert.throws(() => kernel.call('map_get_next_key', { mapFd, key: u32(3) }), refused('ENOENT'))
  },

  'per-CPU maps: one value for each possible CPU, padded to eight bytes'(kernel) {
    for (const mapType of [T.BPF_MAP_TYPE_PERCPU_ARRAY, T.BPF_MAP_TYPE_PERCPU_HASH, T.BPF_MAP_TYPE_LRU_PERCPU_HASH]) {
      const mapFd = create(kernel, mapType, { valueSize: 4 })
      const value = new Uint8Array(8 * kernel.possibleCpus)
      for (let cpu = 0; cpu < kernel.possibleCpus; cpu++) value.set(u32(cpu + 1), cpu * 8)
      kernel.call('map_update_elem', { mapFd, key: u32(2), value })
      assert.deepEqual(kernel.call('map_lookup_elem', { mapFd, key: u32(2) }), value)
    }
  },

  'queues and stacks: push, peek, pop, full, empty'(kernel) {
    for (const [mapType, order] of [
      [T.BPF_MAP_TYPE_QUEUE, [1n, 2n]],
      [T.BPF_MAP_TYPE_STACK, [2n, 1n]],
    ] as const) {
      const mapFd = create(kernel, mapType, { keySize: 0, maxEntries: 2 })
      assert.throws(() => kernel.call('map_lookup_elem', { mapFd }), refused('ENOENT'))
      kernel.call('map_update_elem', { mapFd, value: u64(1n) })
      kernel.call('map_update_elem', { mapFd, value: u64(2n) })
      assert.throws(() => kernel.call('map_update_elem', { mapFd, value: u64(3n) }), refused('E2BIG'))
      assert.deepEqual(kernel.call('map_lookup_elem', { mapFd }), u64(order[0]))
      for (const value of order) assert.deepEqual(kernel.call('map_lookup_and_delete_elem', { mapFd }), u64(value))
      assert.throws(() => kernel.call('map_lookup_and_delete_elem', { mapFd }), refused('ENOENT'))
      assert.throws(() => kernel.call('map_get_next_key', { mapFd }), refused('EINVAL'))
    }
  },

  'bloom filters tell what is surely not there'(kernel) {
    const mapFd = create(kernel, T.BPF_MAP_TYPE_BLOOM_FILTER, { keySize: 0, maxEntries: 64 })
    kernel.call('map_update_elem', { mapFd, value: u64(5n) })
    kernel.call('map_lookup_elem', { mapFd, value: u64(5n) })
    const missing = Array.from({ length: 32 }, (_, i) => u64(1000n + BigInt(i))).filter((value) => {
      try {
        kernel.call('map_lookup_elem', { mapFd, value })
        return false
      } catch (error) {
        return refused('ENOENT')(error)
      }
    })
    assert.ok(missing.length > 16)
  },

  'maps of maps hold maps of one shape and tell their ids'(kernel) {
    const inner = create(kernel, T.BPF_MAP_TYPE_HASH)
    for (const mapType of [T.BPF_MAP_TYPE_ARRAY_OF_MAPS, T.BPF_MAP_TYPE_HASH_OF_MAPS]) {
      const mapFd = create(kernel, mapType, { valueSize: 4, innerMapFd: inner })
      kernel.call('map_update_elem', { mapFd, key: u32(1), value: u32(inner) })
      const info = kernel.call('obj_get_info_by_fd', { fd: inner })
      assert.deepEqual(kernel.call('map_lookup_elem', { mapFd, key: u32(1) }), u32(info.id))
      const wide = create(kernel, T.BPF_MAP_TYPE_HASH, { valueSize: 16 })
      assert.throws(() => kernel.call('map_update_elem', { mapFd, key: u32(1), value: u32(wide) }), refused('EINVAL'))
    }
    const noMap = { valueSize: 4, innerMapFd: 9999 as Fd }
    assert.throws(() => create(kernel, T.BPF_MAP_TYPE_ARRAY_OF_MAPS, noMap), refused('EBADF'))
  },

  'batches: fill, read in parts, read and delete'(kernel) {
    const mapFd = create(kernel, T.BPF_MAP_TYPE_HASH, { maxEntries: 64 })
    const numbers = Array.from({ length: 40 }, (_, i) => i)
    const keys = u32(...numbers)
    const values = u64(...numbers.map((n) => BigInt(n * n)))
    assert.equal(kernel.call('map_update_batch', { mapFd, keys, values, count: 40 }), 40)
    const seen = new Map<number, bigint>()
    let inBatch: Uint8Array | undefined
    for (let round = 0; round < 40; round++) {
      const part = kernel.call('map_lookup_batch', { mapFd, count: 16, ...(inBatch === undefined ? {} : { inBatch }) })
      const k = new Uint32Array(part.keys.slice().buffer)
      const v = new BigUint64Array(part.values.slice().buffer)
      for (let i = 0; i < part.count; i++) seen.set(k[i] ?? 0, v[i] ?? 0n)
      if (part.outBatch === undefined) break
      inBatch = part.outBatch
    }
    assert.equal(seen.size, 40)
    assert.ok([...seen].every(([key, value]) => value === BigInt(key * key)))
    assert.equal(kernel.call('map_delete_batch', { mapFd, keys: keys.subarray(0, 40), count: 10 }), 10)
    const taken = kernel.call('map_lookup_and_delete_batch', { mapFd, count: 64 })
    assert.equal(taken.count, 30)
    assert.throws(() => kernel.call('map_get_next_key', { mapFd }), refused('ENOENT'))
  },

  'a frozen map refuses writing from here, a read-only one too'(kernel) {
    const mapFd = create(kernel, T.BPF_MAP_TYPE_ARRAY)
    kernel.call('map_freeze', { mapFd })
    assert.throws(() => kernel.call('map_update_elem', { mapFd, key: u32(0), value: u64(1n) }), refused('EPERM'))
    assert.throws(() => kernel.call('map_freeze', { mapFd }), refused('EPERM'))
    assert.deepEqual(kernel.call('map_lookup_elem', { mapFd, key: u32(0) }), u64(0n))
    const readOnly = create(kernel, T.BPF_MAP_TYPE_HASH, { mapFlags: F.BPF_F_RDONLY })
    assert.throws(
      () => kernel.call('map_update_elem', { mapFd: readOnly, key: u32(0), value: u64(1n) }),
      refused('EPERM'),
    )
    const writeOnly = create(kernel, T.BPF_MAP_TYPE_HASH, { mapFlags: F.BPF_F_WRONLY })
    assert.throws(() => kernel.call('map_lookup_elem', { mapFd: writeOnly, key: u32(0) }), refused('EPERM'))
  },

  'creation refuses what makes no sense'(kernel) {
    const hash = T.BPF_MAP_TYPE_HASH
    const array = T.BPF_MAP_TYPE_ARRAY
    assert.throws(() => create(kernel, hash, { keySize: 0 }), refused('EINVAL'))
    assert.throws(() => create(kernel, hash, { valueSize: 0 }), refused('EINVAL'))
    assert.throws(() => create(kernel, hash, { maxEntries: 0 }), refused('EINVAL'))
    assert.throws(() => create(kernel, array, { keySize: 8 }), refused('EINVAL'))
    assert.throws(() => create(kernel, array, { mapFlags: F.BPF_F_NO_PREALLOC }), refused('EINVAL'))
    assert.throws(() => create(kernel, hash, { mapFlags: 1 << 30 }), refused('EINVAL'))
    assert.throws(() => create(kernel, hash, { mapName: 'no blanks' }), refused('EINVAL'))
    assert.throws(() => create(kernel, T.BPF_MAP_TYPE_LPM_TRIE, { keySize: 8 }), refused('EINVAL'))
    assert.throws(
      () => create(kernel, T.BPF_MAP_TYPE_RINGBUF, { keySize: 0, valueSize: 0, maxEntries: 5000 }),
      refused('EINVAL'),
    )
    assert.throws(() => create(kernel, 9999), refused('EINVAL'))
  },

  'info tells what a map was made with'(kernel) {
    const mapFd = create(kernel, T.BPF_MAP_TYPE_HASH, { mapName: 'told', maxEntries: 77, valueSize: 24, mapFlags: 1 })
    const info = kernel.call('obj_get_info_by_fd', { fd: mapFd })
    assert.ok(info.kind === 'map')
    const { type, keySize, valueSize, maxEntries, mapFlags, name, btfId } = info
    assert.deepEqual(
      { type, keySize, valueSize, maxEntries, mapFlags, name, btfId },
      { type: 1, keySize: 4, valueSize: 24, maxEntries: 77, mapFlags: 1, name: 'told', btfId: 0 },
    )
    assert.ok(info.id > 0)
  },
}
