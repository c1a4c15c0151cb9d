import type { Machine } from '../machine.js'
import type { HelperFamily } from './family.js'

/** CONFIG_HZ. */
const HZ = 250n
/** jiffies start five minutes before the 32-bit counter wraps (INITIAL_JIFFIES). */
const INITIAL_JIFFIES = 0x1_0000_0000n - 300n * HZ
/** The coarse clocks move once a tick. */
const TICK = 1_000_000_000n / HZ

/** Clocks, random numbers, and which CPU this is. */
export const timeHelpers = {
  ktime_get_ns: (machine) => long(machine, machine.clock.monotonic()),
  ktime_get_boot_ns: (machine) => long(machine, machine.clock.boottime()),
  ktime_get_coarse_ns: (machine) => {
    const now = machine.clock.monotonic()
    return long(machine, now - (now % TICK))
  },
  ktime_get_tai_ns: (machine) => long(machine, machine.clock.tai()),
  jiffies64: (machine) => long(machine, INITIAL_JIFFIES + machine.clock.monotonic() / TICK),
  get_prandom_u32: (machine) => machine.random.u32() | 0,
  get_smp_processor_id: (machine) => machine.cpu,
  get_numa_node_id: () => 0,
} satisfies HelperFamily

/** A 64-bit result: the low half is returned, the high one left in the machine. */
export function long(machine: Machine, value: bigint): number {
  machine.r0hi = Number(BigInt.asIntN(32, value >> 32n))
  return Number(BigInt.asIntN(32, value))
}

/** The 64-bit number of two halves as signed JavaScript number; exact up to 2^53. */
export function signedNumber(lo: number, hi: number): number {
  return hi * 0x1_0000_0000 + (lo >>> 0)
}

/** The 64-bit number of two halves as unsigned JavaScript number; exact up to 2^53. */
export function unsignedNumber(lo: number, hi: number): number {
  return (hi >>> 0) * 0x1_0000_0000 + (lo >>> 0)
}
