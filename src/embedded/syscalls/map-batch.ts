import { KernelError, type MapBatchKeysRequest, type MapBatchRequest, type MapBatchResult } from '../../kernel/index.js'
import { type BucketMap, MAP_TYPE } from '../../maps/index.js'
import type { Addr, BpfMap, Status } from '../../vm/index.js'
import { checkLock, mayRead, mayWrite } from './map-elem.js'
import { fail, flagBits, type MapHost } from './map-host.js'
import { userValueSize, withRoom } from './map-memory.js'
import { deleteElement, readBucketElement, readElement, writeElement } from './map-values.js'

// BPF_MAP_*_BATCH. Hashes are read bucket by bucket and the position is a bucket's number; other types go key by key and
// the position is the last key (Linux: __htab_map_lookup_and_delete_batch, generic_map_*_batch).

const ENOENT = -2
const EFAULT = -14
const EINVAL = -22
const ENOSPC = -28
const ENOTSUPP = -524
const BPF_F_LOCK = 4

/** Types read bucket by bucket, and those read key by key. */
const BUCKETS: ReadonlySet<number> = new Set([
  MAP_TYPE.HASH,
  MAP_TYPE.PERCPU_HASH,
  MAP_TYPE.LRU_HASH,
  MAP_TYPE.LRU_PERCPU_HASH,
  MAP_TYPE.HASH_OF_MAPS,
])
const KEYS: ReadonlySet<number> = new Set([
  MAP_TYPE.ARRAY,
  MAP_TYPE.PERCPU_ARRAY,
  MAP_TYPE.ARRAY_OF_MAPS,
  MAP_TYPE.LPM_TRIE,
])

/** The same elements in the caller's memory, where it gave some. */
function into(r: MapBatchRequest, result: MapBatchResult, syscall: string): MapBatchResult {
  const keys = place(r.keys, result.keys, syscall)
  const values = place(r.values, result.values, syscall)
  return { ...result, keys, values }
}

function place(memory: Uint8Array | undefined, bytes: Uint8Array, syscall: string): Uint8Array {
  if (memory === undefined) return bytes
  if (memory.length < bytes.length) fail(EFAULT, syscall)
  memory.set(bytes)
  return memory.subarray(0, bytes.length)
}

export function mapLookupBatch(host: MapHost, r: MapBatchRequest): MapBatchResult {
  const syscall = 'map_lookup_batch'
  const file = host.mapFile(r.mapFd, syscall)
  const { map } = file.object
  mayRead(file, syscall)
  if (BUCKETS.has(map.type)) return into(r, readBuckets(host, map as BucketMap, r, false, syscall), syscall)
  if (KEYS.has(map.type)) return into(r, readKeys(host, map, r, syscall), syscall)
  return fail(ENOTSUPP, syscall)
}

export function mapLookupAndDeleteBatch(host: MapHost, r: MapBatchRequest): MapBatchResult {
  const syscall = 'map_lookup_and_delete_batch'
  const file = host.mapFile(r.mapFd, syscall)
  const { map } = file.object
  mayRead(file, syscall)
  mayWrite(file, syscall)
  if (!BUCKETS.has(map.type)) fail(ENOTSUPP, syscall)
  return into(r, readBuckets(host, map as BucketMap, r, true, syscall), syscall)
}

function checkElementFlags(map: BpfMap, elemFlags: bigint | undefined, syscall: string): number {
  const flags = flagBits(elemFlags)
  if ((flags & ~BPF_F_LOCK) !== 0) fail(EINVAL, syscall)
  checkLock(map, flags, syscall)
  return flags
}

/** Elements gathered for the caller. */
class Gathered {
  readonly keys: Uint8Array[] = []
  readonly values: Uint8Array[] = []

  get count(): number {
    return this.keys.length
  }

  result(outBatch: Uint8Array | undefined): MapBatchResult {
    return { keys: join(this.keys), values: join(this.values), count: this.count, outBatch }
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, part) => sum + part.length, 0)
  const bytes = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Positions are as long as a key, at least 4 bytes: what callers must have room for. */
function cursor(map: BpfMap): Uint8Array {
  return new Uint8Array(Math.max(map.keySize, 4))
}

