// A static tracepoint, with its recorded fields as context.

import { BASE_HELPERS, TRACING_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const tracepoint = {
  id: 5,
  name: 'tracepoint',
  summary: 'A static tracepoint, with its recorded fields as context.',
  context: { struct: undefined, fields: [], bytes: { from: 8, size: 8192, read: [1, 2, 4, 8] } },
  packet: 'none',
  returns: 'any',
  expectedAttach: 'ignored',
  sleepable: 'never',
  testRun: 'none',
  helpers: [...BASE_HELPERS, ...TRACING_HELPERS, 'get_attach_cookie'],
} as const satisfies ProgType
