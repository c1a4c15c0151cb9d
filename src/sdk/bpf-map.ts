import { UsageError } from '../base/index.js'
import { type Btf, parseBtf } from '../btf/index.js'
import { errorCode, type Fd, type Kernel, type MapAccess, type MapInfo } from '../kernel/index.js'
import { bpf_map_type, mapTypeName } from '../spec/index.js'
import { btfCodec, bytesCodec, type Codec } from './codec.js'
import { Handle } from './handle.js'
import { BatchCursor, copyBytes, type ElementCursor, KeyCursor, putValue, takeValue } from './map-elements.js'
import { MappedArray, type MappedArrayOptions } from './mapped-array.js'

/** Flags of an update: create or replace, only create, only replace. */
export type UpdateMode = 'any' | 'create' | 'replace'

const MODE_FLAGS: Readonly<Record<UpdateMode, number>> = { any: 0, create: 1, replace: 2 }
const F_LOCK = 4
const ENOENT = 2
const T = bpf_map_type
const PER_CPU: ReadonlySet<number> = new Set([
  T.BPF_MAP_TYPE_PERCPU_HASH,
  T.BPF_MAP_TYPE_PERCPU_ARRAY,
  T.BPF_MAP_TYPE_LRU_PERCPU_HASH,
  T.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
])
/** Values are descriptors or ids of other objects. */
const FD_VALUED: ReadonlySet<number> = new Set([
  T.BPF_MAP_TYPE_PROG_ARRAY,
  T.BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  T.BPF_MAP_TYPE_CGROUP_ARRAY,
  T.BPF_MAP_TYPE_ARRAY_OF_MAPS,
  T.BPF_MAP_TYPE_HASH_OF_MAPS,
])
/** Types that kernels read bucket by bucket. */
const BUCKETS: ReadonlySet<number> = new Set([
  T.BPF_MAP_TYPE_HASH,
  T.BPF_MAP_TYPE_PERCPU_HASH,
  T.BPF_MAP_TYPE_LRU_HASH,
  T.BPF_MAP_TYPE_LRU_PERCPU_HASH,
])
const BATCH = 256

export interface MapTypes {
  readonly btf: Btf
  readonly keyTypeId: number
  readonly valueTypeId: number
}

export interface LookupBatchOptions {
  readonly after?: Uint8Array
  readonly keys?: ArrayBufferView
  readonly values?: ArrayBufferView
  readonly take?: boolean
}

/** Elements side by side: keys of `keySize`, values of `valueSize` bytes (per-CPU types: of all CPUs, rounded up to 8 each). */
export interface MapBatch {
  readonly keys: Uint8Array
  readonly values: Uint8Array
  readonly count: number
  /** Where to go on; undefined at the end. */
  readonly next: Uint8Array | undefined
}

/**
 * A map of a kernel: a JavaScript Map's vocabulary over bpf(2). Keys and values go through codecs: typed by the map's BTF
 * where it has one, else Uint8Array. Per-CPU maps take and give arrays with one value for each possible CPU.
 */
export class BpfMap<K = unknown, V = unknown> {
  readonly name: string
  /** BPF_MAP_TYPE_* number. */
  readonly type: number
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  readonly flags: number
  readonly perCpu: boolean
  /** BTF types of key and value, where known. */
  readonly types: MapTypes | undefined
  readonly #handle: Handle
  readonly #key: Codec<K>
  readonly #value: Codec<V>
  /** Values are descriptors, or come once per CPU: not what the codec alone makes of bytes. */
  readonly #composed: boolean
  /** The kernel's short way to the elements; null: there is none. */
  #access: MapAccess | null | undefined

  constructor(handle: Handle, info: MapInfo, types?: MapTypes, codecs: { key?: Codec<K>; value?: Codec<V> } = {}) {
    this.#handle = handle
    this.name = info.name
    this.type = info.type
    this.keySize = info.keySize
    this.valueSize = info.valueSize
    this.maxEntries = info.maxEntries
    this.flags = info.mapFlags
    this.perCpu = PER_CPU.has(info.type)
    this.types = types
    this.#key = codecs.key ?? (codecOf(types, types?.keyTypeId, info.keySize) as Codec<K>)
    const valueTypeId = FD_VALUED.has(info.type) ? undefined : types?.valueTypeId
    this.#composed = this.perCpu || FD_VALUED.has(info.type)
    this.#value = codecs.value ?? (codecOf(types, valueTypeId, info.valueSize) as Codec<V>)
  }

