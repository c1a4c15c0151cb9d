// Choice of the socket for an incoming packet or connection.

import { BASE_HELPERS, SKC_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const skLookup = {
  id: 30,
  name: 'sk_lookup',
  summary: 'Choice of the socket for an incoming packet or connection.',
  context: {
    struct: 'bpf_sk_lookup',
    fields: [
      { name: 'sk', read: [8], kind: 'sock_or_null' },
      { name: 'family', read: [1, 2, 4] },
      { name: 'protocol', read: [1, 2, 4] },
      { name: 'remote_ip4', read: [1, 2, 4] },
      { name: 'remote_ip6', read: [1, 2, 4] },
      { name: 'remote_port', read: [1, 2, 4], bytes: 4 },
      { name: 'local_ip4', read: [1, 2, 4] },
      { name: 'local_ip6', read: [1, 2, 4] },
      { name: 'local_port', read: [1, 2, 4] },
      { name: 'ingress_ifindex', read: [1, 2, 4] },
    ],
  },
  packet: 'none',
  returns: [0, 1],
  expectedAttach: 'checked',
  sleepable: 'never',
  testRun: 'context',
  helpers: [...BASE_HELPERS, ...SKC_HELPERS, 'perf_event_output', 'sk_release', 'sk_assign', 'ktime_get_coarse_ns'],
} as const satisfies ProgType
