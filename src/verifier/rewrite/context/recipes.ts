// How Linux 6.18 reads and writes the fields of contexts and sockets in its own structures. The structs programs see are made
// up; each field names the path to the member behind it.
//
//   sk_buff.dev -> net_device.ifindex      load the pointer, then the member
//   ->?                                    the same, but a NULL pointer ends it with 0
//   a.b + c.d                              offsets added
//   -> 0 :4                                what the pointer points at, no member
//   :2                                     so many bytes, whatever the member is
//   :own                                   as many bytes as the program asked for; :word at least four
//   & 7   << 16                            and then this
//
// What needs more than a path is a `special`. Paths resolve in the kernel's BTF, or in what was recorded from Linux 6.18.

export type Special =
  | 'vlan_present'
  | 'napi_id'
  | 'shared_info'
  | 'tstamp'
  | 'skb_data_end'
  | 'queue_mapping'
  | 'rx_queue_mapping'
  | 'if_locked'
  | 'if_fullsock'

export interface Recipe {
  readonly path: string
  readonly special?: Special
  /** Member of the context in which a register is kept while a store borrows it. */
  readonly temp?: string
}

type Recipes = Readonly<Record<string, string | Recipe>>

const SHARED_INFO = (member: string): Recipe => ({ path: `skb_shared_info.${member}`, special: 'shared_info' })

const skb: Recipes = {
  len: 'sk_buff.len',
  pkt_type: 'sk_buff.__pkt_type_offset:1 & 7',
  mark: 'sk_buff.mark',
  queue_mapping: { path: 'sk_buff.queue_mapping', special: 'queue_mapping' },
  protocol: 'sk_buff.protocol',
  vlan_present: { path: 'sk_buff.vlan_all', special: 'vlan_present' },
  vlan_tci: 'sk_buff.vlan_tci',
  vlan_proto: 'sk_buff.vlan_proto',
  priority: 'sk_buff.priority',
  ingress_ifindex: 'sk_buff.skb_iif',
  ifindex: 'sk_buff.dev ->? net_device.ifindex',
  tc_index: 'sk_buff.tc_index',
  cb: 'sk_buff.cb + qdisc_skb_cb.data :own',
  hash: 'sk_buff.hash',
  tc_classid: 'sk_buff.cb + qdisc_skb_cb.tc_classid',
  data: 'sk_buff.data',
  data_end: 'sk_buff.cb + bpf_skb_data_end.data_end',
  data_meta: 'sk_buff.cb + bpf_skb_data_end.data_meta',
  napi_id: { path: 'sk_buff.napi_id', special: 'napi_id' },
  family: 'sk_buff.sk -> sock_common.skc_family',
  remote_ip4: 'sk_buff.sk -> sock_common.skc_daddr',
  local_ip4: 'sk_buff.sk -> sock_common.skc_rcv_saddr',
  remote_ip6: 'sk_buff.sk -> sock_common.skc_v6_daddr :4',
  local_ip6: 'sk_buff.sk -> sock_common.skc_v6_rcv_saddr :4',
  remote_port: 'sk_buff.sk -> sock_common.skc_dport << 16',
  local_port: 'sk_buff.sk -> sock_common.skc_num',
  tstamp: { path: 'sk_buff.tstamp', special: 'tstamp' },
  wire_len: 'sk_buff.cb + qdisc_skb_cb.pkt_len',
  gso_segs: SHARED_INFO('gso_segs'),
  gso_size: SHARED_INFO('gso_size'),
  hwtstamp: SHARED_INFO('hwtstamps'),
  sk: 'sk_buff.sk',
  tstamp_type: 'sk_buff.__mono_tc_offset:1 & 3',
}

/** Traffic control has a device always. */
const tcSkb: Recipes = { ...skb, ifindex: 'sk_buff.dev -> net_device.ifindex' }

const skSkb: Recipes = {
  ...skb,
  cb: 'sk_buff.cb + sk_skb_cb.data :own',
  data_end: { path: 'sk_buff.data', special: 'skb_data_end', temp: 'sk_buff.cb + sk_skb_cb.temp_reg' },
}

