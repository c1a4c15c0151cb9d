// Decoding of infrared remote controls.

import type { ProgType } from './prog-type.js'

export const lircMode2 = {
  id: 20,
  name: 'lirc_mode2',
  summary: 'Decoding of infrared remote controls.',
  context: { struct: undefined, fields: [], bytes: { size: 4, read: [4] } },
  packet: 'none',
  returns: 'any',
  expectedAttach: 'ignored',
  sleepable: 'never',
  testRun: 'none',
  helpers: [
    'rc_repeat',
    'rc_keydown',
    'rc_pointer_rel',
    'map_lookup_elem',
    'map_update_elem',
    'map_delete_elem',
    'map_push_elem',
    'map_pop_elem',
    'map_peek_elem',
    'ktime_get_ns',
    'ktime_get_boot_ns',
    'tail_call',
    'get_prandom_u32',
    'trace_printk',
  ],
} as const satisfies ProgType
