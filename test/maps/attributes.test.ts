// Creation attributes: the same answers as Linux to thousands of combinations, most of them one step from a good one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Fd, KernelError, type MapCreateRequest } from '#src/kernel/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { MapKernel, outcome } from '../support/map-kernel.js'
import { Random } from '../support/random.js'

const NO_PREALLOC = 1
const MMAPABLE = 1024

/** A good request of each type. */
const GOOD: readonly MapCreateRequest[] = [
  ...[1, 5, 9, 10].map((mapType) => ({ mapType, keySize: 4, valueSize: 8, maxEntries: 16 })),
  ...[2, 6].map((mapType) => ({ mapType, keySize: 4, valueSize: 8, maxEntries: 16 })),
  ...[3, 4, 8, 12, 13, 14, 15, 16, 17, 18, 20, 25].map((mapType) => ({
    mapType,
    keySize: 4,
    valueSize: 4,
    maxEntries: 16,
  })),
  { mapType: 7, keySize: 4, valueSize: 64, maxEntries: 16 },
  { mapType: 11, keySize: 8, valueSize: 8, maxEntries: 16, mapFlags: NO_PREALLOC },
  ...[19, 21].map((mapType) => ({ mapType, keySize: 8, valueSize: 8, maxEntries: 0 })),
  ...[22, 23, 30].map((mapType) => ({ mapType, keySize: 0, valueSize: 8, maxEntries: 16 })),
  ...[24, 28, 29, 32].map((mapType) => ({
    mapType,
    keySize: 4,
    valueSize: 8,
    maxEntries: 0,
    mapFlags: NO_PREALLOC,
  })),
  { mapType: 26, keySize: 4, valueSize: 8, maxEntries: 1 },
  ...[27, 31].map((mapType) => ({ mapType, keySize: 0, valueSize: 0, maxEntries: 4096 })),
  { mapType: 33, keySize: 0, valueSize: 0, maxEntries: 4, mapFlags: MMAPABLE },
]

const KEY_SIZES = [0, 1, 3, 4, 5, 8, 16, 63, 64, 256, 260, 261, 512, 513, 4096, 65536, 4_194_200, 4_194_304, 2 ** 31]
const VALUE_SIZES = [
  0,
  1,
  2,
  4,
  7,
  8,
  12,
  16,
  24,
  32,
  64,
  1016,
  1024,
  1032,
  4064,
  4096,
  32760,
  32768,
  32769,
  65407,
  65408,
  65536,
  4_194_024,
  4_194_025,
  4_194_236,
  4_194_251,
  4_194_252,
  4_194_304,
  4_194_305,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
]
// Larger counts are tried where neither kernel would allocate for them.
const COUNTS = [0, 1, 2, 3, 5, 16, 100, 255, 256, 257, 1024, 4096, 4097, 8192, 12288, 65536]
const HUGE_COUNTS = [2 ** 20 + 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 1]
const EXTRAS = [0n, 1n, 5n, 15n, 16n, 4096n, 4095n, 1n << 32n, (1n << 32n) - 4096n, (1n << 44n) + 8192n, -1n]
const NAMES = ['', 'm', 'a.b_C9', 'abcdefghijklmno', 'bad-name', 'bad name', 'é']

function mutate(random: Random, good: MapCreateRequest): MapCreateRequest {
  const request = { ...good }
  for (let changes = random.below(4); changes > 0; changes--) {
    switch (random.below(9)) {
      case 0:
        request.keySize = random.pick(KEY_SIZES)
        break
      case 1:
      case 2:
        request.valueSize = random.pick(VALUE_SIZES)
        break
      case 3:
        request.maxEntries = random.pick(COUNTS)
        break
      case 4:
      case 5:
        request.mapFlags = ((request.mapFlags ?? 0) ^ (1 << random.below(random.once(4) ? 32 : 20))) >>> 0
        break
      case 6:
        request.mapExtra = BigInt.asUintN(64, random.pick(EXTRAS))
        break
      case 7:
        request.numaNode = random.pick([0, 0, 1, 5, 0xffff_ffff])
        break
      default:
        request.mapName = random.pick(NAMES)
    }
  }
  return request
}

