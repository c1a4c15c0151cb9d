import type { Addr, Memory } from '../vm/index.js'

/** Longest copy done word by word: beyond it, copyWithin is faster. */
const WORD_COPY_LIMIT = 128

/** Copies `size` bytes, which do not overlap. */
export function copyBytes(memory: Memory, to: Addr, from: Addr, size: number): void {
  if (size <= WORD_COPY_LIMIT && ((to | from) & 3) === 0) {
    const words = memory.i32
    let target = to >>> 2
    let source = from >>> 2
    const end = source + (size >>> 2)
    while (source < end) words[target++] = words[source++] as number
    if ((size & 3) !== 0) {
      const bytes = memory.u8
      const done = size & ~3
      for (let i = done; i < size; i++) bytes[to + i] = bytes[from + i] as number
    }
    return
  }
  memory.u8.copyWithin(to >>> 0, from >>> 0, (from >>> 0) + size)
}

/** Rounds up to a multiple of 8. */
export function roundUp8(size: number): number {
  return Math.ceil(size / 8) * 8
}

/** Smallest power of two that is not below `value` (1 to 2^31). */
export function roundUpPowerOfTwo(value: number): number {
  return value <= 1 ? 1 : 2 ** (32 - Math.clz32(value - 1))
}
