// Alignment of accesses: the stack's always, all others where the program asks for it (BPF_F_STRICT_ALIGNMENT).

import type { Env } from '../env.js'
import { bitsText } from '../log/print-state.js'
import type { Reg } from '../state/reg.js'

/** What Linux calls the memory in its message. */
const NAMES: Readonly<Partial<Record<Reg['type'], string>>> = {
  ...{ fp: 'stack ', map_value: 'value ', map_key: 'key ', ctx: 'context ', flow_keys: 'flow keys ' },
  ...{ sock: 'sock ', sock_common: 'sock_common ', tcp_sock: 'tcp_sock ', xdp_sock: 'xdp_sock ' },
}

/** An Ethernet header leaves the headers behind it at an odd multiple of two. */
const PACKET_ALIGN = 2

/** Refuses an access of `size` bytes at `off` behind the register that may not be a multiple of its size. */
export function checkAlignment(env: Env, reg: Reg, off: number, size: number, strict = false): void {
  if (size <= 1 || (reg.type !== 'fp' && !strict && env.prog.strictAlignment !== true) || reg.type === 'arena') return
  const packet = reg.type === 'pkt' || reg.type === 'pkt_meta'
  const low = (reg.valueLo + reg.off + off + (packet ? PACKET_ALIGN : 0)) & (size - 1)
  if (low === 0 && (reg.maskLo & (size - 1)) === 0) return
  const place = `${bitsText(reg)}+${reg.off}+${off}`
  const text = packet ? `packet access off ${PACKET_ALIGN}+${place}` : `${NAMES[reg.type] ?? ''}access off ${place}`
  env.refuse(`misaligned ${text} size ${size}`, 'EACCES')
}
