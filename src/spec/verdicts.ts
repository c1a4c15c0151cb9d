// Names of return values: Linux's constants where it has them (XDP_DROP), plain words where it has none (allow).

import type { ProgTypeName } from './prog-type-names.js'
import { bpf_ret_code, nf_verdict, sk_action, tc_act, xdp_action } from './uapi.gen.js'

type Names = Readonly<Record<string, number>>

const DENY_ALLOW: Names = { deny: 0, allow: 1 }
const LWT: Names = {
  BPF_OK: bpf_ret_code.BPF_OK,
  BPF_DROP: bpf_ret_code.BPF_DROP,
  BPF_REDIRECT: bpf_ret_code.BPF_REDIRECT,
  BPF_LWT_REROUTE: bpf_ret_code.BPF_LWT_REROUTE,
}

const VERDICTS: Readonly<Partial<Record<ProgTypeName, Names>>> = {
  xdp: xdp_action,
  sched_cls: tc_act,
  sched_act: tc_act,
  // Egress programs may add 2: congestion is notified to the sender.
  cgroup_skb: { drop: 0, pass: 1, 'drop, congestion notified': 2, 'pass, congestion notified': 3 },
  lwt_in: LWT,
  lwt_out: LWT,
  lwt_xmit: LWT,
  lwt_seg6local: LWT,
  flow_dissector: {
    BPF_OK: bpf_ret_code.BPF_OK,
    BPF_DROP: bpf_ret_code.BPF_DROP,
    BPF_FLOW_DISSECTOR_CONTINUE: bpf_ret_code.BPF_FLOW_DISSECTOR_CONTINUE,
  },
  sk_skb: sk_action,
  sk_msg: sk_action,
  sk_lookup: sk_action,
  sk_reuseport: sk_action,
  netfilter: nf_verdict,
  cgroup_sock: DENY_ALLOW,
  cgroup_sock_addr: DENY_ALLOW,
  cgroup_device: DENY_ALLOW,
  cgroup_sysctl: DENY_ALLOW,
  cgroup_sockopt: DENY_ALLOW,
}

/**
 * The name of a program's return value: `XDP_DROP`, `TC_ACT_SHOT`, `SK_PASS` … Socket filters answer `drop` for 0 and
 * `keep` for a length. A value without a name is its decimal text.
 * @param retval the lower 32 bits of r0, signed or unsigned
 */
export function verdictName(progType: ProgTypeName, retval: number): string {
  const signed = retval | 0
  if (progType === 'socket_filter') return signed === 0 ? 'drop' : 'keep'
  for (const [name, value] of Object.entries(VERDICTS[progType] ?? {})) if (value === signed) return name
  if (progType === 'sched_cls' || progType === 'sched_act') {
    if (signed >>> 28 === 1) return 'TC_ACT_JUMP'
    if (signed >>> 28 === 2) return 'TC_ACT_GOTO_CHAIN'
  }
  return String(signed)
}

/** Named return values of a program type, in the order of their numbers; empty where Linux names none. */
export function verdictsOf(progType: ProgTypeName): readonly (readonly [name: string, value: number])[] {
  return Object.entries(VERDICTS[progType] ?? {}).sort((a, b) => a[1] - b[1])
}