  /** Opens a map by what a kernel says of a descriptor, taking the descriptor over: it is closed on failure. */
  static fromFd<K = unknown, V = unknown>(kernel: Kernel, fd: Fd, types?: MapTypes): BpfMap<K, V> {
    const handle = new Handle(kernel, fd)
    try {
      const info = kernel.call('obj_get_info_by_fd', { fd })
      if (info.kind !== 'map') throw new UsageError(`descriptor ${fd} is a ${info.kind}, not a map`)
      return new BpfMap<K, V>(handle, info, types)
    } catch (error) {
      handle.close()
      throw error
    }
  }

  /**
   * Opens a pinned map. Keys and values are typed by the BTF the kernel holds of it, if any. Throws KernelError (ENOENT), UsageError
   * for a pin of something else.
   */
  static openPinned<K = unknown, V = unknown>(kernel: Kernel, pathname: string): BpfMap<K, V> {
    const handle = new Handle(kernel, kernel.call('obj_get', { pathname }))
    try {
      const info = kernel.call('obj_get_info_by_fd', { fd: handle.fd })
      if (info.kind !== 'map') throw new UsageError(`${pathname} is a ${info.kind}, not a map`)
      return new BpfMap<K, V>(handle, info, kernelTypesOf(kernel, info))
    } catch (error) {
      handle.close()
      throw error
    }
  }

  get kernel(): Kernel {
    return this.#handle.kernel
  }

  /** Descriptor in the map's kernel session. Throws once the map is closed. */
  get fd(): Fd {
    return this.#handle.fd
  }

  /** 'hash', 'array' … as bpftool prints it. */
  get typeName(): string {
    return mapTypeName(this.type) ?? `type ${this.type}`
  }

