import { type InsnNames, signed } from './operators.js'

/**
 * Operands as bpftool prints them in a translated program: the distance of a subprogram call is in off, and an ld_imm64
 * holds ids instead of descriptors: `map[id:5]`, `map[id:5][0]+8`, `map[idx:0]+8`, `subprog[+3]`.
 */
export const XLATED_NAMES: InsnNames = {
  distance: ({ off }) => off,
  imm64({ imm, imm64, op }) {
    const id = imm >>> 0
    const offset = (imm64 ?? 0n) >> 32n
    switch (op?.name) {
      case 'ld_map_fd':
        return `map[id:${id}]`
      case 'ld_map_value':
        return `map[id:${id}][0]+${offset}`
      case 'ld_map_idx_value':
        return `map[idx:${id}]+${offset}`
      case 'ld_func':
        return `subprog[${signed(imm)}]`
      default:
        return undefined
    }
  },
}
