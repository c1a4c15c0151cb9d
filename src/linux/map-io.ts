import { ERRNO } from '../base/index.js'
import { KernelError } from '../kernel/index.js'
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
/** Shorter copies are faster byte by byte than by a call. */
const SMALL = 24

/**
 * One map's own memory for single-element commands: attr, key and value at fixed addresses, so that a call allocates nothing and
 * computes no pointer. The bytes stay reachable here as long as their addresses are used.
 */
export class MapIo implements MapShape {
  readonly keySize: number
  readonly userValueSize: number
  readonly #sys: Sys
  readonly #bytes: Uint8Array
  readonly #words: Uint32Array
  readonly #quads: BigUint64Array
  readonly #address: number
  readonly #keyAt: number
  readonly #nextAt: number
  readonly #valueAt: number

  constructor(sys: Sys, fd: number, shape: MapShape) {
    this.#sys = sys
    this.keySize = shape.keySize
    this.userValueSize = shape.userValueSize
    const keyRoom = Math.max(8, (shape.keySize + 7) & ~7)
    this.#keyAt = ATTR_SIZE
    this.#nextAt = this.#keyAt + keyRoom
    this.#valueAt = this.#nextAt + keyRoom
    const buffer = new ArrayBuffer(Math.max(128, (this.#valueAt + shape.userValueSize + 7) & ~7))
    this.#bytes = new Uint8Array(buffer)
    this.#words = new Uint32Array(buffer)
    this.#quads = new BigUint64Array(buffer)
    this.#address = sys.address(this.#bytes)
    this.#words[0] = fd
  }

  /** The value of an element; `given`: what a look-up in a bloom filter asks about. Throws KernelError. */
  lookup(
    cmd: number,
    syscall: string,
    key: Uint8Array | undefined,
    given: Uint8Array | undefined,
    flags: bigint | undefined,
  ): Uint8Array {
    this.#setKey(key, syscall)
    if (given !== undefined) this.#setValue(given, syscall)
    this.#pointer(4, this.#valueAt)
    this.#setFlags(flags)
    this.#call(cmd, syscall)
    return this.#bytes.slice(this.#valueAt, this.#valueAt + this.userValueSize)
  }

  update(key: Uint8Array | undefined, value: Uint8Array, flags: bigint | undefined): void {
    this.#setKey(key, 'map_update_elem')
    this.#setValue(value, 'map_update_elem')
    this.#pointer(4, this.#valueAt)
    this.#setFlags(flags)
    this.#call(2, 'map_update_elem')
  }

  delete(key: Uint8Array | undefined, flags: bigint | undefined): void {
    this.#setKey(key, 'map_delete_elem')
    // Deleting reads no value: a pointer there is refused.
    this.#words[4] = 0
    this.#words[5] = 0
    this.#setFlags(flags)
    this.#call(3, 'map_delete_elem')
  }

  nextKey(key: Uint8Array | undefined): Uint8Array {
    this.#setKey(key, 'map_get_next_key')
    this.#pointer(4, this.#nextAt)
    this.#setFlags(undefined)
    this.#call(4, 'map_get_next_key')
    return this.#bytes.slice(this.#nextAt, this.#nextAt + this.keySize)
  }

  #setKey(key: Uint8Array | undefined, syscall: string): void {
    if (key === undefined) {
      this.#words[2] = 0
      this.#words[3] = 0
      return
    }
    if (key.length < this.keySize) {
      const hint = `the key has ${key.length} bytes, the map's keys have ${this.keySize}`
      throw new KernelError('EFAULT', syscall, { hint })
    }
    this.#pointer(2, this.#keyAt)
    this.#copy(key, this.#keyAt, this.keySize)
  }

  #setValue(value: Uint8Array, syscall: string): void {
    if (value.length < this.userValueSize) {
      const hint = `the value has ${value.length} bytes, the map takes ${this.userValueSize}`
      throw new KernelError('EFAULT', syscall, { hint })
    }
    this.#copy(value, this.#valueAt, this.userValueSize)
  }

  #copy(from: Uint8Array, at: number, size: number): void {
    if (size > SMALL) {
      this.#bytes.set(from.length === size ? from : from.subarray(0, size), at)
      return
    }
    const bytes = this.#bytes
    for (let i = 0; i < size; i++) bytes[at + i] = from[i] as number
  }

  /** Writes the address of our byte `at` as a 64-bit word pair. */
  #pointer(word: number, at: number): void {
    const address = this.#address + at
    this.#words[word] = address % 0x1_0000_0000
    this.#words[word + 1] = Math.floor(address / 0x1_0000_0000)
  }

  #setFlags(flags: bigint | undefined): void {
    if (flags === undefined || flags === 0n) {
      this.#words[6] = 0
      this.#words[7] = 0
    } else this.#quads[3] = BigInt.asUintN(64, flags)
  }

  #call(cmd: number, syscall: string): void {
    for (let attempt = 0; ; attempt++) {
      if (this.#sys.syscall(NR_BPF, cmd, this.#address, ATTR_SIZE) >= 0) return
      const errno = this.#sys.errno()
      // The kernel asks for a retry when a signal or a concurrent update interrupts it.
      if ((errno === ERRNO.EAGAIN || errno === ERRNO.EINTR) && attempt < 10) continue
      throw errno === ERRNO.ENOENT ? expected(syscall) : new KernelError(errno, syscall)
    }
  }
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
