// A packet at the earliest point of reception.

import { BASE_HELPERS, SKC_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const xdp = {
  id: 6,
  name: 'xdp',
  summary: 'A packet at the earliest point of reception.',
  context: {
    struct: 'xdp_md',
    fields: [
      { name: 'data', read: [4], kind: 'pkt' },
      { name: 'data_end', read: [4], kind: 'pkt_end' },
      { name: 'data_meta', read: [4], kind: 'pkt_meta' },
      { name: 'ingress_ifindex', read: [4] },
      { name: 'rx_queue_index', read: [4] },
      { name: 'egress_ifindex', read: [4], on: ['xdp_devmap'] },
    ],
  },
  packet: 'write',
  returns: 'any',
  expectedAttach: 'ignored',
  sleepable: 'never',
  testRun: 'packet',
  helpers: [
    ...BASE_HELPERS,
    ...SKC_HELPERS,
    'redirect',
    'perf_event_output',
    'csum_diff',
    'xdp_adjust_head',
    'redirect_map',
    'xdp_adjust_meta',
    'xdp_adjust_tail',
    'fib_lookup',
    'sk_lookup_tcp',
    'sk_lookup_udp',
    'sk_release',
    'skc_lookup_tcp',
    'tcp_check_syncookie',
    'tcp_gen_syncookie',
    'ktime_get_coarse_ns',
    'check_mtu',
    'xdp_get_buff_len',
    'xdp_load_bytes',
    'xdp_store_bytes',
    'tcp_raw_gen_syncookie_ipv4',
    'tcp_raw_gen_syncookie_ipv6',
    'tcp_raw_check_syncookie_ipv4',
    'tcp_raw_check_syncookie_ipv6',
  ],
} as const satisfies ProgType
