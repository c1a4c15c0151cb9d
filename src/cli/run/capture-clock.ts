import type { Clock } from '../../vm/index.js'

const TAI_OFFSET = 37_000_000_000n

/**
 * A clock that stands at the time stamp of the packet being run, so that a run over a capture can be repeated exactly
 * and rate limiters see the traffic's own time. Boot is one second before the first packet; it never runs backwards.
 */
export class CaptureClock implements Clock {
  #seconds = 0
  #nanoseconds = 0
  #boot: bigint | undefined

  /** Seconds and nanoseconds since 1970. Numbers, because most programs never ask for the time. */
  set(seconds: number, nanoseconds: number): void {
    if (seconds < this.#seconds || (seconds === this.#seconds && nanoseconds < this.#nanoseconds)) return
    this.#seconds = seconds
    this.#nanoseconds = nanoseconds
    this.#boot ??= this.realtime() - 1_000_000_000n
  }

  monotonic(): bigint {
    return this.realtime() - (this.#boot ?? 0n)
  }
  boottime(): bigint {
    return this.monotonic()
  }
  realtime(): bigint {
    return BigInt(this.#seconds) * 1_000_000_000n + BigInt(this.#nanoseconds)
  }
  tai(): bigint {
    return this.realtime() + TAI_OFFSET
  }
}
