import { ERRNO, hi32 } from '../base/index.js'
import { KernelError } from '../kernel/index.js'
import type { Arena, Span } from './ffi/arena.js'
import type { Sys } from './ffi/sys.js'

const NR_BPF = process.arch === 'arm64' ? 280 : 321
/** Larger than any union bpf_attr: a longer zero tail is accepted by the kernel. */
const ATTR_SIZE = 192

/** One `union bpf_attr` under construction, and the call itself. Offsets are linux/bpf.h's. */
export class BpfAttr {
  readonly arena: Arena
  readonly #sys: Sys
  readonly #span: Span

  constructor(sys: Sys, arena: Arena) {
    this.#sys = sys
    this.arena = arena
    this.#span = arena.alloc(ATTR_SIZE)
  }

  u32(offset: number, value: number | undefined): this {
    if (value !== undefined) this.#span.view.setUint32(offset, value, true)
    return this
  }

  u64(offset: number, value: bigint | number | undefined): this {
    if (value === undefined) return this
    if (typeof value === 'bigint') this.#span.view.setBigUint64(offset, BigInt.asUintN(64, value), true)
    else this.setNumber(offset, value)
    return this
  }

  /** A pointer to a copy of `bytes`. */
  bytes(offset: number, bytes: Uint8Array | undefined): this {
    if (bytes !== undefined) this.setNumber(offset, this.arena.put(bytes))
    return this
  }

  /** A pointer to the caller's own bytes, which must stay reachable until the call has returned. */
  inPlace(offset: number, bytes: Uint8Array | undefined): this {
    if (bytes !== undefined && bytes.length > 0) this.setNumber(offset, this.#sys.address(bytes))
    return this
  }

  text(offset: number, text: string | undefined): this {
    if (text !== undefined) this.setNumber(offset, this.arena.putString(text))
    return this
  }

  /** A pointer to memory that the kernel fills. */
  out(offset: number, size: number): Uint8Array {
    const span = this.arena.alloc(size)
    this.setNumber(offset, span.address)
    return span.bytes
  }

  /** The same, not zeroed, and good until the next call that asks for it. */
  output(offset: number, size: number): Uint8Array {
    const span = this.arena.output(size)
    this.setNumber(offset, span.address)
    return span.bytes
  }

  /** A char array inside the attr; longer names are cut by the caller's rules, not here. */
  name(offset: number, name: string | undefined, size = 16): this {
    if (name !== undefined) {
      const bytes = Buffer.from(name)
      if (bytes.length >= size) {
        throw new KernelError('EINVAL', 'bpf', {
          hint: `the name '${name}' has ${bytes.length} bytes, ${size - 1} is the limit`,
        })
      }
      this.#span.bytes.set(bytes, offset)
    }
    return this
  }

  getU32(offset: number): number {
    return this.#span.view.getUint32(offset, true)
  }

  getU64(offset: number): bigint {
    return this.#span.view.getBigUint64(offset, true)
  }

  /** bpf(cmd, attr): the result, or a negative errno. */
  try(cmd: number): number {
    const result = this.#sys.syscall(NR_BPF, cmd, this.#span.address, ATTR_SIZE)
    return result < 0 ? -this.#sys.errno() : result
  }

  /** bpf(cmd, attr); throws KernelError. */
  call(cmd: number, syscall: string, hint?: string): number {
    for (let attempt = 0; ; attempt++) {
      const result = this.try(cmd)
      if (result >= 0) return result
      // The kernel asks for a retry when a signal or a concurrent update interrupts it.
      if ((result === -ERRNO.EAGAIN || result === -ERRNO.EINTR) && attempt < 10) continue
      throw new KernelError(result, syscall, hint === undefined ? {} : { hint })
    }
  }

  private setNumber(offset: number, value: number): void {
    this.#span.view.setUint32(offset, value >>> 0, true)
    this.#span.view.setUint32(offset + 4, hi32(BigInt(value)), true)
  }
}
