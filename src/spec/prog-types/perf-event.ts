// A sample of a perf event.

import { BASE_HELPERS, TRACING_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const perfEvent = {
  id: 7,
  name: 'perf_event',
  summary: 'A sample of a perf event.',
  context: {
    struct: 'bpf_perf_event_data',
    fields: [
      { name: 'regs', read: [8] },
      { name: 'sample_period', read: [1, 2, 4, 8] },
      { name: 'addr', read: [1, 2, 4, 8] },
    ],
  },
  packet: 'none',
  returns: 'any',
  expectedAttach: 'ignored',
  sleepable: 'never',
  testRun: 'none',
  helpers: [...BASE_HELPERS, ...TRACING_HELPERS, 'perf_prog_read_value', 'read_branch_records', 'get_attach_cookie'],
} as const satisfies ProgType
