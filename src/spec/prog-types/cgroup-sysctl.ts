// Access of a cgroup to sysctls.

import { BASE_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const cgroupSysctl = {
  id: 23,
  name: 'cgroup_sysctl',
  summary: 'Access of a cgroup to sysctls.',
  context: {
    struct: 'bpf_sysctl',
    fields: [
      { name: 'write', read: [1, 2, 4] },
      { name: 'file_pos', read: [1, 2, 4], write: [4] },
    ],
  },
  packet: 'none',
  returns: [0, 1],
  expectedAttach: 'ignored',
  sleepable: 'never',
  testRun: 'none',
  helpers: [
    ...BASE_HELPERS,
    'perf_event_output',
    'get_local_storage',
    'sysctl_get_name',
    'sysctl_get_current_value',
    'sysctl_get_new_value',
    'sysctl_set_new_value',
    'ktime_get_coarse_ns',
    'get_retval',
    'set_retval',
  ],
} as const satisfies ProgType
