// Internet checksum arithmetic as the helpers do it: 32-bit one's complement sums (__wsum) over little-endian words.
import type { Addr } from '../types.js'

/** csum_add: one's complement sum of two 32-bit sums, unsigned. */
export function csumAdd(a: number, b: number): number {
  const sum = (a >>> 0) + (b >>> 0)
  return sum > 0xffff_ffff ? (sum - 0xffff_ffff) >>> 0 : sum
}

/** csum_sub */
export function csumSub(a: number, b: number): number {
  return csumAdd(a, ~b)
}

/** csum_fold: the 16-bit checksum of a sum, complemented. */
export function csumFold(sum: number): number {
  let folded = (sum & 0xffff) + (sum >>> 16)
  folded = (folded & 0xffff) + (folded >>> 16)
  return ~folded & 0xffff
}

/** csum_from32to16: folded without complement. */
export function csumFrom32To16(sum: number): number {
  return ~csumFold(sum) & 0xffff
}

/** csum16_add */
function csum16Add(a: number, b: number): number {
  const sum = a + b
  return (sum & 0xffff) + (sum >>> 16)
}

/** csum_partial: sum of `length` bytes at `addr`, any alignment, with `seed`. Unsigned. */
export function csumPartial(
  memory: { u8: Uint8Array; view: DataView },
  addr: Addr,
  length: number,
  seed: number,
): number {
  // Sums of 32-bit words stay exact in a double for 2^20 words; packets are far shorter.
  let sum = seed >>> 0
  const { view, u8 } = memory
  const end = addr + (length & ~3)
  let at = addr
  for (; at < end; at += 4) sum += view.getUint32(at, true)
  let tail = 0
  for (let index = 0; index < (length & 3); index++) tail |= (u8[at + index] as number) << (index * 8)
  sum += tail
  while (sum > 0xffff_ffff) sum = (sum % 0x1_0000_0000) + Math.floor(sum / 0x1_0000_0000)
  return sum
}

/** csum_block_add: adds the sum of a block that starts at `offset` of what `sum` covers. */
export function csumBlockAdd(sum: number, block: number, offset: number): number {
  return csumAdd(sum, (offset & 1) !== 0 ? (block << 24) | (block >>> 8) : block)
}

/** csum_block_sub */
export function csumBlockSub(sum: number, block: number, offset: number): number {
  return csumBlockAdd(sum, ~block, offset)
}

/** csum_replace2: the checksum after a 16-bit field changed from `from` to `to`; all as they lie in memory. */
export function csumReplace2(check: number, from: number, to: number): number {
  return ~csum16Add(csum16Add(~check & 0xffff, ~from & 0xffff), to & 0xffff) & 0xffff
}

/** csum_replace4 */
export function csumReplace4(check: number, from: number, to: number): number {
  return csumFold(csumAdd(csumSub(~check & 0xffff_ffff, from), to))
}

/** csum_replace_by_diff */
export function csumReplaceByDiff(check: number, diff: number): number {
  return csumFold(csumAdd(diff, ~check))
}
