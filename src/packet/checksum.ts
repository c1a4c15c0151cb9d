// Internet checksum arithmetic (RFC 1071, RFC 1624) with the conventions of Linux's csum_* functions on a
// little-endian machine: a running sum is an unsigned 32-bit number of little-endian 16-bit words, added with
// end-around carry; a checksum field is the 16 bits as a little-endian load sees them.

/** a + b in one's complement, 32 bits (csum_add). */
export function csumAdd(a: number, b: number): number {
  const sum = (a >>> 0) + (b >>> 0)
  return sum > 0xffffffff ? sum - 0xffffffff : sum
}

/** a - b in one's complement, 32 bits (csum_sub). */
export function csumSub(a: number, b: number): number {
  return csumAdd(a, ~b)
}

/**
 * Adds `bytes[start .. end)` to a running sum (csum_partial). An odd last byte counts as the low half of a word. The upper
 * half is what Linux gets on x86-64, by words of 32 bits: it matters where a sum is complemented before it is folded.
 */
export function csumPartial(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  let total = sum >>> 0
  let pos = start
  for (const last = end - 3; pos < last; pos += 4) {
    total += (bytes[pos] as number) | ((bytes[pos + 1] as number) << 8)
    total += ((bytes[pos + 2] as number) | ((bytes[pos + 3] as number) << 8)) * 0x1_0000
  }
  let tail = 0
  for (let shift = 0; pos < end; pos++, shift += 8) tail |= (bytes[pos] as number) << shift
  total += tail
  // Exact up to 2^53: 2^22 bytes add less than 2^52.
  while (total > 0xffffffff) total = (total % 0x1_0000_0000) + Math.floor(total / 0x1_0000_0000)
  return total
}

/** Folds a running sum to 16 bits without complementing it (csum_from32to16). */
export function csumFold16(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16)
  return (once & 0xffff) + (once >>> 16)
}

/** The checksum field's value of a running sum: folded and complemented (csum_fold). */
export function csumFold(sum: number): number {
  return ~csumFold16(sum) & 0xffff
}

/** A checksum field, or folded sum, as a running sum (csum_unfold). */
export function csumUnfold(check: number): number {
  return check & 0xffff
}

/**
 * bpf_csum_diff's result for sizes it accepts: the running sum `seed` with the words of `from` taken away and those
 * of `to` added, folded to 16 bits as Linux does since 6.13.
 */
export function csumDiff(from: Uint8Array, to: Uint8Array, seed: number): number {
  let sum = seed >>> 0
  if (from.length > 0 && to.length > 0) {
    sum = csumSub(csumPartial(to, 0, to.length, sum), csumPartial(from, 0, from.length, 0))
  } else if (to.length > 0) sum = csumPartial(to, 0, to.length, sum)
  else if (from.length > 0) sum = ~csumPartial(from, 0, from.length, ~sum) >>> 0
  return csumFold16(sum)
}

/** The field `check` after its data changed by the running sum `diff` (csum_replace_by_diff). */
export function csumReplaceByDiff(check: number, diff: number): number {
  return csumFold(csumAdd(diff, ~csumUnfold(check)))
}

/** The field `check` after a 32-bit word of its data (loaded little-endian) changed (csum_replace4). */
export function csumReplace4(check: number, from: number, to: number): number {
  return csumFold(csumAdd(csumSub(~csumUnfold(check), from), to))
}

/** The field `check` after a 16-bit word of its data (loaded little-endian) changed (csum_replace2). */
export function csumReplace2(check: number, from: number, to: number): number {
  return ~csum16Add(csum16Add(~check & 0xffff, ~from & 0xffff), to & 0xffff) & 0xffff
}

/** The field of a packet whose checksum is left to the device: it holds the pseudo header's sum, not complemented. */
export function csumReplacePartial4(check: number, from: number, to: number): number {
  return ~csumFold(csumAdd(csumSub(csumUnfold(check), from), to)) & 0xffff
}

function csum16Add(a: number, b: number): number {
  const sum = a + b
  return sum > 0xffff ? sum - 0xffff : sum
}

/** The internet checksum of `bytes[start .. end)` as the number a header shows it (big-endian). */
export function internetChecksum(bytes: Uint8Array, start = 0, end = bytes.length, sum = 0): number {
  return swap16(csumFold(csumPartial(bytes, start, end, sum)))
}

/**
 * The running sum of a TCP, UDP or ICMPv6 pseudo header: addresses of 4 or 16 bytes each, `protocol`, and the length
 * of the transport header and its data.
 */
export function pseudoHeaderSum(source: Uint8Array, destination: Uint8Array, protocol: number, length: number): number {
  let sum = csumPartial(source, 0, source.length)
  sum = csumPartial(destination, 0, destination.length, sum)
  sum = csumAdd(sum, swap16(protocol))
  sum = csumAdd(sum, swap16(length & 0xffff))
  return csumAdd(sum, swap16(length >>> 16))
}

/** The two bytes of a 16-bit number exchanged. */
export function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff)
}
