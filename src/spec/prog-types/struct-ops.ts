// A function of a kernel operations table, such as a TCP congestion control.

import { BASE_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const structOps = {
  id: 27,
  name: 'struct_ops',
  summary: 'A function of a kernel operations table, such as a TCP congestion control.',
  context: { struct: undefined, fields: [], typedArgs: true },
  packet: 'none',
  returns: 'any',
  expectedAttach: 'member index',
  sleepable: 'allowed',
  testRun: 'none',
  helpers: [
    ...BASE_HELPERS,
    'setsockopt',
    'getsockopt',
    'sk_storage_get',
    'sk_storage_delete',
    'tcp_send_ack',
    'ktime_get_coarse_ns',
  ],
} as const satisfies ProgType
