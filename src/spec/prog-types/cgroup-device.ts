// Access of a cgroup to a device file.

import { BASE_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const cgroupDevice = {
  id: 15,
  name: 'cgroup_device',
  summary: 'Access of a cgroup to a device file.',
  context: {
    struct: 'bpf_cgroup_dev_ctx',
    fields: [
      { name: 'access_type', read: [1, 2, 4] },
      { name: 'major', read: [4] },
      { name: 'minor', read: [4] },
    ],
  },
  packet: 'none',
  returns: [0, 1],
  expectedAttach: 'ignored',
  sleepable: 'never',
  testRun: 'none',
  helpers: [...BASE_HELPERS, 'perf_event_output', 'get_local_storage', 'get_retval', 'set_retval'],
} as const satisfies ProgType
