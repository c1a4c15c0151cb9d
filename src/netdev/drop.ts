import type { Device } from './device.js'
import type { Frame } from './frame.js'
import type { VirtualNetwork } from './network.js'

/** Reasons to drop a packet, as Linux names them (enum skb_drop_reason); XDP's own have no sk_buff yet. */
export type DropReason =
  | 'SKB_DROP_REASON_NOT_SPECIFIED'
  | 'SKB_DROP_REASON_NO_SOCKET'
  | 'SKB_DROP_REASON_PKT_TOO_SMALL'
  | 'SKB_DROP_REASON_TCP_CSUM'
  | 'SKB_DROP_REASON_SOCKET_FILTER'
  | 'SKB_DROP_REASON_UDP_CSUM'
  | 'SKB_DROP_REASON_OTHERHOST'
  | 'SKB_DROP_REASON_IP_CSUM'
  | 'SKB_DROP_REASON_IP_INHDR'
  | 'SKB_DROP_REASON_IP_RPFILTER'
  | 'SKB_DROP_REASON_PROTO_MEM'
  | 'SKB_DROP_REASON_SOCKET_RCVBUFF'
  | 'SKB_DROP_REASON_IP_OUTNOROUTES'
  | 'SKB_DROP_REASON_BPF_CGROUP_EGRESS'
  | 'SKB_DROP_REASON_NEIGH_FAILED'
  | 'SKB_DROP_REASON_NEIGH_QUEUEFULL'
  | 'SKB_DROP_REASON_TC_EGRESS'
  | 'SKB_DROP_REASON_QDISC_DROP'
  | 'SKB_DROP_REASON_XDP'
  | 'SKB_DROP_REASON_TC_INGRESS'
  | 'SKB_DROP_REASON_UNHANDLED_PROTO'
  | 'SKB_DROP_REASON_DEV_READY'
  | 'SKB_DROP_REASON_ICMP_CSUM'
  | 'SKB_DROP_REASON_INVALID_PROTO'
  | 'SKB_DROP_REASON_IP_INADDRERRORS'
  | 'SKB_DROP_REASON_IP_INNOROUTES'
  | 'SKB_DROP_REASON_IP_LOCAL_SOURCE'
  | 'SKB_DROP_REASON_IP_INVALID_SOURCE'
  | 'SKB_DROP_REASON_PKT_TOO_BIG'
  | 'SKB_DROP_REASON_BRIDGE_INGRESS_STP_STATE'
  | 'SKB_DROP_REASON_LOCAL_MAC'
  | 'SKB_DROP_REASON_ARP_PVLAN_DISABLE'
  | 'SKB_DROP_REASON_TC_RECLASSIFY_LOOP'
  | 'SKB_DROP_REASON_RECURSION_LIMIT'
  | 'XDP_DROP'
  | 'XDP_ABORTED'
  | 'XDP_REDIRECT_FAILED'
  | 'XDP_TX_FAILED'
  | 'LWT_DROP'

/** Tells of a packet's end. */
export function dropFrame(
  network: VirtualNetwork,
  device: Device,
  frame: Frame,
  hook: string,
  reason: DropReason,
  note?: string,
): void {
  network.dropped(reason)
  network.journeys?.step(device, frame, { hook, what: 'drop', reason, ...(note === undefined ? {} : { note }) })
}
