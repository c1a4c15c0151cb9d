// Random sequences of system calls and program actions on one map: every result, error and iteration as on Linux. Hashes
// have BPF_F_ZERO_SEED, so that even their order must be the same.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { Fd, Kernel, MapCreateRequest, MapElemRequest } from '#src/kernel/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { type MapCalls, MapKernel, outcome } from '../support/map-kernel.js'
import {
  linuxPrograms,
  machinePrograms,
  type ProgramAction,
  type ProgramSide,
  pinToFirstCpu,
} from '../support/map-programs.js'
import { Random } from '../support/random.js'

const NO_PREALLOC = 1
const NO_COMMON_LRU = 2
const ZERO_SEED = 64
const PER_CPU = new Set([5, 6, 10])

interface Subject {
  readonly name: string
  readonly request: MapCreateRequest
  /** A key, often one used before. Empty for types without keys. */
  readonly key: (random: Random) => Uint8Array
  /** A value, where it is not just bytes. */
  readonly value?: (random: Random) => Uint8Array
  /** Keys and values are u32: programs act on the map, too. */
  readonly programs?: boolean
  /** Operations a sequence; 400 by default. */
  readonly length?: number
}

function u32(...values: number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(values).buffer)
}

function numberKey(limit: number): (random: Random) => Uint8Array {
  return (random) => u32(random.once(30) ? random.u32() : random.below(limit))
}

/** A few numbers in keys of any length. */
function longKey(length: number, limit: number): (random: Random) => Uint8Array {
  return (random) => {
    const key = new Uint8Array(length)
    const n = random.below(limit)
    for (let i = 0; i < length; i++) key[i] = (n * (i + 3)) >>> (i % 5)
    key[length - 1] = n
    return key
  }
}

function prefixKey(bytes: number): (random: Random) => Uint8Array {
  return (random) => {
    const prefix = random.once(40) ? bytes * 8 + random.below(3) : random.below(bytes * 8 + 1)
    const data = Uint8Array.from({ length: bytes }, () =>
      random.once(3) ? random.below(256) : random.pick([0, 128, 192]),
    )
    return Uint8Array.from([...u32(prefix), ...data])
  }
}

const noKey = (): Uint8Array => new Uint8Array(0)

type HashVariant = Partial<Omit<Subject, 'request'>> & { readonly request?: Partial<MapCreateRequest> }

function hash(mapType: number, name: string, more: HashVariant): Subject {
  return {
    name,
    key: numberKey(24),
    programs: true,
    ...more,
    request: {
      mapType,
      keySize: 4,
      valueSize: 4,
      maxEntries: 16,
      ...more.request,
      mapFlags: (more.request?.mapFlags ?? 0) | ZERO_SEED,
    },
  }
}

