// A packet at a netfilter hook.

import { BASE_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const netfilter = {
  id: 32,
  name: 'netfilter',
  summary: 'A packet at a netfilter hook.',
  context: {
    struct: 'bpf_nf_ctx',
    fields: [
      { name: 'state', read: [8], kind: 'trusted_ptr_nf_hook_state' },
      { name: 'skb', read: [8], kind: 'trusted_ptr_sk_buff' },
    ],
  },
  packet: 'none',
  returns: [0, 1],
  expectedAttach: 'checked',
  sleepable: 'never',
  testRun: 'packet',
  helpers: [...BASE_HELPERS],
} as const satisfies ProgType
