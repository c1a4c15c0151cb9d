// A filter on a socket: how many bytes of each packet the socket gets.

import { BASE_HELPERS, SKC_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const socketFilter = {
  id: 1,
  name: 'socket_filter',
  summary: 'A filter on a socket: how many bytes of each packet the socket gets.',
  context: {
    struct: '__sk_buff',
    fields: [
      { name: 'len', read: [1, 2, 4] },
      { name: 'pkt_type', read: [1, 2, 4] },
      { name: 'mark', read: [1, 2, 4] },
      { name: 'queue_mapping', read: [1, 2, 4] },
      { name: 'protocol', read: [1, 2, 4] },
      { name: 'vlan_present', read: [1, 2, 4] },
      { name: 'vlan_tci', read: [1, 2, 4] },
      { name: 'vlan_proto', read: [1, 2, 4] },
      { name: 'priority', read: [1, 2, 4] },
      { name: 'ingress_ifindex', read: [1, 2, 4] },
      { name: 'ifindex', read: [1, 2, 4] },
      { name: 'tc_index', read: [1, 2, 4] },
      { name: 'cb', read: [1, 2, 4, 8], write: [1, 2, 4, 8] },
      { name: 'hash', read: [1, 2, 4] },
      { name: 'napi_id', read: [1, 2, 4] },
      { name: 'gso_segs', read: [1, 2, 4] },
      { name: 'sk', read: [8], kind: 'sock_common_or_null' },
      { name: 'gso_size', read: [1, 2, 4] },
    ],
  },
  packet: 'none',
  returns: 'any',
  expectedAttach: 'ignored',
  sleepable: 'never',
  testRun: 'packet',
  helpers: [
    ...BASE_HELPERS,
    ...SKC_HELPERS,
    'perf_event_output',
    'skb_load_bytes',
    'get_socket_cookie',
    'get_socket_uid',
    'skb_load_bytes_relative',
    'get_netns_cookie',
    'ktime_get_coarse_ns',
  ],
} as const satisfies ProgType