const SUBJECTS: readonly Subject[] = [
  hash(1, 'HASH', {}),
  hash(1, 'HASH without preallocation', { request: { mapFlags: NO_PREALLOC } }),
  hash(1, 'HASH, one element', { request: { maxEntries: 1 }, key: numberKey(4) }),
  hash(1, 'HASH, keys of 8, values of 37', {
    request: { keySize: 8, valueSize: 37 },
    key: longKey(8, 30),
    programs: false,
  }),
  hash(1, 'HASH, keys of 13', {
    request: { keySize: 13, valueSize: 9, maxEntries: 40 },
    key: longKey(13, 60),
    programs: false,
  }),
  hash(1, 'HASH, keys of 3', { request: { keySize: 3, valueSize: 1 }, key: longKey(3, 30), programs: false }),
  hash(1, 'HASH, keys of 70', { request: { keySize: 70, valueSize: 300 }, key: longKey(70, 30), programs: false }),
  hash(1, 'HASH, 500 elements', { request: { maxEntries: 500 }, key: numberKey(700), length: 2500 }),
  hash(5, 'PERCPU_HASH', {}),
  hash(5, 'PERCPU_HASH without preallocation', { request: { mapFlags: NO_PREALLOC, valueSize: 12 }, programs: false }),
  hash(9, 'LRU_HASH', { length: 1500 }),
  hash(9, 'LRU_HASH, 4 elements', { request: { maxEntries: 4 }, key: numberKey(9), length: 800 }),
  hash(9, 'LRU_HASH, 1 element', { request: { maxEntries: 1 }, key: numberKey(3), length: 300 }),
  hash(9, 'LRU_HASH, 64 elements', { request: { maxEntries: 64 }, key: numberKey(100), length: 3000 }),
  hash(9, 'LRU_HASH, 700 elements', { request: { maxEntries: 700 }, key: numberKey(1200), length: 9000 }),
  hash(9, 'LRU_HASH, a list each CPU', {
    request: { maxEntries: 31, mapFlags: NO_COMMON_LRU },
    key: numberKey(40),
    length: 2500,
  }),
  hash(10, 'LRU_PERCPU_HASH', { request: { maxEntries: 32 }, key: numberKey(50), length: 2500 }),
  hash(10, 'LRU_PERCPU_HASH, a list each CPU', {
    request: { maxEntries: 40, mapFlags: NO_COMMON_LRU },
    key: numberKey(40),
    length: 2500,
  }),
  {
    name: 'ARRAY',
    request: { mapType: 2, keySize: 4, valueSize: 4, maxEntries: 10 },
    key: numberKey(12),
    programs: true,
  },
  { name: 'ARRAY of 21 bytes', request: { mapType: 2, keySize: 4, valueSize: 21, maxEntries: 10 }, key: numberKey(12) },
  {
    name: 'PERCPU_ARRAY',
    request: { mapType: 6, keySize: 4, valueSize: 4, maxEntries: 10 },
    key: numberKey(12),
    programs: true,
  },
  {
    name: 'LPM_TRIE, IPv4',
    request: { mapType: 11, keySize: 8, valueSize: 4, maxEntries: 60, mapFlags: NO_PREALLOC },
    key: prefixKey(4),
    length: 1500,
  },
  {
    name: 'LPM_TRIE, IPv6',
    request: { mapType: 11, keySize: 20, valueSize: 6, maxEntries: 200, mapFlags: NO_PREALLOC },
    key: prefixKey(16),
    length: 1500,
  },
  {
    name: 'LPM_TRIE, one byte',
    request: { mapType: 11, keySize: 5, valueSize: 8, maxEntries: 300, mapFlags: NO_PREALLOC },
    key: prefixKey(1),
    length: 1500,
  },
  { name: 'QUEUE', request: { mapType: 22, keySize: 0, valueSize: 5, maxEntries: 7 }, key: noKey },
  { name: 'STACK', request: { mapType: 23, keySize: 0, valueSize: 5, maxEntries: 7 }, key: noKey },
  {
    name: 'BLOOM_FILTER',
    request: { mapType: 30, keySize: 0, valueSize: 4, maxEntries: 50, mapFlags: ZERO_SEED },
    key: noKey,
    value: (random) => u32(random.below(300)),
    length: 800,
  },
  {
    name: 'BLOOM_FILTER, 2 hashes of 7 bytes',
    request: { mapType: 30, keySize: 0, valueSize: 7, maxEntries: 100, mapFlags: ZERO_SEED, mapExtra: 2n },
    key: noKey,
    value: (random) => longKey(7, 255)(random),
    length: 800,
  },
  {
    name: 'DEVMAP',
    request: { mapType: 14, keySize: 4, valueSize: 4, maxEntries: 5 },
    key: numberKey(7),
    value: (random) => u32(random.pick([0, 1, 1, 1, 99])),
  },
  {
    name: 'DEVMAP with programs',
    request: { mapType: 14, keySize: 4, valueSize: 8, maxEntries: 5 },
    key: numberKey(7),
    value: (random) => u32(random.pick([0, 1, 1, 1, 99]), random.pick([0, 0, 0xffff_ffff, 2, 9999])),
  },
  {
    name: 'DEVMAP_HASH',
    request: { mapType: 25, keySize: 4, valueSize: 8, maxEntries: 5 },
    key: numberKey(9),
    value: (random) => u32(random.pick([0, 1, 1, 1, 99]), random.pick([0, 0, 0xffff_ffff, 9999])),
  },
  {
    name: 'CPUMAP',
    request: { mapType: 16, keySize: 4, valueSize: 8, maxEntries: 5 },
    key: numberKey(7),
    value: (random) => u32(random.pick([0, 16, 2048, 16385]), random.pick([0, 0, 0xffff_ffff, 9999])),
    length: 150,
  },
  ...[3, 4, 7, 8, 15, 17, 18, 20].map((mapType) => ({
    name: `type ${mapType}`,
    request: { mapType, keySize: 4, valueSize: mapType === 7 || mapType === 20 ? 8 : 4, maxEntries: 5 },
    key: numberKey(7),
    value: (random: Random) => u32(random.pick([9999, 9998]), random.below(2)),
    length: 150,
  })),
  ...[27, 31, 33].map((mapType) => ({
    name: `type ${mapType}`,
    request:
      mapType === 33
        ? { mapType, keySize: 0, valueSize: 0, maxEntries: 4, mapFlags: 1024 }
        : { mapType, keySize: 0, valueSize: 0, maxEntries: 4096 },
    key: noKey,
    length: 100,
  })),
  {
    name: 'CGROUP_STORAGE',
    request: { mapType: 19, keySize: 16, valueSize: 8, maxEntries: 0 },
    key: longKey(16, 5),
    length: 100,
  },
  {
    name: 'PERCPU_CGROUP_STORAGE',
    request: { mapType: 21, keySize: 8, valueSize: 8, maxEntries: 0 },
    key: longKey(8, 5),
    length: 100,
  },
]

