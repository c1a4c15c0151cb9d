import { sha256 } from '@noble/hashes/sha2.js'
import { BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE, getCode, getSrc, setImm } from '../../isa/index.js'
import { LD_IMM64 } from './opcodes.js'

/**
 * The program's tag: the first 8 bytes of the SHA-256 of its instructions with map descriptors zeroed. (Linux before 6.18
 * used SHA-1; docs/adr/0004.)
 */
export function progTag(insns: Uint8Array): Uint8Array {
  const stable = insns.slice()
  for (let slot = 0; slot < stable.length / 8; slot++) {
    if (getCode(stable, slot) !== LD_IMM64) continue
    const src = getSrc(stable, slot)
    if (src === BPF_PSEUDO_MAP_FD || src === BPF_PSEUDO_MAP_VALUE) {
      setImm(stable, slot, 0)
      setImm(stable, slot + 1, 0)
    }
    slot++
  }
  return sha256(stable).subarray(0, 8)
}
