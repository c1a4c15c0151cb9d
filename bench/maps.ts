// Speed of map operations as programs' helpers reach them: ns each. `node build/bench/maps.js [elements] [seconds each]`.
import { createMap, MAP_TYPE } from '#src/maps/index.js'
import { type BpfMap, Machine } from '#src/vm/index.js'

const elements = Number(process.argv[2] ?? 100_000)
const seconds = Number(process.argv[3] ?? 0.3)

interface Subject {
  readonly name: string
  readonly type: number
  readonly keySize: number
  readonly valueSize?: number
  readonly flags?: number
  readonly maxEntries?: number
}

const SUBJECTS: readonly Subject[] = [
  { name: 'HASH, key 4', type: MAP_TYPE.HASH, keySize: 4 },
  { name: 'HASH, key 16', type: MAP_TYPE.HASH, keySize: 16 },
  { name: 'HASH, key 40', type: MAP_TYPE.HASH, keySize: 40 },
  { name: 'HASH, no prealloc', type: MAP_TYPE.HASH, keySize: 4, flags: 1 },
  { name: 'PERCPU_HASH', type: MAP_TYPE.PERCPU_HASH, keySize: 4 },
  { name: 'LRU_HASH', type: MAP_TYPE.LRU_HASH, keySize: 4 },
  { name: 'LRU_HASH, full', type: MAP_TYPE.LRU_HASH, keySize: 4, maxEntries: elements >>> 1 },
  { name: 'LRU_PERCPU_HASH', type: MAP_TYPE.LRU_PERCPU_HASH, keySize: 4 },
  { name: 'ARRAY', type: MAP_TYPE.ARRAY, keySize: 4 },
  { name: 'PERCPU_ARRAY', type: MAP_TYPE.PERCPU_ARRAY, keySize: 4 },
  { name: 'LPM_TRIE, IPv4', type: MAP_TYPE.LPM_TRIE, keySize: 8, flags: 1 },
  { name: 'LPM_TRIE, IPv6', type: MAP_TYPE.LPM_TRIE, keySize: 20, flags: 1 },
]

/** Keys in memory, one after the other, in no order that helps a cache. */
function layKeys(machine: Machine, subject: Subject): { at: number; stride: number } {
  const stride = Math.ceil(subject.keySize / 8) * 8
  const at = machine.memory.alloc(elements * stride)
  const { view } = machine.memory
  for (let i = 0; i < elements; i++) {
    const key = at + i * stride
    const mixed = Math.imul(i, 0x9e3779b1) >>> 0
    if (subject.type === MAP_TYPE.LPM_TRIE) {
      view.setUint32(key, subject.keySize === 8 ? 16 + (mixed % 17) : 32 + (mixed % 33), true)
      view.setUint32(key + 4, mixed, false)
      if (subject.keySize > 8) view.setUint32(key + 8, Math.imul(mixed, 31) >>> 0, false)
    } else if (subject.type === MAP_TYPE.ARRAY || subject.type === MAP_TYPE.PERCPU_ARRAY) {
      view.setUint32(key, mixed % elements, true)
    } else {
      for (let word = 0; word + 4 <= subject.keySize; word += 4) view.setUint32(key + word, (mixed + word) >>> 0, true)
    }
  }
  return { at, stride }
}

function measure(each: (i: number) => void): number {
  let operations = 0
  const start = performance.now()
  while (performance.now() - start < seconds * 1000) {
    for (let i = 0; i < elements; i++) each(i)
    operations += elements
  }
  return ((performance.now() - start) * 1e6) / operations
}

console.log(`${elements} elements; ns an operation`)
console.log(
  'map'.padEnd(22),
  'lookup'.padStart(8),
  'miss'.padStart(8),
  'update'.padStart(8),
  'delete+insert'.padStart(14),
)
for (const subject of SUBJECTS) {
  const machine = new Machine({ cpus: 2 })
  const made = createMap(machine, {
    type: subject.type,
    keySize: subject.keySize,
    valueSize: subject.valueSize ?? 8,
    maxEntries: subject.maxEntries ?? elements,
    flags: subject.flags ?? 0,
  })
  if (typeof made === 'number') throw new Error(`${subject.name}: ${made}`)
  const map: BpfMap = made
  const { at, stride } = layKeys(machine, subject)
  const value = machine.memory.alloc(64)
  const absent = machine.memory.alloc(64)
  const update = measure((i) => map.update(at + i * stride, value, 0))
  const lookup = measure((i) => map.lookup(at + i * stride))
  const { view } = machine.memory
  const miss = measure((i) => {
    view.setUint32(absent, i ^ 0x5a5a5a5a, true)
    map.lookup(absent)
  })
  const replace =
    map.delete(at) === -22
      ? Number.NaN
      : measure((i) => {
          map.delete(at + i * stride)
          map.update(at + i * stride, value, 0)
        })
  const cells = [lookup, miss, update].map((ns) => ns.toFixed(1).padStart(8))
  console.log(subject.name.padEnd(22), ...cells, (Number.isNaN(replace) ? '-' : replace.toFixed(1)).padStart(14))
}
