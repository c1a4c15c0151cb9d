// A tracepoint with its raw arguments.

import { BASE_HELPERS, TRACING_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const rawTracepoint = {
  id: 17,
  name: 'raw_tracepoint',
  summary: 'A tracepoint with its raw arguments.',
  context: { struct: 'bpf_raw_tracepoint_args', fields: [], bytes: { size: 96, read: [1, 2, 4, 8] } },
  packet: 'none',
  returns: 'any',
  expectedAttach: 'ignored',
  sleepable: 'never',
  testRun: 'context',
  helpers: [...BASE_HELPERS, ...TRACING_HELPERS, 'get_attach_cookie'],
} as const satisfies ProgType
