import { tc_act, xdp_action } from '../../spec/index.js'

/** Whether a packet goes on after this result: what `--out` writes. */
export function keepsPacket(programType: string, retval: number): boolean {
  switch (programType) {
    case 'xdp':
      return retval === xdp_action.XDP_PASS || retval === xdp_action.XDP_TX || retval === xdp_action.XDP_REDIRECT
    case 'sched_cls':
    case 'sched_act':
      return retval !== tc_act.TC_ACT_SHOT && retval !== tc_act.TC_ACT_STOLEN && retval !== tc_act.TC_ACT_QUEUED
    case 'cgroup_skb':
      return (retval & 1) === 1
    case 'socket_filter':
      return retval !== 0
    default:
      return retval !== 2
  }
}
