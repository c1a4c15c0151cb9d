import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { errorCode, fault, type Kernel, type KernelError, trace } from '#src/kernel/index.js'
import { BpfMap, type Codec, int64Codec, intCodec } from '#src/sdk/index.js'
import { testOnBoth } from '../support/both-kernels.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'

const skip = linuxUnavailable()
const HASH = 1

function hash(kernel: Kernel, valueSize = 8, maxEntries = 8): BpfMap<number, bigint> {
  const mapFd = kernel.call('map_create', { mapType: HASH, keySize: 4, valueSize, maxEntries })
  return BpfMap.fromFd(kernel, mapFd).withCodecs(intCodec(4), int64Codec())
}

type Step = ['set' | 'create' | 'replace', number, bigint] | ['get' | 'has' | 'delete', number]

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(
    fc.constantFrom('set' as const, 'create' as const, 'replace' as const),
    fc.integer({ min: 0, max: 11 }),
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  ),
  fc.tuple(fc.constantFrom('get' as const, 'has' as const, 'delete' as const), fc.integer({ min: 0, max: 11 })),
)

testOnBoth('a hash does what a Map does', (kernel) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      using map = hash(kernel)
      const model = new Map<number, bigint>()
      for (const [what, key, value = 0n] of steps) {
        if (what === 'get') assert.equal(map.get(key), model.get(key))
        else if (what === 'has') assert.equal(map.has(key), model.has(key))
        else if (what === 'delete') assert.equal(map.delete(key), model.delete(key))
        else {
          const expected = model.has(key)
            ? what === 'create' && 'EEXIST'
            : what === 'replace'
              ? 'ENOENT'
              : model.size === 8 && 'E2BIG'
          const update = () => (what === 'set' ? map.set(key, value) : map.set(key, value, { mode: what }))
          if (expected === false) {
            update()
            model.set(key, value)
          } else assert.throws(update, (error) => errorCode(error) === expected)
        }
      }
      assert.deepEqual(new Map(map), model)
      assert.deepEqual(new Set(map.keys()), new Set(model.keys()))
    }),
    { numRuns: 60 },
  )
})

testOnBoth('integers of every width and sign go there and back, and what does not fit is refused', (kernel) => {
  for (const size of [1, 2, 4] as const) {
    for (const signed of [false, true]) {
      const mapFd = kernel.call('map_create', { mapType: HASH, keySize: 4, valueSize: size, maxEntries: 4 })
      using map = BpfMap.fromFd(kernel, mapFd).withCodecs(intCodec(4), intCodec(size, signed))
      const high = 2 ** (size * 8 - (signed ? 1 : 0)) - 1
      for (const value of [0, 1, high, ...(signed ? [-1, -high - 1] : [])]) {
        assert.equal(map.set(1, value).get(1), value)
      }
      assert.throws(() => map.set(1, 2 ** (size * 8)), { name: 'UsageError' })
      assert.throws(() => map.set(1, 0.5), { name: 'UsageError' })
    }
  }
  using map = hash(kernel)
  for (const value of [0n, (1n << 64n) - 1n]) assert.equal(map.set(1, value).get(1), value)
  assert.throws(() => map.set(1, 1n << 64n), { name: 'UsageError' })
  const signed = map.withCodecs(intCodec(4), int64Codec(true))
  assert.equal(signed.set(1, -5n).get(1), -5n)
})

testOnBoth('bytes handed out are the caller’s own, and codecs without places are used as they are', (kernel) => {
  const mapFd = kernel.call('map_create', { mapType: HASH, keySize: 4, valueSize: 40, maxEntries: 4 })
  using map = BpfMap.fromFd<Uint8Array, Uint8Array>(kernel, mapFd)
  const key = (n: number) => Uint8Array.of(n, 0, 0, 0)
  map.set(key(1), new Uint8Array(40).fill(1)).set(key(2), new Uint8Array(40).fill(2))
  const first = map.get(key(1))
  assert.deepEqual(map.get(key(2)), new Uint8Array(40).fill(2))
  assert.deepEqual(first, new Uint8Array(40).fill(1))
  const keys = [...map.keys()]
  assert.notDeepEqual(keys[0], keys[1])
  assert.throws(() => map.setBytes(key(1), new Uint8Array(39)), { code: 'EFAULT' })
  assert.throws(() => map.getBytes(new Uint8Array(3)), { code: 'EFAULT' })
  // A codec that uses the map while it encodes: the element that was meant is the one that is set.
  const nosy: Codec<number> = {
    size: 40,
    encode: (value) => {
      map.get(key(2))
      return new Uint8Array(40).fill(value)
    },
    decode: (bytes) => bytes[0] as number,
  }
  const seen = map.withCodecs(intCodec(4), nosy)
  assert.equal(seen.set(1, 7).get(1), 7)
  assert.equal(seen.get(2), 2)
})

