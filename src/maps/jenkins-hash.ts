// Bob Jenkins's lookup3 (2006, public domain) over little-endian words: the hash function of Linux's hash tables, stack
// traces and Bloom filters. With the same seed (BPF_F_ZERO_SEED) elements fall into the same buckets as on Linux, so
// iteration order and false positives are the same, too.

const INIT = 0xdeadbeef | 0

/**
 * Hash of `length` bytes that begin at word `at` of memory. `tailMask` selects the bytes of the last word that belong
 * to the key (-1: all).
 */
export function jenkinsHash(words: Int32Array, at: number, length: number, tailMask: number, seed: number): number {
  let a = (INIT + length + seed) | 0
  let b = a
  let c = a
  let left = (length + 3) >>> 2
  let i = at
  while (left > 3) {
    a = (a + (words[i] as number)) | 0
    b = (b + (words[i + 1] as number)) | 0
    c = (c + (words[i + 2] as number)) | 0
    a = ((a - c) | 0) ^ ((c << 4) | (c >>> 28))
    c = (c + b) | 0
    b = ((b - a) | 0) ^ ((a << 6) | (a >>> 26))
    a = (a + c) | 0
    c = ((c - b) | 0) ^ ((b << 8) | (b >>> 24))
    b = (b + a) | 0
    a = ((a - c) | 0) ^ ((c << 16) | (c >>> 16))
    c = (c + b) | 0
    b = ((b - a) | 0) ^ ((a << 19) | (a >>> 13))
    a = (a + c) | 0
    c = ((c - b) | 0) ^ ((b << 4) | (b >>> 28))
    b = (b + a) | 0
    left -= 3
    i += 3
  }
  if (left === 0) return c
  const last = (words[i + left - 1] as number) & tailMask
  if (left === 1) {
    a = (a + last) | 0
  } else if (left === 2) {
    a = (a + (words[i] as number)) | 0
    b = (b + last) | 0
  } else {
    a = (a + (words[i] as number)) | 0
    b = (b + (words[i + 1] as number)) | 0
    c = (c + last) | 0
  }
  c = ((c ^ b) - ((b << 14) | (b >>> 18))) | 0
  a = ((a ^ c) - ((c << 11) | (c >>> 21))) | 0
  b = ((b ^ a) - ((a << 25) | (a >>> 7))) | 0
  c = ((c ^ b) - ((b << 16) | (b >>> 16))) | 0
  a = ((a ^ c) - ((c << 4) | (c >>> 28))) | 0
  b = ((b ^ a) - ((a << 14) | (a >>> 18))) | 0
  return ((c ^ b) - ((b << 24) | (b >>> 8))) | 0
}

/** The mask that jenkinsHash needs for a key of `length` bytes. */
export function tailMaskOf(length: number): number {
  const rest = length & 3
  return rest === 0 ? -1 : (1 << (rest * 8)) - 1
}
