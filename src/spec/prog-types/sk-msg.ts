// Messages sent on a sockmap's sockets.

import { BASE_HELPERS, SKC_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const skMsg = {
  id: 16,
  name: 'sk_msg',
  summary: "Messages sent on a sockmap's sockets.",
  context: {
    struct: 'sk_msg_md',
    fields: [
      { name: 'data', read: [8], kind: 'pkt' },
      { name: 'data_end', read: [8], kind: 'pkt_end' },
      { name: 'family', read: [4] },
      { name: 'remote_ip4', read: [4] },
      { name: 'local_ip4', read: [4] },
      { name: 'remote_ip6', read: [4] },
      { name: 'local_ip6', read: [4] },
      { name: 'remote_port', read: [4] },
      { name: 'local_port', read: [4] },
      { name: 'size', read: [4] },
      { name: 'sk', read: [8], kind: 'sock' },
    ],
  },
  packet: 'write',
  returns: 'any',
  expectedAttach: 'ignored',
  sleepable: 'never',
  testRun: 'none',
  helpers: [
    ...BASE_HELPERS,
    ...SKC_HELPERS,
    'perf_event_output',
    'msg_redirect_map',
    'msg_apply_bytes',
    'msg_cork_bytes',
    'msg_pull_data',
    'msg_redirect_hash',
    'msg_push_data',
    'msg_pop_data',
    'sk_storage_get',
    'sk_storage_delete',
    'get_netns_cookie',
    'ktime_get_coarse_ns',
  ],
} as const satisfies ProgType
