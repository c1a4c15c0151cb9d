import { FormatError } from '../../base/index.js'

/** How the stamps of an interface become seconds and nanoseconds. */
export interface Clock {
  readonly ticksPerSecond: bigint
  readonly offsetSeconds: number
  /** Set when the whole conversion is exact in doubles: at most 2^37 ticks a second. */
  readonly fastTicks: number
  /** Nanoseconds per tick where that is a whole number, else 0. */
  readonly nanosecondsPerTick: number
}

const FAST_LIMIT = 2 ** 37

/** `resolution` is pcapng's if_tsresol byte: 10^-n, or 2^-n when the top bit is set. */
export function clockOf(resolution: number, offsetSeconds: bigint): Clock {
  const exponent = resolution & 0x7f
  const ticks = resolution & 0x80 ? 1n << BigInt(exponent) : 10n ** BigInt(exponent)
  if (offsetSeconds > 2n ** 52n || offsetSeconds < -(2n ** 52n)) {
    throw new FormatError('pcapng', `time offset of ${offsetSeconds} seconds is out of range`)
  }
  return makeClock(ticks, Number(offsetSeconds))
}

export function makeClock(ticksPerSecond: bigint, offsetSeconds = 0): Clock {
  const fast = ticksPerSecond <= BigInt(FAST_LIMIT)
  return {
    ticksPerSecond,
    offsetSeconds,
    fastTicks: fast ? Number(ticksPerSecond) : 0,
    nanosecondsPerTick: fast && 1_000_000_000n % ticksPerSecond === 0n ? Number(1_000_000_000n / ticksPerSecond) : 0,
  }
}

/** The result of the last splitStamp: two fields instead of an object per packet. */
export const stamp = { seconds: 0, nanoseconds: 0 }

/** Writes seconds and nanoseconds of the 64-bit tick count `high:low` into `stamp`; exact, without BigInt where it can. */
export function splitStamp(clock: Clock, high: number, low: number): void {
  const ticks = clock.fastTicks
  if (ticks === 0) {
    splitExactly(clock, high, low)
    return
  }
  let seconds: number
  let fraction: number
  if (high < 0x20_0000) {
    const count = high * 0x1_0000_0000 + low
    seconds = Math.floor(count / ticks)
    fraction = count - seconds * ticks
    // The quotient of two doubles can round up to the next whole number.
    if (fraction < 0) {
      seconds--
      fraction += ticks
    }
  } else {
    // Long division in 16-bit digits: every intermediate stays below 2^53.
    const first = Math.floor(high / ticks)
    const step1 = (high - first * ticks) * 0x1_0000 + (low >>> 16)
    const second = Math.floor(step1 / ticks)
    const step2 = (step1 - second * ticks) * 0x1_0000 + (low & 0xffff)
    const third = Math.floor(step2 / ticks)
    seconds = first * 0x1_0000_0000 + second * 0x1_0000 + third
    fraction = step2 - third * ticks
  }
  stamp.seconds = seconds + clock.offsetSeconds
  if (clock.nanosecondsPerTick !== 0) stamp.nanoseconds = fraction * clock.nanosecondsPerTick
  else if (ticks <= 0x80_0000) stamp.nanoseconds = Math.floor((fraction * 1_000_000_000) / ticks)
  else stamp.nanoseconds = Number((BigInt(fraction) * 1_000_000_000n) / clock.ticksPerSecond)
}

function splitExactly(clock: Clock, high: number, low: number): void {
  const count = (BigInt(high) << 32n) | BigInt(low)
  const seconds = count / clock.ticksPerSecond
  stamp.seconds = Number(seconds) + clock.offsetSeconds
  stamp.nanoseconds = Number(((count - seconds * clock.ticksPerSecond) * 1_000_000_000n) / clock.ticksPerSecond)
}

/** Nanoseconds since 1970 of seconds (which may be negative) and nanoseconds. */
export function toNanoseconds(seconds: number, nanoseconds: number): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)
}

/** Floor division into seconds and nanoseconds: -1n is second -1, nanosecond 999,999,999. */
export function fromNanoseconds(timestampNs: bigint): { seconds: number; nanoseconds: number } {
  let seconds = timestampNs / 1_000_000_000n
  let rest = timestampNs % 1_000_000_000n
  if (rest < 0n) {
    rest += 1_000_000_000n
    seconds -= 1n
  }
  return { seconds: Number(seconds), nanoseconds: Number(rest) }
}
