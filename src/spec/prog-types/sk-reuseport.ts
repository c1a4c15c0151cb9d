// Choice of a socket in a reuseport group.

import { BASE_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const skReuseport = {
  id: 21,
  name: 'sk_reuseport',
  summary: 'Choice of a socket in a reuseport group.',
  context: {
    struct: 'sk_reuseport_md',
    fields: [
      { name: 'data', read: [8], kind: 'pkt' },
      { name: 'data_end', read: [8], kind: 'pkt_end' },
      { name: 'len', read: [1, 2, 4] },
      { name: 'eth_protocol', read: [2, 4] },
      { name: 'ip_protocol', read: [1, 2, 4] },
      { name: 'bind_inany', read: [1, 2, 4] },
      { name: 'hash', read: [4] },
      { name: 'sk', read: [8], kind: 'sock' },
      { name: 'migrating_sk', read: [8], kind: 'sock_common_or_null' },
    ],
  },
  packet: 'read',
  returns: 'any',
  expectedAttach: 'checked',
  expectedAttachDefault: 'sk_reuseport_select',
  sleepable: 'never',
  testRun: 'none',
  helpers: [
    ...BASE_HELPERS,
    'skb_load_bytes',
    'get_socket_cookie',
    'skb_load_bytes_relative',
    'sk_select_reuseport',
    'ktime_get_coarse_ns',
  ],
} as const satisfies ProgType
