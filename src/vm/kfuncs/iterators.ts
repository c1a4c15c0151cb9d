import { ERRNO } from '../../base/index.js'
import { isAccessible } from '../errors.js'
import type { KfuncFamily } from './family.js'

/** BPF_MAX_LOOPS */
const MAX_LOOPS = 8 * 1024 * 1024
/** BITS_ITER_NR_WORDS_MAX */
const MAX_WORDS = 511

/**
 * Number and bit iterators. `struct bpf_iter_num` holds { int cur, int end }, `struct bpf_iter_bits` { u64 bits or pointer
 * to them, int nr_bits, int bit }, as in Linux.
 */
export const iteratorKfuncs: KfuncFamily = {
  bpf_iter_num_new: {
    abi: 'pii>i',
    run: (machine, it, start, end) => {
      const { i32 } = machine.memory
      const at = it >>> 2
      i32[at] = 0
      i32[at + 1] = 0
      if (start > end) return -ERRNO.EINVAL
      if (end - start > MAX_LOOPS) return -ERRNO.E2BIG
      // The first `next` moves to start.
      i32[at] = start - 1
      i32[at + 1] = end
      return 0
    },
  },
  bpf_iter_num_next: {
    abi: 'p>p',
    run: (machine, it) => {
      const { i32 } = machine.memory
      const at = it >>> 2
      const next = (i32[at]! + 1) | 0
      // A start of INT_MIN makes cur wrap: Linux compares in 64 bits after the wrap, and so do these numbers.
      if (next >= i32[at + 1]!) {
        i32[at] = 0
        i32[at + 1] = 0
        return 0
      }
      i32[at] = next
      return it
    },
  },
  bpf_iter_num_destroy: {
    abi: 'p>v',
    run: (machine, it) => {
      machine.memory.u32.fill(0, it >>> 2, (it >>> 2) + 2)
      return 0
    },
  },
  bpf_iter_bits_new: {
    abi: 'pli>i',
    run: (machine, it, words, wordsHi, count) => {
      const { memory } = machine
      const at = it >>> 2
      memory.u32.fill(0, at, at + 4)
      memory.i32[at + 3] = -1
      if ((words === 0 && wordsHi === 0) || count === 0) return -ERRNO.EINVAL
      if (count >>> 0 > MAX_WORDS) return -ERRNO.E2BIG
      const bytes = count * 8
      if (wordsHi !== 0 || !isAccessible(memory.size, words >>> 0, bytes)) return -ERRNO.EFAULT
      const to = count === 1 ? it >>> 0 : memory.alloc(bytes)
      memory.u8.copyWithin(to, words >>> 0, (words >>> 0) + bytes)
      if (count > 1) memory.u32[at] = to
      memory.u32[at + 2] = count * 64
      return 0
    },
  },
  bpf_iter_bits_next: {
    abi: 'p>p',
    run: (machine, it) => {
      const { u8, i32, u32 } = machine.memory
      const at = it >>> 2
      const total = u32[at + 2]!
      if (i32[at + 3]! >= total) return 0
      const bits = total === 64 ? it >>> 0 : u32[at]!
      let bit = i32[at + 3]! + 1
      while (bit < total && ((u8[bits + (bit >>> 3)]! >>> (bit & 7)) & 1) === 0) bit++
      i32[at + 3] = bit
      return bit < total ? it + 12 : 0
    },
  },
  bpf_iter_bits_destroy: {
    abi: 'p>v',
    run: (machine, it) => {
      const { memory } = machine
      if (memory.u32[(it >>> 2) + 2]! > 64) memory.free(memory.u32[it >>> 2]!)
      memory.u32.fill(0, it >>> 2, (it >>> 2) + 4)
      return 0
    },
  },
}
