import { errorCode } from '#src/kernel/index.js'
import type { BpfMap, Collection } from '#src/sdk/index.js'
import { bpf_map_type } from '#src/spec/index.js'
import { Random } from '../../support/random.js'
import type { NamedPacket } from './packets.js'

const T = bpf_map_type
const DEVICES: ReadonlySet<number> = new Set([T.BPF_MAP_TYPE_DEVMAP, T.BPF_MAP_TYPE_DEVMAP_HASH])
const INDEXED: ReadonlySet<number> = new Set([
  T.BPF_MAP_TYPE_ARRAY,
  T.BPF_MAP_TYPE_PERCPU_ARRAY,
  T.BPF_MAP_TYPE_DEVMAP,
  T.BPF_MAP_TYPE_CPUMAP,
])
const HASHED: ReadonlySet<number> = new Set([
  T.BPF_MAP_TYPE_HASH,
  T.BPF_MAP_TYPE_PERCPU_HASH,
  T.BPF_MAP_TYPE_LRU_HASH,
  T.BPF_MAP_TYPE_LRU_PERCPU_HASH,
  T.BPF_MAP_TYPE_LPM_TRIE,
  T.BPF_MAP_TYPE_DEVMAP_HASH,
])
const PUSHED: ReadonlySet<number> = new Set([T.BPF_MAP_TYPE_QUEUE, T.BPF_MAP_TYPE_STACK, T.BPF_MAP_TYPE_BLOOM_FILTER])
/** Where addresses, ports and types of packets are found. */
const PLACES = [0, 6, 12, 14, 22, 23, 26, 30, 34, 36, 38]
const MOST = 48

/**
 * Fills the maps of a collection with values drawn from a seed and keys that the packets will ask for. The same seed makes
 * the same calls on every kernel; the result of each is returned.
 */
export function fillMaps(collection: Collection, packets: readonly NamedPacket[], seed: number): string[] {
  const results: string[] = []
  for (const [name, map] of collection.maps) {
    // Data of the object stay as they are.
    if (name.startsWith('.') || name.includes('.')) continue
    const random = new Random(seed)
    for (const [key, value] of entriesFor(map, packets, random)) {
      let result = 'ok'
      try {
        map.kernel.call('map_update_elem', { mapFd: map.fd, ...(key === undefined ? {} : { key }), value })
      } catch (error) {
        result = errorCode(error) ?? String(error)
      }
      results.push(`${name}: ${result}`)
    }
  }
  return results
}

function* entriesFor(
  map: BpfMap,
  packets: readonly NamedPacket[],
  random: Random,
): Generator<[Uint8Array | undefined, Uint8Array]> {
  const count = Math.min(MOST, Math.ceil(map.maxEntries / 2) + 1)
  for (let i = 0; i < count; i++) {
    const value = valueFor(map, random)
    if (INDEXED.has(map.type)) yield [u32(i), value]
    else if (HASHED.has(map.type)) yield [keyFor(map, packets, random), value]
    else if (PUSHED.has(map.type)) yield [undefined, value]
  }
}

function keyFor(map: BpfMap, packets: readonly NamedPacket[], random: Random): Uint8Array {
  const key = new Uint8Array(map.keySize)
  const from = map.type === T.BPF_MAP_TYPE_LPM_TRIE ? 4 : 0
  const { bytes } = random.pick(packets)
  const place = random.pick(PLACES)
  key.set(bytes.subarray(place, place + key.length - from), from)
  if (from > 0) key.set(u32(random.below((key.length - 4) * 8 + 2)), 0)
  return key
}

/** Small numbers, because values are counters, indexes and switches more often than noise. */
function valueFor(map: BpfMap, random: Random): Uint8Array {
  const stride = map.perCpu ? ((map.valueSize + 7) & ~7) * map.kernel.possibleCpus : map.valueSize
  const value = new Uint8Array(stride)
  if (DEVICES.has(map.type)) {
    value.set(u32(random.pick([0, 1, 1, 1, 9999])))
    return value
  }
  if (map.type === T.BPF_MAP_TYPE_CPUMAP) {
    value.set(u32(random.pick([0, 64, 192])))
    return value
  }
  const noise = random.once(3)
  for (let at = 0; at < stride; at++) {
    if (noise) value[at] = random.below(256)
    else if (at % 4 === 0) value[at] = random.below(5)
  }
  return value
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24)
}
