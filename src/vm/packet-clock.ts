import type { Addr, Clock } from './types.js'

const TAI_OFFSET = 37_000_000_000n
const SECOND = 1_000_000_000

/** What a clock or a source of random numbers needs of the machine's memory. */
interface Words {
  readonly u32: Uint32Array
  alloc(size: number): Addr
}

/**
 * A clock that stands at the time stamp of the packet being run, so that a run over a capture can be repeated exactly
 * and rate limiters see the traffic's own time. Boot is one second before the first packet; it never runs backwards.
 * The monotonic time is a u64 in the machine's memory, the real time of the boot behind it another.
 */
export class PacketClock implements Clock {
  #words: Pick<Words, 'u32'> = { u32: new Uint32Array(4) }
  #address: Addr = 0
  #bootSeconds: number | undefined
  #bootNanoseconds = 0

  attach(memory: Words): Addr {
    this.#address = memory.alloc(16)
    this.#words = memory
    return this.#address
  }

  /** Seconds and nanoseconds since 1970. */
  set(seconds: number, nanoseconds: number): void {
    this.begin(seconds, nanoseconds)
    const now = (seconds - this.#bootSeconds!) * SECOND + (nanoseconds - this.#bootNanoseconds)
    if (now > this.#read()) this.#write(now)
  }

  /** Says when the first packet came, where that is not known yet. */
  begin(seconds: number, nanoseconds: number): void {
    if (this.#bootSeconds !== undefined) return
    this.#bootSeconds = seconds - 1
    this.#bootNanoseconds = nanoseconds
    // More than a double holds.
    const boot = BigInt.asUintN(64, BigInt(this.#bootSeconds) * BigInt(SECOND) + BigInt(nanoseconds))
    const at = (this.#address + 8) >>> 2
    this.#words.u32[at] = Number(boot & 0xffff_ffffn)
    this.#words.u32[at + 1] = Number(boot >> 32n)
  }

  monotonic(): bigint {
    return BigInt(this.#read())
  }
  boottime(): bigint {
    return this.monotonic()
  }
  realtime(): bigint {
    if (this.#bootSeconds === undefined) return 0n
    return this.monotonic() + BigInt(this.#bootSeconds) * BigInt(SECOND) + BigInt(this.#bootNanoseconds)
  }
  tai(): bigint {
    return this.realtime() + TAI_OFFSET
  }

  #read(): number {
    const at = this.#address >>> 2
    const { u32 } = this.#words
    return u32[at + 1]! * 0x1_0000_0000 + u32[at]!
  }

  #write(value: number): void {
    const at = this.#address >>> 2
    const { u32 } = this.#words
    const high = Math.floor(value / 0x1_0000_0000)
    u32[at] = value - high * 0x1_0000_0000
    u32[at + 1] = high
  }
}
