// A program run by BPF_PROG_TEST_RUN alone.

import { BASE_HELPERS, SKC_HELPERS, TRACING_HELPERS, TRACING_SOCKET_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const syscall = {
  id: 31,
  name: 'syscall',
  summary: 'A program run by BPF_PROG_TEST_RUN alone.',
  context: { struct: undefined, fields: [], bytes: { size: 65535, read: [1, 2, 4, 8], write: true } },
  packet: 'none',
  returns: 'any',
  expectedAttach: 'zero',
  sleepable: 'always',
  testRun: 'context',
  helpers: [
    ...BASE_HELPERS,
    ...SKC_HELPERS,
    ...TRACING_HELPERS,
    ...TRACING_SOCKET_HELPERS,
    'sys_bpf',
    'btf_find_by_name_kind',
    'sys_close',
    'kallsyms_lookup_name',
  ],
} as const satisfies ProgType
