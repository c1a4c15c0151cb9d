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

/** Goes through a map's keys, each in the same bytes. */
export class KeyCursor {
  /** The key that `advance` found. */
  readonly key: Uint8Array
  readonly #map: MapPlace
  readonly #access: MapAccess | undefined
  #step = 0

  constructor(map: MapPlace, access: MapAccess | undefined) {
    this.#map = map
    this.#access = access
    this.key = new Uint8Array(map.keySize)
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
    if (!first) copyBytes(this.key, access.bytes, access.keyAt)
    const status = access.nextKey(first)
    if (status === -ENOENT) return false
    if (status < 0) return this.#call(first)
    const { bytes, nextAt } = access
    const { key } = this
    if (key.length > SMALL) key.set(bytes.subarray(nextAt, nextAt + key.length))
    else for (let i = 0; i < key.length; i++) key[i] = bytes[nextAt + i] as number
    return true
  }

  #call(first: boolean): boolean {
    const { kernel, fd: mapFd } = this.#map
    try {
      this.key.set(kernel.call('map_get_next_key', first ? { mapFd } : { mapFd, key: this.key }))
      return true
    } catch (error) {
      if (error instanceof KernelError && error.errno === ENOENT) return false
      throw error
    }
  }
}
