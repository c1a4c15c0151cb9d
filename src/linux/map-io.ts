import { ERRNO } from '../base/index.js'
import { KernelError, type MapAccess, type OperationName } from '../kernel/index.js'
import { diagnose } from './diagnose.js'
import type { Sys } from './ffi/sys.js'

/** Sizes the kernel reads and writes for a map's elements, which its calls do not carry. */
export interface MapShape {
  readonly keySize: number
  /** Bytes of a value as system calls see it: all CPUs' copies for per-CPU types. */
  readonly userValueSize: number
}

const NR_BPF = process.arch === 'arm64' ? 280 : 321
/** The part of union bpf_attr that element commands use: map_fd, key, value or next_key, flags. */
const ATTR_SIZE = 32
/** Words of it. */
const KEY = 2
const VALUE = 4
const FLAGS = 6
/** First word of each command's own attr: what does not change is written once. */
const ELEMENT = 0
const DELETE = 8
const NEXT = 16
const ATTRS = 3
const MAP_LOOKUP_ELEM = 1
const MAP_UPDATE_ELEM = 2
const MAP_DELETE_ELEM = 3
const MAP_GET_NEXT_KEY = 4
/** Shorter copies are faster byte by byte than by a call. */
const SMALL = 24

/**
 * One map's own memory for single-element commands: attrs, key and value at fixed addresses, so that a call allocates nothing and
 * computes no pointer. The bytes stay reachable here as long as their addresses are used.
 */
export class MapIo implements MapShape, MapAccess {
  readonly keySize: number
  readonly userValueSize: number
  readonly valueSize: number
  readonly bytes: Uint8Array
  readonly keyAt: number
  readonly nextAt: number
  readonly valueAt: number
  readonly #sys: Sys
  readonly #words: Uint32Array
  readonly #address: number

  constructor(sys: Sys, fd: number, shape: MapShape) {
    this.#sys = sys
    this.keySize = shape.keySize
    this.userValueSize = shape.userValueSize
    this.valueSize = shape.userValueSize
    const keyRoom = Math.max(8, (shape.keySize + 7) & ~7)
    this.keyAt = ATTRS * ATTR_SIZE
    this.nextAt = this.keyAt + keyRoom
    this.valueAt = this.nextAt + keyRoom
    const buffer = new ArrayBuffer(Math.max(128, (this.valueAt + shape.userValueSize + 7) & ~7))
    this.bytes = new Uint8Array(buffer)
    this.#words = new Uint32Array(buffer)
    this.#address = sys.address(this.bytes)
    for (const attr of [ELEMENT, DELETE, NEXT]) {
      this.#words[attr] = fd
      this.#pointer(attr + KEY, this.keyAt)
    }
    this.#pointer(ELEMENT + VALUE, this.valueAt)
    this.#pointer(NEXT + VALUE, this.nextAt)
  }

  /** The descriptor is gone: its number may soon be another's. */
  end(): void {
    for (const attr of [ELEMENT, DELETE, NEXT]) this.#words[attr] = 0xffff_ffff
  }

  lookup(flags: number): number {
    this.#words[ELEMENT + FLAGS] = flags
    return this.#call(MAP_LOOKUP_ELEM, ELEMENT)
  }

  update(flags: number): number {
    this.#words[ELEMENT + FLAGS] = flags
    return this.#call(MAP_UPDATE_ELEM, ELEMENT)
  }

  delete(): number {
    return this.#call(MAP_DELETE_ELEM, DELETE)
  }

  nextKey(first: boolean): number {
    if (!first) return this.#call(MAP_GET_NEXT_KEY, NEXT)
    return this.#without(NEXT, () => this.#call(MAP_GET_NEXT_KEY, NEXT))
  }

  /** The value of an element; `given`: what a look-up in a bloom filter asks about. Throws KernelError. */
  lookupElem(
    cmd: number,
    syscall: OperationName,
    key: Uint8Array | undefined,
    given: Uint8Array | undefined,
    flags: bigint | undefined,
  ): Uint8Array {
    if (given !== undefined) this.#setValue(given, syscall)
    this.#element(cmd, syscall, ELEMENT, key, flags)
    return this.#copyOf(this.valueAt, this.userValueSize)
  }

