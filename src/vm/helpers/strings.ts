import { ERRNO, u64 } from '../../base/index.js'
import type { Machine } from '../machine.js'
import type { HelperFamily } from './family.js'

/** Numbers in text, and comparing text. */
export const stringHelpers = {
  // The result is 0 where there is no number.
  strtol: (machine, buf, len, lenHi, flags, flagsHi, result) => {
    machine.memory.setU64(result >>> 0, 0n)
    const parsed = parseNumber(machine, buf >>> 0, lenHi === 0 ? len >>> 0 : 0xffff_ffff, flags, flagsHi)
    if (typeof parsed === 'number') return parsed
    const value = parsed.negative ? -parsed.value : parsed.value
    if (value !== BigInt.asIntN(64, value)) return -ERRNO.ERANGE
    machine.memory.setU64(result >>> 0, u64(value))
    return parsed.consumed
  },
  strtoul: (machine, buf, len, lenHi, flags, flagsHi, result) => {
    machine.memory.setU64(result >>> 0, 0n)
    const parsed = parseNumber(machine, buf >>> 0, lenHi === 0 ? len >>> 0 : 0xffff_ffff, flags, flagsHi)
    if (typeof parsed === 'number') return parsed
    if (parsed.negative) return -ERRNO.EINVAL
    machine.memory.setU64(result >>> 0, parsed.value)
    return parsed.consumed
  },
  strncmp: (machine, a, size, b) => {
    const u8 = machine.memory.u8
    for (let i = 0; i < size >>> 0; i++) {
      const x = u8[(a >>> 0) + i] ?? 0
      const y = u8[(b >>> 0) + i] ?? 0
      if (x !== y) return x < y ? -1 : 1
      if (x === 0) break
    }
    return 0
  },
} satisfies HelperFamily

/** Digits that one call looks at. */
const LONGEST = 63
const BASE_MASK = 0x1f

interface Parsed {
  readonly negative: boolean
  readonly value: bigint
  readonly consumed: number
}

/** `[space…][-][0x]digits` as bpf_strtol reads it; a negative errno for what is no number. */
function parseNumber(machine: Machine, buf: number, len: number, flags: number, flagsHi: number): Parsed | number {
  let base = flags & BASE_MASK
  if (buf === 0 || len === 0 || (base !== 0 && base !== 8 && base !== 10 && base !== 16)) return -ERRNO.EINVAL
  if ((flags & ~BASE_MASK) !== 0 || flagsHi !== 0) return -ERRNO.EINVAL
  const u8 = machine.memory.u8
  let at = buf
  const end = Math.min(buf + len, u8.length)
  while (at < end && isSpace(u8[at] as number)) at++
  const negative = at < end && u8[at] === 0x2d
  if (negative) at++
  if (at >= end) return -ERRNO.EINVAL
  const limit = Math.min(end, at + LONGEST)
  const digit = (index: number): number => (index < limit ? digitOf(u8[index] as number) : 99)
  const isHexPrefix = digit(at) === 0 && at + 1 < limit && ((u8[at + 1] as number) | 0x20) === 0x78
  if (base === 0) base = digit(at) !== 0 ? 10 : isHexPrefix && digit(at + 2) < 16 ? 16 : 8
  if (base === 16 && isHexPrefix) at += 2
  const first = at
  let value = 0n
  for (; digit(at) < base; at++) value = value * BigInt(base) + BigInt(digit(at))
  if (at === first) return -ERRNO.EINVAL
  if (value !== u64(value)) return -ERRNO.ERANGE
  return { negative, value, consumed: at - buf }
}

function digitOf(char: number): number {
  if (char >= 0x30 && char <= 0x39) return char - 0x30
  const lower = char | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : 99
}

/** The kernel's isspace: Latin-1, so the no-break space is one. */
export function isSpace(char: number): boolean {
  return (char >= 9 && char <= 13) || char === 0x20 || char === 0xa0
}
