import type { Addr, BpfMap, Machine } from '../vm/index.js'
import { EINVAL, ENOENT, EOPNOTSUPP } from './constants.js'
import { copyBytes, roundUp8, roundUpPowerOfTwo } from './copy.js'
import { hashSeed } from './hash-map.js'
import { mapHeader } from './header.js'
import { jenkinsHash, tailMaskOf } from './jenkins-hash.js'
import type { MapAttributes } from './types.js'

const DEFAULT_HASHES = 5

/** Bits of the filter: entries * hashes / ln 2 (taken as 7/5), as a power of two; 2^32 where that does not fit. */
function filterBits(maxEntries: number, hashes: number): number {
  const product = maxEntries * hashes
  const bits = Math.floor(product / 5) * 7
  if (product > 0xffff_ffff || bits > 2 ** 31) return 2 ** 32
  return bits <= 64 ? 64 : roundUpPowerOfTwo(bits)
}

/**
 * BLOOM_FILTER: a bit array; value `v` sets the bits lookup3(v, seed + i), i < map_extra (5 by default), cut to the array's
 * size. Throws OutOfMemoryError.
 */
export function createBloomFilter(machine: Machine, attr: MapAttributes): BpfMap {
  const { memory } = machine
  const { valueSize } = attr
  const hashes = Number((attr.mapExtra ?? 0n) & 0xfn) || DEFAULT_HASHES
  const bitCount = filterBits(attr.maxEntries, hashes)
  const mask = (bitCount - 1) | 0
  const bits = memory.alloc(bitCount / 8)
  const seed = hashSeed(machine, attr.flags)
  const tailMask = tailMaskOf(valueSize)
  const scratch = memory.alloc(roundUp8(valueSize))

  const aligned = (value: Addr): Addr => {
    if ((value & 3) === 0) return value
    copyBytes(memory, scratch, value, valueSize)
    return scratch
  }
  const bitOf = (value: Addr, i: number): number =>
    jenkinsHash(memory.i32, value >>> 2, valueSize, tailMask, (seed + i) | 0) & mask

  const map: BpfMap = {
    ...mapHeader(machine, attr),
    lookup: () => 0,
    update: () => EINVAL,
    delete: () => EOPNOTSUPP,
    nextKey: () => EOPNOTSUPP,
    push(value, flags) {
      if (flags !== 0) return EINVAL
      const from = aligned(value)
      for (let i = 0; i < hashes; i++) {
        const bit = bitOf(from, i)
        const at = bits + (bit >>> 3)
        memory.u8[at] = (memory.u8[at] as number) | (1 << (bit & 7))
      }
      return 0
    },
    pop: () => EOPNOTSUPP,
    peek(value) {
      const from = aligned(value)
      for (let i = 0; i < hashes; i++) {
        const bit = bitOf(from, i)
        if (((memory.u8[bits + (bit >>> 3)] as number) & (1 << (bit & 7))) === 0) return ENOENT
      }
      return 0
    },
    free() {
      memory.free(bits)
      memory.free(scratch)
      machine.freeHandle(map.handle)
    },
  }
  return map
}