function readBuckets(
  host: MapHost,
  map: BucketMap,
  r: MapBatchRequest,
  remove: boolean,
  syscall: string,
): MapBatchResult {
  const { memory } = host.machine
  checkElementFlags(map, r.elemFlags, syscall)
  if (flagBits(r.flags) !== 0) fail(EINVAL, syscall)
  const gathered = new Gathered()
  const out = cursor(map)
  if (r.count === 0) return gathered.result(out)
  let bucket = 0
  if (r.inBatch !== undefined) {
    if (r.inBatch.length < 4) fail(EFAULT, syscall, 'a position has 4 bytes')
    bucket = new DataView(r.inBatch.buffer, r.inBatch.byteOffset, 4).getUint32(0, true)
  }
  for (; bucket < map.bucketCount; bucket++) {
    const elements: Addr[] = []
    for (let at = map.bucketHead(bucket); at !== 0; at = map.bucketNext(at)) elements.push(at)
    if (elements.length > r.count - gathered.count) {
      if (gathered.count === 0) fail(ENOSPC, syscall, `a bucket has ${elements.length} elements: ask for as many`)
      new DataView(out.buffer).setUint32(0, bucket, true)
      return gathered.result(out)
    }
    for (const element of elements) {
      gathered.keys.push(memory.read(map.keyOf(element), map.keySize))
      gathered.values.push(readBucketElement(host, map, element))
    }
    // Linux frees a bucket's elements last first, which decides what is reused when.
    if (remove) for (const element of elements.reverse()) map.delete(map.keyOf(element))
  }
  return gathered.result(undefined)
}

function readKeys(host: MapHost, map: BpfMap, r: MapBatchRequest, syscall: string): MapBatchResult {
  const { memory } = host.machine
  checkElementFlags(map, r.elemFlags, syscall)
  const gathered = new Gathered()
  if (r.count === 0) return gathered.result(cursor(map))
  if (r.inBatch !== undefined && r.inBatch.length < map.keySize) fail(EFAULT, syscall, 'a position is as long as a key')
  return withRoom(host.machine, map, syscall, (room) => {
    let key = 0
    let status: Status = 0
    if (r.inBatch !== undefined) {
      memory.write(room.key, r.inBatch.subarray(0, map.keySize))
      key = room.key
    }
    while (gathered.count < r.count) {
      const next = key === room.key ? room.next : room.key
      status = map.nextKey(key, next)
      if (status !== 0) break
      key = next
      const value = readElement(host, map, key, room)
      if (value === ENOENT) continue
      if (typeof value === 'number') return fail(value, syscall)
      gathered.keys.push(memory.read(key, map.keySize))
      gathered.values.push(value)
    }
    if (status !== 0 && status !== ENOENT) return fail(status, syscall)
    const out = cursor(map)
    if (gathered.count > 0) out.set(memory.bytes(key, map.keySize))
    return gathered.result(status === ENOENT ? undefined : out)
  })
}

/** Applies `each` to the keys of a batch one by one; the number done, KernelError with that number in its hint if one fails. */
function writeKeys(
  host: MapHost,
  r: MapBatchKeysRequest & { readonly values?: Uint8Array },
  supported: (map: BpfMap) => boolean,
  each: typeof writeElement,
  syscall: string,
): number {
  const file = host.mapFile(r.mapFd, syscall)
  const { map } = file.object
  mayWrite(file, syscall)
  if (!supported(map)) fail(ENOTSUPP, syscall)
  const flags = checkElementFlags(map, r.elemFlags, syscall)
  if (r.count === 0) return 0
  const valueSize = r.values === undefined ? 0 : userValueSize(host.machine, map)
  if (r.keys.length < r.count * map.keySize || (r.values?.length ?? 0) < r.count * valueSize) {
    fail(EFAULT, syscall, `keys or values hold fewer than ${r.count} elements`)
  }
  return withRoom(host.machine, map, syscall, (room) => {
    for (let i = 0; i < r.count; i++) {
      const { memory } = host.machine
      memory.write(room.key, r.keys.subarray(i * map.keySize, (i + 1) * map.keySize))
      if (r.values !== undefined) memory.write(room.value, r.values.subarray(i * valueSize, (i + 1) * valueSize))
      const status = each(host, map, room.key, room, flags)
      if (status !== 0) throw new KernelError(status, syscall, { hint: `${i} of ${r.count} elements were handled` })
    }
    return r.count
  })
}

export function mapUpdateBatch(host: MapHost, r: MapBatchKeysRequest & { readonly values: Uint8Array }): number {
  const supported = (map: BpfMap): boolean => BUCKETS.has(map.type) || KEYS.has(map.type)
  return writeKeys(host, r, supported, writeElement, 'map_update_batch')
}

export function mapDeleteBatch(host: MapHost, r: MapBatchKeysRequest): number {
  const supported = (map: BpfMap): boolean => BUCKETS.has(map.type) || map.type === MAP_TYPE.LPM_TRIE
  return writeKeys(host, r, supported, deleteElement, 'map_delete_batch')
}