/** Bytes that Linux would allocate at once: cases that would take much of the host's memory are not tried. */
function weight(r: MapCreateRequest): number {
  const cpus = r.mapType === 5 || r.mapType === 6 || r.mapType === 10 ? 4 : 1
  const extra = r.mapType === 33 || r.mapType === 27 || r.mapType === 31 ? 2 : 0
  return r.maxEntries * ((r.keySize + r.valueSize) * cpus + 64 + extra) + r.valueSize * cpus
}

type Changeable = { -readonly [K in keyof MapCreateRequest]: MapCreateRequest[K] }

test('map_create answers as Linux does, attribute by attribute', { skip: linuxUnavailable() }, () => {
  using linux = openLinux()
  const ours = new MapKernel({ cpus: linux.possibleCpus })
  const inner = { mapType: 2, keySize: 4, valueSize: 4, maxEntries: 2 }
  const innerFds = { linux: linux.call('map_create', inner), ours: ours.call('map_create', inner) }
  const seed = 0x5eed_0001
  const random = new Random(seed)
  const differences: string[] = []
  let compared = 0
  let accepted = 0
  for (let round = 0; round < 12_000; round++) {
    const request: Changeable = mutate(random, GOOD[round % GOOD.length] as MapCreateRequest)
    if (random.once(40)) request.maxEntries = random.pick(HUGE_COUNTS)
    const heavy = weight(request) > 32 << 20
    if (heavy && request.maxEntries > 65536 && weight({ ...request, maxEntries: 1 }) < 4096) continue
    if (weight(request) > 256 << 20) continue
    const nested = request.mapType === 12 || request.mapType === 13
    const create = (kernel: typeof linux | MapKernel, innerMapFd: Fd): string => {
      const fd = outcome(() => kernel.call('map_create', nested ? { ...request, innerMapFd } : request))
      if (typeof fd === 'string') return fd
      kernel.call('close', { fd })
      return 'ok'
    }
    const expected = create(linux, innerFds.linux)
    const actual = create(ours, innerFds.ours)
    compared++
    if (expected === 'ok') accepted++
    if (expected !== actual) {
      const shown = JSON.stringify(request, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
      differences.push(`${shown}: Linux ${expected}, ours ${actual}`)
    }
  }
  assert.deepEqual(differences.slice(0, 20), [], `seed ${seed}, ${differences.length} of ${compared} differ`)
  assert.ok(accepted > compared / 10, `${accepted} of ${compared} were good`)
})

test('what may be an inner map, and what fits where', { skip: linuxUnavailable() }, () => {
  using linux = openLinux()
  const ours = new MapKernel({ cpus: linux.possibleCpus })
  const shapes = GOOD.filter((shape) => ![24, 26, 28, 29, 32, 12, 13].includes(shape.mapType))
  const variants = shapes.flatMap((shape) => [
    shape,
    { ...shape, maxEntries: shape.maxEntries * 2 },
    { ...shape, mapFlags: (shape.mapFlags ?? 0) | 4096 },
    { ...shape, mapFlags: (shape.mapFlags ?? 0) | 128 },
  ])
  const results = [linux, ours].map((kernel) => {
    const fds: Fd[] = []
    for (const variant of variants) {
      const fd = outcome(() => kernel.call('map_create', variant))
      fds.push(typeof fd === 'string' ? (9999 as Fd) : fd)
    }
    return fds.flatMap((inner, i) =>
      [12, 13].map((mapType) => {
        const outer = outcome(() =>
          kernel.call('map_create', { mapType, keySize: 4, valueSize: 4, maxEntries: 4, innerMapFd: inner }),
        )
        if (typeof outer === 'string') return `${i} ${outer}`
        const puts = fds.map((fd) =>
          outcome(() =>
            kernel.call('map_update_elem', {
              mapFd: outer,
              key: new Uint8Array(4),
              value: new Uint8Array(new Uint32Array([fd]).buffer),
            }),
          ),
        )
        const nested = outcome(() =>
          kernel.call('map_create', { mapType, keySize: 4, valueSize: 4, maxEntries: 4, innerMapFd: outer }),
        )
        return `${i} ${puts.map((put) => put ?? 'ok').join(',')} ${nested}`
      }),
    )
  })
  assert.deepEqual(results[1], results[0])
})

test('a KernelError names the call', () => {
  const kernel = new MapKernel()
  assert.throws(
    () => kernel.call('map_create', { mapType: 2, keySize: 8, valueSize: 4, maxEntries: 1 }),
    (error) => error instanceof KernelError && error.code === 'EINVAL' && error.syscall === 'map_create',
  )
})