const socketMembers = (base: string): Recipes => ({
  family: `${base}sock_common.skc_family`,
  remote_ip4: `${base}sock_common.skc_daddr`,
  local_ip4: `${base}sock_common.skc_rcv_saddr`,
  remote_ip6: `${base}sock_common.skc_v6_daddr :4`,
  local_ip6: `${base}sock_common.skc_v6_rcv_saddr :4`,
  remote_port: `${base}sock_common.skc_dport << 16`,
  local_port: `${base}sock_common.skc_num`,
})

const sock: Recipes = {
  bound_dev_if: 'sock_common.skc_bound_dev_if',
  family: 'sock_common.skc_family',
  type: 'sock.sk_type',
  protocol: 'sock.sk_protocol',
  mark: 'sock.sk_mark',
  priority: 'sock.sk_priority',
  src_ip4: 'sock_common.skc_rcv_saddr',
  src_ip6: 'sock_common.skc_v6_rcv_saddr :4',
  src_port: 'sock_common.skc_num',
  dst_port: 'sock_common.skc_dport',
  dst_ip4: 'sock_common.skc_daddr',
  dst_ip6: 'sock_common.skc_v6_daddr :4',
  state: 'sock_common.skc_state',
  rx_queue_mapping: { path: 'sock_common.skc_rx_queue_mapping', special: 'rx_queue_mapping' },
}

const LOCKED = (member: string): Recipe => ({ path: member, special: 'if_locked', temp: 'bpf_sock_ops_kern.temp' })

const sockOps: Recipes = {
  op: 'bpf_sock_ops_kern.op',
  args: 'bpf_sock_ops_kern.args :4',
  reply: 'bpf_sock_ops_kern.reply',
  replylong: 'bpf_sock_ops_kern.replylong :4',
  ...socketMembers('bpf_sock_ops_kern.sk -> '),
  is_fullsock: 'bpf_sock_ops_kern.is_fullsock',
  state: 'bpf_sock_ops_kern.sk -> sock_common.skc_state',
  rtt_min: 'bpf_sock_ops_kern.sk -> tcp_sock.rtt_min + minmax.s + minmax_sample.v',
  snd_cwnd: LOCKED('tcp_sock.snd_cwnd'),
  srtt_us: LOCKED('tcp_sock.srtt_us'),
  bpf_sock_ops_cb_flags: LOCKED('tcp_sock.bpf_sock_ops_cb_flags'),
  snd_ssthresh: LOCKED('tcp_sock.snd_ssthresh'),
  rcv_nxt: LOCKED('tcp_sock.rcv_nxt'),
  snd_nxt: LOCKED('tcp_sock.snd_nxt'),
  snd_una: LOCKED('tcp_sock.snd_una'),
  mss_cache: LOCKED('tcp_sock.mss_cache'),
  ecn_flags: LOCKED('tcp_sock.ecn_flags'),
  rate_delivered: LOCKED('tcp_sock.rate_delivered'),
  rate_interval_us: LOCKED('tcp_sock.rate_interval_us'),
  packets_out: LOCKED('tcp_sock.packets_out'),
  retrans_out: LOCKED('tcp_sock.retrans_out'),
  total_retrans: LOCKED('tcp_sock.total_retrans'),
  segs_in: LOCKED('tcp_sock.segs_in'),
  data_segs_in: LOCKED('tcp_sock.data_segs_in'),
  segs_out: LOCKED('tcp_sock.segs_out'),
  data_segs_out: LOCKED('tcp_sock.data_segs_out'),
  lost_out: LOCKED('tcp_sock.lost_out'),
  sacked_out: LOCKED('tcp_sock.sacked_out'),
  sk_txhash: LOCKED('sock.sk_txhash'),
  bytes_received: LOCKED('tcp_sock.bytes_received'),
  bytes_acked: LOCKED('tcp_sock.bytes_acked'),
  sk: { path: 'bpf_sock_ops_kern.sk', special: 'if_fullsock', temp: 'bpf_sock_ops_kern.temp' },
  skb_data: 'bpf_sock_ops_kern.skb ->? sk_buff.data',
  skb_data_end: 'bpf_sock_ops_kern.skb_data_end',
  skb_len: 'bpf_sock_ops_kern.skb ->? sk_buff.len',
  skb_tcp_flags: 'bpf_sock_ops_kern.skb ->? sk_buff.cb + tcp_skb_cb.tcp_flags',
  skb_hwtstamp: { path: 'bpf_sock_ops_kern.skb ->? skb_shared_info.hwtstamps', special: 'shared_info' },
}

