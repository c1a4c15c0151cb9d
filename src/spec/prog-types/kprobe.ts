// A kernel or user function traced through a breakpoint.

import { BASE_HELPERS, TRACING_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const kprobe = {
  id: 2,
  name: 'kprobe',
  summary: 'A kernel or user function traced through a breakpoint.',
  context: { struct: 'pt_regs', fields: [], bytes: { size: 168, read: [1, 2, 4, 8] } },
  packet: 'none',
  returns: 'any',
  returnsOn: { trace_kprobe_session: [0, 1], trace_uprobe_session: [0, 1] },
  expectedAttach: 'ignored',
  sleepable: 'allowed',
  testRun: 'none',
  helpers: [...BASE_HELPERS, ...TRACING_HELPERS, 'get_attach_cookie'],
} as const satisfies ProgType
