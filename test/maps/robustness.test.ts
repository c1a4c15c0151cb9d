// Requests that make no sense: every call ends in a result or a KernelError, whatever it is given.
import { test } from 'node:test'
import fc from 'fast-check'
import { embedded } from '#src/embedded/index.js'
import { type Fd, KernelError, type MapCreateRequest, type OperationName } from '#src/kernel/index.js'

const CALLS: readonly OperationName[] = [
  'map_lookup_elem',
  'map_update_elem',
  'map_delete_elem',
  'map_get_next_key',
  'map_lookup_and_delete_elem',
  'map_lookup_batch',
  'map_lookup_and_delete_batch',
  'map_update_batch',
  'map_delete_batch',
  'map_freeze',
]

const SHAPES: readonly MapCreateRequest[] = [
  ...[1, 5, 9, 10].map((mapType) => ({ mapType, keySize: 7, valueSize: 11, maxEntries: 3 })),
  ...[2, 3, 4, 6, 8, 14, 15, 16, 17, 18, 20, 25].map((mapType) => ({
    mapType,
    keySize: 4,
    valueSize: 4,
    maxEntries: 3,
  })),
  { mapType: 7, keySize: 4, valueSize: 16, maxEntries: 3 },
  { mapType: 11, keySize: 9, valueSize: 3, maxEntries: 3, mapFlags: 1 },
  { mapType: 19, keySize: 16, valueSize: 3, maxEntries: 0 },
  { mapType: 21, keySize: 8, valueSize: 3, maxEntries: 0 },
  ...[22, 23, 30].map((mapType) => ({ mapType, keySize: 0, valueSize: 3, maxEntries: 3 })),
  ...[27, 31].map((mapType) => ({ mapType, keySize: 0, valueSize: 0, maxEntries: 4096 })),
  { mapType: 33, keySize: 0, valueSize: 0, maxEntries: 3, mapFlags: 1024 },
]

const someBytes = fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined })
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const someFlags = fc.option(fc.oneof(fc.bigInt({ min: 0n, max: 8n }), u64), { nil: undefined })
const calls = fc.array(
  fc.record({
    name: fc.constantFrom(...CALLS),
    key: someBytes,
    value: someBytes,
    keys: fc.uint8Array({ maxLength: 60 }),
    values: fc.uint8Array({ maxLength: 60 }),
    inBatch: someBytes,
    count: fc.oneof(fc.integer({ min: 0, max: 8 }), fc.constantFrom(2 ** 31, 2 ** 32 - 1)),
    flags: someFlags,
    elemFlags: someFlags,
    badFd: fc.boolean(),
  }),
  { maxLength: 25 },
)

test('nonsense requests to maps of every type', () => {
  fc.assert(
    fc.property(fc.constantFrom(...SHAPES), calls, (shape, requests) => {
      using kernel = embedded()
      const mapFd = kernel.call('map_create', shape)
      for (const { name, badFd, ...request } of requests) {
        const given = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined))
        try {
          kernel.call(name, { mapFd: badFd && request.count === 3 ? (77 as Fd) : mapFd, ...given } as never)
        } catch (error) {
          if (!(error instanceof KernelError)) throw error
        }
      }
    }),
    { numRuns: 400 },
  )
})

test('nonsense creation requests', () => {
  const size = fc.oneof(fc.integer({ min: 0, max: 70 }), fc.constantFrom(2 ** 16, 2 ** 22, 2 ** 31, 2 ** 32 - 1))
  const request = fc.record({
    mapType: fc.integer({ min: 0, max: 40 }),
    keySize: size,
    valueSize: size,
    maxEntries: size,
    mapFlags: fc.oneof(fc.constantFrom(0, 1, 2, 1024), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
    mapExtra: fc.oneof(fc.constantFrom(0n, 1n), u64),
    numaNode: fc.constantFrom(0, 1, 2 ** 32 - 1),
    mapName: fc.string({ maxLength: 20 }),
    innerMapFd: fc.constantFrom(0 as Fd, 3 as Fd, 99 as Fd),
    btfFd: fc.constantFrom(0 as Fd, 3 as Fd, 99 as Fd),
    btfKeyTypeId: fc.constantFrom(0, 1),
    btfValueTypeId: fc.constantFrom(0, 1),
  })
  fc.assert(
    fc.property(fc.array(request, { maxLength: 30 }), (requests) => {
      using kernel = embedded()
      kernel.call('map_create', { mapType: 1, keySize: 4, valueSize: 4, maxEntries: 4 })
      for (const r of requests) {
        try {
          kernel.call('close', { fd: kernel.call('map_create', r) })
        } catch (error) {
          if (!(error instanceof KernelError)) throw error
        }
      }
    }),
    { numRuns: 200 },
  )
})