const ADDR_TEMP = 'bpf_sock_addr_kern.tmp_reg'

const sockAddr: Recipes = {
  user_family: 'bpf_sock_addr_kern.uaddr -> sockaddr.sa_family',
  user_ip4: { path: 'bpf_sock_addr_kern.uaddr -> sockaddr_in.sin_addr', temp: ADDR_TEMP },
  user_ip6: { path: 'bpf_sock_addr_kern.uaddr -> sockaddr_in6.sin6_addr :word', temp: ADDR_TEMP },
  user_port: { path: 'bpf_sock_addr_kern.uaddr -> sockaddr_in6.sin6_port', temp: ADDR_TEMP },
  family: 'bpf_sock_addr_kern.sk -> sock_common.skc_family',
  type: 'bpf_sock_addr_kern.sk -> sock.sk_type',
  protocol: 'bpf_sock_addr_kern.sk -> sock.sk_protocol',
  sk: 'bpf_sock_addr_kern.sk',
  msg_src_ip4: { path: 'bpf_sock_addr_kern.t_ctx -> in_addr.s_addr', temp: ADDR_TEMP },
  msg_src_ip6: { path: 'bpf_sock_addr_kern.t_ctx -> in6_addr.in6_u :word', temp: ADDR_TEMP },
}

const sockopt: Recipes = {
  sk: 'bpf_sockopt_kern.sk',
  optval: 'bpf_sockopt_kern.optval',
  optval_end: 'bpf_sockopt_kern.optval_end',
  level: 'bpf_sockopt_kern.level',
  optname: 'bpf_sockopt_kern.optname',
  optlen: 'bpf_sockopt_kern.optlen',
  retval: {
    path: 'bpf_sockopt_kern.current_task -> task_struct.bpf_ctx -> bpf_cg_run_ctx.retval',
    temp: 'bpf_sockopt_kern.tmp_reg',
  },
}

const sysctl: Recipes = {
  write: 'bpf_sysctl_kern.write',
  file_pos: { path: 'bpf_sysctl_kern.ppos -> 0 :4', temp: 'bpf_sysctl_kern.tmp_reg' },
}

const skMsg: Recipes = {
  data: 'sk_msg.data',
  data_end: 'sk_msg.data_end',
  ...socketMembers('sk_msg.sk -> '),
  size: 'sk_msg.sg + sk_msg_sg.size',
  sk: 'sk_msg.sk',
}

const skLookup: Recipes = {
  sk: 'bpf_sk_lookup_kern.selected_sk',
  family: 'bpf_sk_lookup_kern.family',
  protocol: 'bpf_sk_lookup_kern.protocol',
  remote_ip4: 'bpf_sk_lookup_kern.v4.saddr',
  local_ip4: 'bpf_sk_lookup_kern.v4.daddr',
  remote_ip6: 'bpf_sk_lookup_kern.v6.saddr ->? in6_addr.in6_u :4',
  local_ip6: 'bpf_sk_lookup_kern.v6.daddr ->? in6_addr.in6_u :4',
  remote_port: 'bpf_sk_lookup_kern.sport',
  local_port: 'bpf_sk_lookup_kern.dport',
  ingress_ifindex: 'bpf_sk_lookup_kern.ingress_ifindex',
}

