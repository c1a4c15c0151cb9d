// Sums over the machine's memory with the 32-bit value Linux gets on x86-64 (words of 32 bits, end-around carry):
// bpf_csum_update shows it. Checksum arithmetic itself is in packet/.
import { csumAdd } from '../../packet/index.js'
import type { Memory } from '../memory.js'
import type { Addr } from '../types.js'

/** csum_partial: sum of `length` bytes at `addr`, any alignment, with `seed`. Unsigned. */
export function sumMemory(memory: Memory, addr: Addr, length: number, seed: number): number {
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
