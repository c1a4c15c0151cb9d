// Before a program that stores into packets: its packet is nobody else's.

import type { Env } from '../env.js'
import type { KernelLayout } from './kernel-layout.js'
import { type Node, node } from './node.js'
import { alu32, alu64Reg, call, JUMPS, jumpIf, loadMem, mov, OPS } from './ops.js'

/** What the program answers where the packet cannot be made its own: TC_ACT_SHOT, BPF_DROP, SK_DROP. */
const DROP: Readonly<Record<string, number>> = { sched_cls: 2, sched_act: 2, lwt_xmit: 2, sk_skb: 0 }

export function packetPrologue(env: Env, layout: KernelLayout): Node[] {
  const drop = DROP[env.prog.type]
  if (drop === undefined || !env.writesPacket) return []
  const again = mov(1, 6)
  const whole = node({ code: 0x95 })
  return [
    loadMem(1, 6, 1, layout('sk_buff.__cloned_offset')?.[0] ?? 0),
    alu32(OPS.and, 6, 1),
    // Right behind the prologue: settled by whoever puts it there.
    jumpIf(JUMPS.eq, 6, 0),
    mov(6, 1),
    alu64Reg(OPS.xor, 2, 2),
    call(env.prog.type === 'sk_skb' ? 'sk_skb_pull_data' : 'bpf_skb_pull_data'),
    jumpIf(JUMPS.eq, 0, 0, again),
    alu32(OPS.mov, 0, drop),
    whole,
    again,
  ]
}