testOnBoth('batches of packed memory, into arrays of the caller’s', (kernel) => {
  using map = hash(kernel, 8, 64)
  const keys = Uint32Array.from({ length: 40 }, (_, i) => i)
  assert.equal(map.updateBatch(keys, BigUint64Array.from(keys, BigInt)), 40)
  const into = { keys: new Uint32Array(64), values: new BigUint64Array(64) }
  const found = map.lookupBatch(64, into)
  assert.equal(found.count, 40)
  assert.equal(found.next, undefined)
  assert.equal(found.keys.buffer, into.keys.buffer)
  assert.deepEqual(
    [...into.keys.subarray(0, 40)].sort((a, b) => a - b),
    [...keys],
  )
  for (let i = 0; i < 40; i++) assert.equal(into.values[i], BigInt(into.keys[i] as number))
  assert.throws(() => map.lookupBatch(64, { keys: new Uint32Array(10) }), { code: 'EFAULT' })
  assert.equal(map.deleteBatch(keys.subarray(0, 10)), 10)
  assert.equal(map.lookupBatch(64, { take: true }).count, 30)
  assert.deepEqual([...map], [])
  assert.equal(map.setMany(Array.from({ length: 50 }, (_, i) => [i, BigInt(i)] as const)), 50)
  assert.equal([...map].length, 50)
})

testOnBoth('what stays in a hash comes exactly once, whatever comes and goes meanwhile', (kernel) => {
  for (const mapType of [1, 9]) {
    const maxEntries = 4000
    const mapFd = kernel.call('map_create', { mapType, keySize: 4, valueSize: 8, maxEntries })
    using map = BpfMap.fromFd(kernel, mapFd).withCodecs(intCodec(4), int64Codec())
    const size = mapType === 1 ? 2000 : 1000
    map.setMany(Array.from({ length: size }, (_, i) => [i, BigInt(i)] as const))
    const stays = new Set([...map.keys()].filter((key) => key % 3 === 0))
    const seen: number[] = []
    let step = 0
    for (const [key, value] of map) {
      assert.equal(value, BigInt(key))
      seen.push(key)
      // The element just seen goes, others go and come.
      if (key % 3 !== 0) map.delete(key)
      step++
      const other = (step * 7) % size
      if (other % 3 === 1) map.delete(other)
      if (step % 5 === 0) map.set(100_000 + step, BigInt(100_000 + step))
    }
    const stayed = seen.filter((key) => stays.has(key))
    assert.equal(stayed.length, new Set(stayed).size, 'none comes twice')
    assert.deepEqual(new Set(stayed), stays)
    // Taking everything out while going through it.
    for (const key of map.keys()) map.delete(key)
    assert.deepEqual([...map.keys()], [])
  }
})

testOnBoth('per-CPU hashes and large values come whole', (kernel) => {
  const mapFd = kernel.call('map_create', { mapType: 5, keySize: 4, valueSize: 4, maxEntries: 600 })
  using map = BpfMap.fromFd(kernel, mapFd).withCodecs(intCodec(4), intCodec(4))
  const copies = (key: number) => Array.from({ length: kernel.possibleCpus }, (_, cpu) => key * 10 + cpu)
  for (let key = 0; key < 600; key++) map.set(key, copies(key) as unknown as number)
  const entries = [...map.entries()]
  assert.equal(entries.length, 600)
  for (const [key, value] of entries) assert.deepEqual(value, copies(key))
  const large = kernel.call('map_create', { mapType: 1, keySize: 4, valueSize: 40_000, maxEntries: 20 })
  using wide = BpfMap.fromFd<Uint8Array, Uint8Array>(kernel, large)
  for (let i = 0; i < 20; i++) wide.set(Uint8Array.of(i, 0, 0, 0), new Uint8Array(40_000).fill(i))
  const all = [...wide]
  assert.equal(all.length, 20)
  for (const [key, value] of all) assert.ok(value.length === 40_000 && value[39_999] === key[0])
})

testOnBoth('every element is seen by trace() and counted by fault()', (kernel) => {
  const seen: string[] = []
  using map = hash(trace(kernel, (call) => seen.push(call.name)))
  seen.length = 0
  map.set(1, 1n)
  map.get(1)
  map.delete(1)
  assert.deepEqual(seen, ['map_update_elem', 'map_lookup_elem', 'map_delete_elem'])
  const faulty = fault(kernel, { operation: 'map_lookup_elem', at: 2, code: 'EPERM' })
  using other = hash(faulty)
  assert.equal(other.get(1), undefined)
  assert.throws(() => other.get(1), { code: 'EPERM' })
})

test('what was made of a descriptor is no way to the next one of the same number', { skip }, () => {
  using kernel = openLinux()
  const map = hash(kernel)
  const { fd } = map
  map.set(1, 1n)
  const access = kernel.mapAccess?.(fd)
  assert.ok(access)
  map.close()
  using next = hash(kernel)
  assert.equal(next.fd, fd, 'the number is used again')
  assert.equal(access.lookup(0), -9)
  assert.equal(access.nextKey(true), -9)
  assert.throws(
    () => map.get(1),
    (error: KernelError) => error.code === 'EBADF',
  )
  assert.equal(next.get(1), undefined)
})