/** One operation, made once and done on both kernels. */
type Action = (side: Side) => unknown

interface Side {
  readonly kernel: MapCalls
  readonly mapFd: Fd
  readonly run: ProgramSide
  /** Position of the last batch. */
  cursor: Uint8Array | undefined
}

function valueFor(subject: Subject, random: Random, cpus: number): Uint8Array {
  if (subject.value !== undefined) return subject.value(random)
  const { mapType, valueSize } = subject.request
  const stride = Math.ceil(valueSize / 8) * 8
  return random.bytes(PER_CPU.has(mapType) || mapType === 21 ? stride * cpus : valueSize)
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

function nextAction(subject: Subject, random: Random, cpus: number): Action {
  const flags = random.once(3) ? BigInt(random.pick([1, 2, 2, 1, 3, 4, 5, 6, 8])) : 0n
  const strange = random.once(60) ? 1n << BigInt(random.below(64)) : 0n
  const rawKey = subject.key(random)
  const key = rawKey.length > 0 ? { key: rawKey } : random.once(50) ? { key: u32(1) } : {}
  const value = valueFor(subject, random, cpus)
  const element = (side: Side): MapElemRequest => ({ mapFd: side.mapFd, ...key, flags: strange })
  const asked = subject.request.mapType === 30 ? { value } : {}
  if (subject.programs === true && random.once(2)) {
    const action: ProgramAction = random.pick(['lookup', 'lookup', 'update', 'update', 'delete'])
    const n = new DataView(rawKey.buffer).getUint32(0, true)
    const v = random.u32()
    const programFlags = random.once(4) ? random.below(4) : 0
    return (side) => side.run(action, n, v, programFlags)
  }
  const choice = random.below(20)
  if (choice < 7) {
    return (side) => side.kernel.call('map_update_elem', { mapFd: side.mapFd, ...key, value, flags: flags | strange })
  }
  if (choice < 10) return (side) => side.kernel.call('map_lookup_elem', { ...element(side), ...asked })
  if (choice < 12) return (side) => side.kernel.call('map_delete_elem', element(side))
  if (choice < 14) {
    const from = random.once(3) ? {} : key
    return (side) => side.kernel.call('map_get_next_key', { mapFd: side.mapFd, ...from })
  }
  if (choice === 14) return (side) => side.kernel.call('map_lookup_and_delete_elem', element(side))
  const count = random.below(9)
  const elemFlags = strange
  if (choice < 18) {
    const remove = random.once(4)
    const again = random.once(3)
    return (side) => {
      const request = {
        mapFd: side.mapFd,
        count,
        elemFlags,
        ...(again || side.cursor === undefined ? {} : { inBatch: side.cursor }),
      }
      const result = side.kernel.call(remove ? 'map_lookup_and_delete_batch' : 'map_lookup_batch', request)
      side.cursor = result.outBatch
      return { keys: result.keys, values: result.values, count: result.count, end: result.outBatch === undefined }
    }
  }
  const keys = join(Array.from({ length: count }, () => subject.key(random)))
  if (choice === 18)
    return (side) => side.kernel.call('map_delete_batch', { mapFd: side.mapFd, keys, count, elemFlags })
  const values = join(Array.from({ length: count }, () => valueFor(subject, random, cpus)))
  return (side) => side.kernel.call('map_update_batch', { mapFd: side.mapFd, keys, values, count, elemFlags })
}

/** All keys in order, each with its value. */
function contents(side: Side, subject: Subject): unknown {
  if (subject.request.keySize === 0) return []
  const elements: unknown[] = []
  let key = outcome(() => side.kernel.call('map_get_next_key', { mapFd: side.mapFd }))
  while (typeof key !== 'string' && elements.length < 2000) {
    const at = key
    elements.push([at, outcome(() => side.kernel.call('map_lookup_elem', { mapFd: side.mapFd, key: at }))])
    key = outcome(() => side.kernel.call('map_get_next_key', { mapFd: side.mapFd, key: at }))
  }
  return [elements, key]
}

function compare(linux: Kernel, subject: Subject, seed: number): number {
  const ours = new MapKernel({ cpus: linux.possibleCpus })
  const linuxFd = linux.call('map_create', subject.request)
  const oursFd = ours.call('map_create', subject.request)
  const expectedSide: Side = { kernel: linux, mapFd: linuxFd, run: linuxPrograms(linux, linuxFd), cursor: undefined }
  const actualSide: Side = { kernel: ours, mapFd: oursFd, run: machinePrograms(ours, oursFd), cursor: undefined }
  const random = new Random(seed)
  const length = subject.length ?? 400
  for (let step = 0; step < length; step++) {
    const action = nextAction(subject, random, linux.possibleCpus)
    const expected = outcome(() => action(expectedSide))
    const actual = outcome(() => action(actualSide))
    assert.deepEqual(actual, expected, `${subject.name}, seed ${seed}, step ${step}: ${action}`)
    if (step % 100 === 99 || step === length - 1) {
      const left = contents(actualSide, subject)
      assert.deepEqual(
        left,
        contents(expectedSide, subject),
        `${subject.name}, seed ${seed}, contents after step ${step}`,
      )
    }
  }
  linux.call('close', { fd: linuxFd })
  return length
}

let pinned = false
before(() => {
  pinned = pinToFirstCpu()
})

const ROUNDS = Number(process.env['SKEP_MAP_ROUNDS'] ?? 3)

for (const subject of SUBJECTS) {
  test(`as on Linux: ${subject.name}`, { skip: linuxUnavailable() }, (context) => {
    if (!pinned && subject.name.includes('LRU')) return context.skip('the process cannot be kept on one CPU')
    for (let seed = 1; seed <= ROUNDS; seed++) {
      using linux = openLinux()
      compare(linux, subject, seed * 7919)
    }
  })
}
