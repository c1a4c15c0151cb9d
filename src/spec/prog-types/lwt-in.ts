// A packet received through a lightweight tunnel.

import { BASE_HELPERS, SKC_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const lwtIn = {
  id: 10,
  name: 'lwt_in',
  summary: 'A packet received through a lightweight tunnel.',
  context: {
    struct: '__sk_buff',
    fields: [
      { name: 'len', read: [1, 2, 4] },
      { name: 'pkt_type', read: [1, 2, 4] },
      { name: 'mark', read: [1, 2, 4], write: [4] },
      { name: 'queue_mapping', read: [1, 2, 4] },
      { name: 'protocol', read: [1, 2, 4] },
      { name: 'vlan_present', read: [1, 2, 4] },
      { name: 'vlan_tci', read: [1, 2, 4] },
      { name: 'vlan_proto', read: [1, 2, 4] },
      { name: 'priority', read: [1, 2, 4], write: [4] },
      { name: 'ingress_ifindex', read: [1, 2, 4] },
      { name: 'ifindex', read: [1, 2, 4] },
      { name: 'tc_index', read: [1, 2, 4] },
      { name: 'cb', read: [1, 2, 4, 8], write: [1, 2, 4, 8] },
      { name: 'hash', read: [1, 2, 4] },
      { name: 'data', read: [4], kind: 'pkt' },
      { name: 'data_end', read: [4], kind: 'pkt_end' },
      { name: 'napi_id', read: [1, 2, 4] },
      { name: 'gso_segs', read: [1, 2, 4] },
      { name: 'sk', read: [8], kind: 'sock_common_or_null' },
      { name: 'gso_size', read: [1, 2, 4] },
    ],
  },
  packet: 'read',
  returns: 'any',
  expectedAttach: 'ignored',
  sleepable: 'never',
  testRun: 'packet',
  helpers: [
    ...BASE_HELPERS,
    ...SKC_HELPERS,
    'get_route_realm',
    'perf_event_output',
    'skb_load_bytes',
    'csum_diff',
    'skb_under_cgroup',
    'get_hash_recalc',
    'skb_pull_data',
    'lwt_push_encap',
    'ktime_get_coarse_ns',
  ],
} as const satisfies ProgType