  updateElem(key: Uint8Array | undefined, value: Uint8Array, flags: bigint | undefined): void {
    this.#setValue(value, 'map_update_elem')
    this.#element(MAP_UPDATE_ELEM, 'map_update_elem', ELEMENT, key, flags)
  }

  deleteElem(key: Uint8Array | undefined, flags: bigint | undefined): void {
    this.#element(MAP_DELETE_ELEM, 'map_delete_elem', DELETE, key, flags)
  }

  nextElemKey(key: Uint8Array | undefined): Uint8Array {
    this.#element(MAP_GET_NEXT_KEY, 'map_get_next_key', NEXT, key, undefined)
    return this.#copyOf(this.nextAt, this.keySize)
  }

  #element(
    cmd: number,
    syscall: OperationName,
    attr: number,
    key: Uint8Array | undefined,
    flags: bigint | undefined,
  ): void {
    const plain = flags === undefined || flags === 0n
    this.#words[attr + FLAGS] = plain ? 0 : Number(flags & 0xffff_ffffn)
    if (!plain) this.#words[attr + FLAGS + 1] = Number(BigInt.asUintN(64, flags) >> 32n)
    let status: number
    if (key === undefined) status = this.#without(attr, () => this.#call(cmd, attr))
    else {
      if (key.length < this.keySize) {
        const hint = `the key has ${key.length} bytes, the map's keys have ${this.keySize}`
        throw new KernelError('EFAULT', syscall, { hint })
      }
      copy(key, this.bytes, this.keyAt, this.keySize)
      status = this.#call(cmd, attr)
    }
    if (!plain) this.#words[attr + FLAGS + 1] = 0
    if (status < 0)
      throw status === -ERRNO.ENOENT ? expected(syscall) : diagnose(syscall, {}, new KernelError(status, syscall))
  }

  /** Runs a call whose key pointer is NULL. */
  #without(attr: number, call: () => number): number {
    this.#words[attr + KEY] = 0
    this.#words[attr + KEY + 1] = 0
    const status = call()
    this.#pointer(attr + KEY, this.keyAt)
    return status
  }

  #setValue(value: Uint8Array, syscall: string): void {
    if (value.length < this.userValueSize) {
      const hint = `the value has ${value.length} bytes, the map takes ${this.userValueSize}`
      throw new KernelError('EFAULT', syscall, { hint })
    }
    copy(value, this.bytes, this.valueAt, this.userValueSize)
  }

  #copyOf(at: number, size: number): Uint8Array {
    if (size > SMALL) return this.bytes.slice(at, at + size)
    const { bytes } = this
    const made = new Uint8Array(size)
    for (let i = 0; i < size; i++) made[i] = bytes[at + i] as number
    return made
  }

  /** Writes the address of our byte `at` as a 64-bit word pair. */
  #pointer(word: number, at: number): void {
    const address = this.#address + at
    this.#words[word] = address % 0x1_0000_0000
    this.#words[word + 1] = Math.floor(address / 0x1_0000_0000)
  }

  /** 0 or a negative errno. */
  #call(cmd: number, attr: number): number {
    const address = this.#address + attr * 4
    for (let attempt = 0; ; attempt++) {
      if (this.#sys.syscall(NR_BPF, cmd, address, ATTR_SIZE) >= 0) return 0
      const errno = this.#sys.errno()
      // The kernel asks for a retry when a signal or a concurrent update interrupts it.
      if ((errno === ERRNO.EAGAIN || errno === ERRNO.EINTR) && attempt < 10) continue
      return -errno
    }
  }
}

function copy(from: Uint8Array, to: Uint8Array, at: number, size: number): void {
  if (size > SMALL) {
    to.set(from.length === size ? from : from.subarray(0, size), at)
    return
  }
  for (let i = 0; i < size; i++) to[at + i] = from[i] as number
}

const expectedErrors = new Map<string, KernelError>()

/**
 * ENOENT is an answer more than an error, and making one costs more than the call: each command has one, without a stack,
 * frozen because everybody gets the same.
 */
function expected(syscall: string): KernelError {
  let error = expectedErrors.get(syscall)
  if (error === undefined) {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    error = Object.freeze(new KernelError('ENOENT', syscall))
    Error.stackTraceLimit = stackTraceLimit
    expectedErrors.set(syscall, error)
  }
  return error
}