const skReuseport: Recipes = {
  data: 'sk_reuseport_kern.skb -> sk_buff.data',
  len: 'sk_reuseport_kern.skb -> sk_buff.len',
  eth_protocol: 'sk_reuseport_kern.skb -> sk_buff.protocol',
  ip_protocol: 'sk_reuseport_kern.sk -> sock.sk_protocol',
  data_end: 'sk_reuseport_kern.data_end',
  hash: 'sk_reuseport_kern.hash',
  bind_inany: 'sk_reuseport_kern.bind_inany',
  sk: 'sk_reuseport_kern.sk',
  migrating_sk: 'sk_reuseport_kern.migrating_sk',
}

const perfEvent: Recipes = {
  regs: 'bpf_perf_event_data_kern.regs -> 0 :own',
  sample_period: 'bpf_perf_event_data_kern.data -> perf_sample_data.period',
  addr: 'bpf_perf_event_data_kern.data -> perf_sample_data.addr',
}

const xdp: Recipes = {
  data: 'xdp_buff.data',
  data_end: 'xdp_buff.data_end',
  data_meta: 'xdp_buff.data_meta',
  ingress_ifindex: 'xdp_buff.rxq -> xdp_rxq_info.dev -> net_device.ifindex',
  rx_queue_index: 'xdp_buff.rxq -> xdp_rxq_info.queue_index',
  egress_ifindex: 'xdp_buff.txq -> xdp_txq_info.dev -> net_device.ifindex',
}

const flowDissector: Recipes = {
  data: 'bpf_flow_dissector.data',
  data_end: 'bpf_flow_dissector.data_end',
  flow_keys: 'bpf_flow_dissector.flow_keys',
}

const netfilter: Recipes = { state: 'bpf_nf_ctx.state', skb: 'bpf_nf_ctx.skb' }

const tcpSock: Recipes = Object.fromEntries([
  ...[
    ...['snd_cwnd', 'srtt_us', 'snd_ssthresh', 'rcv_nxt', 'snd_nxt', 'snd_una', 'mss_cache', 'ecn_flags'],
    ...['rate_delivered', 'rate_interval_us', 'packets_out', 'retrans_out', 'total_retrans', 'segs_in', 'data_segs_in'],
    ...['segs_out', 'data_segs_out', 'lost_out', 'sacked_out', 'bytes_received', 'bytes_acked', 'dsack_dups'],
    ...['delivered', 'delivered_ce'],
  ].map((name) => [name, `tcp_sock.${name}`] as const),
  ['rtt_min', 'tcp_sock.rtt_min + minmax.s + minmax_sample.v'],
  ['icsk_retransmits', 'inet_connection_sock.icsk_retransmits'],
])

const xdpSock: Recipes = { queue_id: 'xdp_sock.queue_id' }

/** By program type, and by kind of socket pointer. */
export const RECIPES: Readonly<Record<string, Recipes>> = {
  ...{ sched_cls: tcSkb, sched_act: tcSkb, sk_skb: skSkb, socket_filter: skb, cgroup_skb: skb },
  ...{ lwt_in: skb, lwt_out: skb, lwt_xmit: skb, lwt_seg6local: skb },
  ...{ xdp, cgroup_sock: sock, cgroup_sock_addr: sockAddr, cgroup_sockopt: sockopt, cgroup_sysctl: sysctl },
  ...{ sock_ops: sockOps, sk_msg: skMsg, sk_lookup: skLookup, sk_reuseport: skReuseport, perf_event: perfEvent },
  ...{ flow_dissector: flowDissector, netfilter, sock, sock_common: sock, tcp_sock: tcpSock, xdp_sock: xdpSock },
}

/** Members that the specials name besides their path. */
export const SPECIAL_PATHS = [
  ...['sk_buff.head', 'sk_buff.end', 'sk_buff.len', 'sk_buff.data_len', 'sk_buff.__mono_tc_offset'],
  'sk_buff.__cloned_offset',
  ...['bpf_sock_ops_kern.sk', 'bpf_sock_ops_kern.is_fullsock', 'bpf_sock_ops_kern.is_locked_tcp_sock'],
]