  /** The same map seen through other codecs. */
  withCodecs<K2, V2>(key: Codec<K2>, value: Codec<V2>): BpfMap<K2, V2> {
    return new BpfMap<K2, V2>(this.#handle, this.info(), this.types, { key, value })
  }

  info(): MapInfo {
    return this.kernel.call('obj_get_info_by_fd', { fd: this.fd }) as MapInfo
  }

  /** The value of a key, undefined if there is none. */
  get(key: K): V | undefined {
    const access = this.#access ?? this.#reach()
    if (access !== undefined && putValue(this.#key, key, access.bytes, access.keyAt, access.keySize)) {
      const status = access.lookup(0)
      if (status === 0) return this.#taken(access)
      if (status === -ENOENT) return undefined
    }
    const bytes = this.#lookup({ key: this.#key.encode(key) })
    return bytes === undefined ? undefined : this.#decodeValue(bytes)
  }

  has(key: K): boolean {
    return this.getBytes(this.#key.encode(key)) !== undefined
  }

  /** Throws KernelError: EEXIST and ENOENT by `mode`, E2BIG when full. `lock` takes the value's bpf_spin_lock. */
  set(key: K, value: V, options?: { mode?: UpdateMode; lock?: boolean }): this {
    const flags = options === undefined ? 0 : MODE_FLAGS[options.mode ?? 'any'] | (options.lock === true ? F_LOCK : 0)
    const access = this.#access ?? this.#reach()
    // The value first: making it may run code of the caller's, which may use this map.
    if (
      access !== undefined &&
      this.#put(access, value) &&
      putValue(this.#key, key, access.bytes, access.keyAt, access.keySize) &&
      access.update(flags) === 0
    ) {
      return this
    }
    this.#update(this.#key.encode(key), this.#encodeValue(value), BigInt(flags))
    return this
  }

  /** True if the key was there. */
  delete(key: K): boolean {
    const access = this.#access ?? this.#reach()
    if (access !== undefined && putValue(this.#key, key, access.bytes, access.keyAt, access.keySize)) {
      const status = access.delete()
      if (status === 0) return true
      if (status === -ENOENT) return false
    }
    return this.#deleteBytes(this.#key.encode(key))
  }

  /** Looks up and deletes in one step; undefined if there is no such key. QUEUE and STACK: pass no key, see `pop`. */
  take(key: K): V | undefined {
    return this.#take({ key: this.#key.encode(key) })
  }

  /** QUEUE, STACK, BLOOM_FILTER: adds a value. `replace` drops the oldest of a full queue or stack. */
  push(value: V, options: { replace?: boolean } = {}): void {
    const flags = options.replace === true ? 2n : 0n
    this.kernel.call('map_update_elem', { mapFd: this.fd, value: this.#encodeValue(value), flags })
  }

  /** QUEUE, STACK: takes the next value; undefined when empty. */
  pop(): V | undefined {
    return this.#take({})
  }

  /** QUEUE, STACK: the next value, which stays; undefined when empty. */
  peek(): V | undefined {
    const bytes = this.#lookup({})
    return bytes === undefined ? undefined : this.#decodeValue(bytes)
  }

  /** Raw bytes of a value (per-CPU types: all copies, each rounded up to 8 bytes). */
  getBytes(key: Uint8Array): Uint8Array | undefined {
    const access = this.#access ?? this.#reach()
    if (access !== undefined && key.length === access.keySize) {
      copyBytes(key, access.bytes, access.keyAt)
      const status = access.lookup(0)
      if (status === 0) return access.bytes.slice(access.valueAt, access.valueAt + access.valueSize)
      if (status === -ENOENT) return undefined
    }
    return this.#lookup({ key })
  }

  setBytes(key: Uint8Array, value: Uint8Array, flags = 0n): void {
    const access = this.#access ?? this.#reach()
    if (
      access !== undefined &&
      key.length === access.keySize &&
      value.length === access.valueSize &&
      flags >= 0n &&
      flags <= 0xffff_ffffn
    ) {
      copyBytes(key, access.bytes, access.keyAt)
      copyBytes(value, access.bytes, access.valueAt)
      if (access.update(Number(flags)) === 0) return
    }
    this.#update(key, value, flags)
  }

  /**
   * Keys as bytes, in the kernel's order. Entries deleted or added meanwhile may or may not be seen. Hashes are read ahead, some
   * hundred entries at once, and what stays in them comes exactly once; other types start over when a key goes while they are at it.
   */
  *rawKeys(): Generator<Uint8Array, void, undefined> {
    const cursor = this.#cursor()
    while (cursor.advance()) yield this.#keyAt(cursor)
  }

  *rawEntries(): Generator<[Uint8Array, Uint8Array], void, undefined> {
    const cursor = this.#cursor()
    while (cursor.advance()) {
      const value = this.#valueAt(cursor)
      if (value !== undefined) yield [this.#keyAt(cursor), value]
    }
  }

  *keys(): Generator<K, void, undefined> {
    const cursor = this.#cursor()
    while (cursor.advance()) yield takeValue(this.#key, cursor.keys, cursor.keyAt, this.keySize)
  }

  *values(): Generator<V, void, undefined> {
    for (const [, value] of this.entries()) yield value
  }

  *entries(): Generator<[K, V], void, undefined> {
    const cursor = this.#cursor()
    while (cursor.advance()) {
      if (cursor.values !== undefined && !this.#composed) {
        const value = takeValue(this.#value, cursor.values, cursor.valueAt, this.valueSize)
        yield [takeValue(this.#key, cursor.keys, cursor.keyAt, this.keySize), value]
        continue
      }
      const value = this.#valueAt(cursor)
      if (value === undefined) continue
      yield [takeValue(this.#key, cursor.keys, cursor.keyAt, this.keySize), this.#decodeValue(value)]
    }
  }

  [Symbol.iterator](): Generator<[K, V], void, undefined> {
    return this.entries()
  }

  /** Sets many elements with few system calls where the type knows batches, one by one else. */
  setMany(entries: Iterable<readonly [K, V]>): number {
    const all = [...entries]
    let done = 0
    try {
      while (done < all.length) {
        const part = all.slice(done, done + BATCH)
        const keys = concat(part.map(([key]) => this.#key.encode(key)))
        const values = concat(part.map(([, value]) => this.#encodeValue(value)))
        done += this.updateBatch(keys, values)
      }
    } catch (error) {
      if (done > 0 || !NO_BATCH.has(errorCode(error) ?? '')) throw error
      for (const [key, value] of all) this.set(key, value)
    }
    return all.length
  }

  /**
   * Elements as packed memory, with one system call: at most `count`, from the position `after` that the part before gave as
   * `next` (undefined at the end of the map). `keys` and `values` may be typed arrays of the caller's to read into, with room for
   * `count`. `take` deletes what it reads. Throws KernelError: ENOTSUPP for types without batches, ENOSPC where `count` is smaller
   * than a hash's bucket.
   */
  lookupBatch(count: number, options: LookupBatchOptions = {}): MapBatch {
    const { after, keys, values, take } = options
    const { kernel, fd } = this.#handle
    const found = kernel.call(take === true ? 'map_lookup_and_delete_batch' : 'map_lookup_batch', {
      mapFd: fd,
      count,
      ...(after === undefined ? {} : { inBatch: after }),
      ...(keys === undefined ? {} : { keys: bytesOf(keys) }),
      ...(values === undefined ? {} : { values: bytesOf(values) }),
    })
    return { keys: found.keys, values: found.values, count: found.count, next: found.outBatch }
  }

  /** Sets elements given as packed memory (`Uint32Array` and the like) with one system call. Returns how many. Throws KernelError. */
  updateBatch(keys: ArrayBufferView, values: ArrayBufferView): number {
    const { kernel, fd } = this.#handle
    const count = Math.floor(keys.byteLength / this.keySize)
    return kernel.call('map_update_batch', { mapFd: fd, keys: bytesOf(keys), values: bytesOf(values), count })
  }

  /** Deletes elements whose keys are given as packed memory with one system call. Returns how many. Throws KernelError. */
  deleteBatch(keys: ArrayBufferView): number {
    const { kernel, fd } = this.#handle
    const count = Math.floor(keys.byteLength / this.keySize)
    return kernel.call('map_delete_batch', { mapFd: fd, keys: bytesOf(keys), count })
  }

  /** Deletes every element (arrays keep theirs: they cannot be deleted, EINVAL). Returns how many went. */
  clear(): number {
    let count = 0
    for (const key of [...this.rawKeys()]) if (this.#deleteBytes(key)) count++
    return count
  }

  /** The elements of an array with BPF_F_MMAPABLE as memory. Throws KernelError where it cannot be mapped. */
  mmap(options: MappedArrayOptions = {}): MappedArray<V> {
    return new MappedArray<V>(this, this.#value, options)
  }

  /** From now on system calls cannot change the map. */
  freeze(): void {
    this.kernel.call('map_freeze', { mapFd: this.fd })
  }

  pin(pathname: string): void {
    this.kernel.call('obj_pin', { bpfFd: this.fd, pathname })
  }

  close(): void {
    this.#handle.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #lookup(request: { key?: Uint8Array }): Uint8Array | undefined {
    try {
      const { kernel, fd } = this.#handle
      const { key } = request
      return kernel.call('map_lookup_elem', key === undefined ? { mapFd: fd } : { mapFd: fd, key })
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  #take(request: { key?: Uint8Array }): V | undefined {
    try {
      return this.#decodeValue(this.kernel.call('map_lookup_and_delete_elem', { mapFd: this.fd, ...request }))
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  /** Makes `#access` known. Maps without keys go through `call`. */
  #reach(): MapAccess | undefined {
    if (this.#access === undefined) {
      const { kernel, fd } = this.#handle
      this.#access = (this.keySize === 0 ? undefined : kernel.mapAccess?.(fd)) ?? null
    }
    return this.#access ?? undefined
  }

  #put(access: MapAccess, value: V): boolean {
    if (!this.#composed) return putValue(this.#value, value, access.bytes, access.valueAt, access.valueSize)
    const bytes = this.#encodeValue(value)
    if (bytes.length !== access.valueSize) return false
    copyBytes(bytes, access.bytes, access.valueAt)
    return true
  }

  #taken(access: MapAccess): V {
    const { bytes, valueAt, valueSize } = access
    if (!this.#composed) return takeValue(this.#value, bytes, valueAt, valueSize)
    return this.#decodeValue(bytes.slice(valueAt, valueAt + valueSize))
  }

  #cursor(): ElementCursor {
    if (BUCKETS.has(this.type)) {
      const batches = new BatchCursor(this, this.#userValueSize())
      if (batches.begin()) return batches
    }
    return new KeyCursor(this, this.#reach())
  }

  #keyAt({ keys, keyAt }: ElementCursor): Uint8Array {
    return keys.slice(keyAt, keyAt + this.keySize)
  }

  #valueAt(cursor: ElementCursor): Uint8Array | undefined {
    const { values, valueAt } = cursor
    if (values !== undefined) return values.slice(valueAt, valueAt + this.#userValueSize())
    try {
      return this.getBytes(this.#keyAt(cursor))
    } catch (error) {
      if (errorCode(error) !== 'EOPNOTSUPP') throw error
      return undefined
    }
  }

  #userValueSize(): number {
    return this.perCpu ? ((this.valueSize + 7) & ~7) * this.kernel.possibleCpus : this.valueSize
  }

  #update(key: Uint8Array, value: Uint8Array, flags: bigint): void {
    const { kernel, fd } = this.#handle
    kernel.call('map_update_elem', { mapFd: fd, key, value, flags })
  }

  #deleteBytes(key: Uint8Array): boolean {
    try {
      this.kernel.call('map_delete_elem', { mapFd: this.fd, key })
      return true
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false
      throw error
    }
  }

  #encodeValue(value: V): Uint8Array {
    if (!this.perCpu) return FD_VALUED.has(this.type) ? fdBytes(value) : this.#value.encode(value)
    const stride = (this.valueSize + 7) & ~7
    const copies = Array.isArray(value) ? value : undefined
    if (copies === undefined || copies.length !== this.kernel.possibleCpus) {
      throw new UsageError(
        `map '${this.name}' takes an array with one value for each of ${this.kernel.possibleCpus} CPUs`,
      )
    }
    const bytes = new Uint8Array(stride * copies.length)
    for (const [cpu, copy] of copies.entries()) bytes.set(this.#value.encode(copy as V), cpu * stride)
    return bytes
  }

  #decodeValue(bytes: Uint8Array): V {
    if (!this.perCpu) return this.#value.decode(bytes)
    const stride = (this.valueSize + 7) & ~7
    const copies: V[] = []
    for (let at = 0; at + this.valueSize <= bytes.length; at += stride) {
      copies.push(this.#value.decode(bytes.subarray(at, at + this.valueSize)))
    }
    return copies as V
  }
}

/** The types that the kernel holds of a map. */
function kernelTypesOf(kernel: Kernel, info: MapInfo): MapTypes | undefined {
  if (info.btfId === 0) return undefined
  using handle = new Handle(kernel, kernel.call('btf_get_fd_by_id', { id: info.btfId }))
  const btf = kernel.call('obj_get_info_by_fd', { fd: handle.fd, details: true })
  if (btf.kind !== 'btf' || btf.btf === undefined) return undefined
  return { btf: parseBtf(btf.btf), keyTypeId: info.btfKeyTypeId, valueTypeId: info.btfValueTypeId }
}

/** Errors by which a map type says that it has no batch operations. */
const NO_BATCH: ReadonlySet<string> = new Set(['ENOTSUPP', 'EOPNOTSUPP', 'EINVAL'])

/** Maps of maps and program arrays take the object itself (anything with an `fd`), a descriptor, or its bytes. */
function fdBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  const fd = typeof value === 'number' ? value : (value as { fd?: unknown } | null | undefined)?.fd
  if (typeof fd !== 'number')
    throw new UsageError('this map holds other objects: give a map, a program, or a descriptor')
  return Uint8Array.of(fd & 0xff, (fd >>> 8) & 0xff, (fd >>> 16) & 0xff, fd >>> 24)
}

function codecOf(types: MapTypes | undefined, typeId: number | undefined, size: number): Codec<unknown> {
  if (types === undefined || typeId === undefined || typeId === 0) return bytesCodec(size) as Codec<unknown>
  // A compiler leaves the sections of externs (.kconfig) without size and offsets: there is nothing to tell variables by.
  const type = types.btf.type(typeId)
  if (type.kind === 'datasec' && type.size === 0) return bytesCodec(size) as Codec<unknown>
  return btfCodec(types.btf, typeId, size)
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return view instanceof Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
