import { type Fd, type Kernel, KernelError, type MapAccess } from '../kernel/index.js'
import type { Codec } from './codec.js'

const ENOENT = 2
/** Shorter copies are faster byte by byte than by a call. */
const SMALL = 24

/** Copies the whole of `from` to `to` at an offset. */
export function copyBytes(from: Uint8Array, to: Uint8Array, at: number): void {
  const { length } = from
  if (length > SMALL) {
    to.set(from, at)
    return
  }
  for (let i = 0; i < length; i++) to[at + i] = from[i] as number
}

/** Writes what a codec makes of a value; false where it has not `size` bytes. */
export function putValue<T>(codec: Codec<T>, value: T, bytes: Uint8Array, at: number, size: number): boolean {
  if (codec.writeAt !== undefined && codec.size === size) {
    codec.writeAt(bytes, at, value)
    return true
  }
  const encoded = codec.encode(value)
  if (encoded.length !== size) return false
  copyBytes(encoded, bytes, at)
  return true
}

/** What a codec makes of bytes that will soon hold something else. */
export function takeValue<T>(codec: Codec<T>, bytes: Uint8Array, at: number, size: number): T {
  if (codec.readAt !== undefined && codec.size === size) return codec.readAt(bytes, at)
  return codec.decode(bytes.slice(at, at + size))
}

export interface MapPlace {
  readonly kernel: Kernel
  readonly fd: Fd
  readonly keySize: number
  readonly maxEntries: number
  readonly name: string
}

/** A place in a map, which moves on. */
export interface ElementCursor {
  /** Holds the key that `advance` found, until the next one, from `keyAt` on. */
  readonly keys: Uint8Array
  readonly keyAt: number
  /** Its value, where that came along: from `valueAt` on. */
  readonly values: Uint8Array | undefined
  readonly valueAt: number
  /** False at the end. Throws KernelError. */
  advance(): boolean
}

const FIRST_BATCH = 256
const BATCH_BYTES = 1 << 18
const NO_BATCHES: ReadonlySet<string> = new Set(['ENOTSUPP', 'EOPNOTSUPP', 'EINVAL'])

/**
 * Goes through a hash bucket by bucket: what is there from the beginning to the end comes exactly once, whatever is added or
 * deleted meanwhile. Elements are read ahead, some hundreds at once.
 */
export class BatchCursor implements ElementCursor {
  keys: Uint8Array
  values: Uint8Array
  keyAt: number
  valueAt: number
  readonly #map: MapPlace
  readonly #valueSize: number
  #size: number
  #left = 0
  #after: Uint8Array | undefined
  #ended = false

  constructor(map: MapPlace, valueSize: number) {
    this.#map = map
    this.#valueSize = valueSize
    const most = Math.max(8, Math.floor(BATCH_BYTES / (map.keySize + valueSize)))
    this.#size = Math.min(FIRST_BATCH, most, Math.max(8, map.maxEntries))
    this.keys = new Uint8Array(this.#size * map.keySize)
    this.values = new Uint8Array(this.#size * valueSize)
    this.keyAt = 0
    this.valueAt = 0
  }

  /** Reads the first part. False where the kernel has no batches for this map. */
  begin(): boolean {
    try {
      this.#fill()
      return true
    } catch (error) {
      if (error instanceof KernelError && NO_BATCHES.has(error.code)) return false
      throw error
    }
  }

  advance(): boolean {
    while (this.#left === 0) {
      if (this.#ended) return false
      this.#fill()
    }
    this.#left--
    this.keyAt += this.#map.keySize
    this.valueAt += this.#valueSize
    return true
  }

  #fill(): void {
    const { kernel, fd: mapFd, keySize } = this.#map
    for (;;) {
      const { keys, values } = this
      const request = { mapFd, count: this.#size, keys, values }
      try {
        const found = kernel.call(
          'map_lookup_batch',
          this.#after === undefined ? request : { ...request, inBatch: this.#after },
        )
        this.#left = found.count
        this.#after = found.outBatch
        this.#ended = found.outBatch === undefined
        this.keyAt = -keySize
        this.valueAt = -this.#valueSize
        return
      } catch (error) {
        // A bucket that is larger than the part.
        if (!(error instanceof KernelError) || error.code !== 'ENOSPC' || this.#size > this.#map.maxEntries) throw error
        this.#size *= 2
        this.keys = new Uint8Array(this.#size * keySize)
        this.values = new Uint8Array(this.#size * this.#valueSize)
      }
    }
  }
}

/** Goes through a map's keys one by one, each in the same bytes. */
export class KeyCursor implements ElementCursor {
  readonly keys: Uint8Array
  readonly keyAt = 0
  readonly values = undefined
  readonly valueAt = 0
  readonly #map: MapPlace
  readonly #access: MapAccess | undefined
  #step = 0

  constructor(map: MapPlace, access: MapAccess | undefined) {
    this.#map = map
    this.#access = access
    this.keys = new Uint8Array(map.keySize)
  }

  /** False at the end. Throws KernelError: EAGAIN for a map that changes faster than it can be read. */
  advance(): boolean {
    const first = this.#step === 0
    // A key that is gone makes the kernel start over: the limit keeps that from going on for ever.
    if (this.#step++ > this.#map.maxEntries * 2 + 16) {
      throw new KernelError('EAGAIN', 'map_get_next_key', {
        hint: `map '${this.#map.name}' changed faster than it could be read`,
      })
    }
    const access = this.#access
    if (access === undefined) return this.#call(first)
    if (!first) copyBytes(this.keys, access.bytes, access.keyAt)
    const status = access.nextKey(first)
    if (status === -ENOENT) return false
    if (status < 0) return this.#call(first)
    const { bytes, nextAt } = access
    const { keys: key } = this
    if (key.length > SMALL) key.set(bytes.subarray(nextAt, nextAt + key.length))
    else for (let i = 0; i < key.length; i++) key[i] = bytes[nextAt + i] as number
    return true
  }

  #call(first: boolean): boolean {
    const { kernel, fd: mapFd } = this.#map
    try {
      this.keys.set(kernel.call('map_get_next_key', first ? { mapFd } : { mapFd, key: this.keys }))
      return true
    } catch (error) {
      if (error instanceof KernelError && error.errno === ENOENT) return false
      throw error
    }
  }
}
