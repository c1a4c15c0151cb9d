// Replacement of a function of another BPF program: context, helpers and return values are those of the program it joins.

import type { ProgType } from './prog-type.js'

export const ext = {
  id: 28,
  name: 'ext',
  summary: 'Replacement of a function of another BPF program.',
  context: { struct: undefined, fields: [] },
  packet: 'none',
  returns: 'any',
  expectedAttach: 'ignored',
  sleepable: 'never',
  testRun: 'none',
  helpers: [],
} as const satisfies ProgType
