// A tracepoint whose first argument is a buffer the program may change.

import { BASE_HELPERS, TRACING_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const rawTracepointWritable = {
  id: 24,
  name: 'raw_tracepoint_writable',
  summary: 'A tracepoint whose first argument is a buffer the program may change.',
  context: {
    struct: 'bpf_raw_tracepoint_args',
    fields: [],
    bytes: { size: 96, read: [1, 2, 4, 8] },
    tpBuffer: true,
  },
  packet: 'none',
  returns: 'any',
  expectedAttach: 'ignored',
  sleepable: 'never',
  testRun: 'none',
  helpers: [...BASE_HELPERS, ...TRACING_HELPERS, 'get_attach_cookie'],
} as const satisfies ProgType
