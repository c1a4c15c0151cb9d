// Extraction of flow keys from packets, per network namespace.

import { BASE_HELPERS, SKC_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const flowDissector = {
  id: 22,
  name: 'flow_dissector',
  summary: 'Extraction of flow keys from packets, per network namespace.',
  context: {
    struct: '__sk_buff',
    fields: [
      { name: 'data', read: [4], kind: 'pkt' },
      { name: 'data_end', read: [4], kind: 'pkt_end' },
      { name: 'flow_keys', read: [8], kind: 'flow_keys' },
    ],
  },
  packet: 'read',
  returns: 'any',
  expectedAttach: 'ignored',
  sleepable: 'never',
  testRun: 'packet',
  helpers: [...BASE_HELPERS, ...SKC_HELPERS, 'skb_load_bytes', 'ktime_get_coarse_ns'],
} as const satisfies ProgType
