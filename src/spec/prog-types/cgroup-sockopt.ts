// getsockopt(2) and setsockopt(2) of a cgroup.

import { BASE_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const cgroupSockopt = {
  id: 25,
  name: 'cgroup_sockopt',
  summary: 'getsockopt(2) and setsockopt(2) of a cgroup.',
  context: {
    struct: 'bpf_sockopt',
    fields: [
      { name: 'sk', read: [8], kind: 'sock' },
      { name: 'optval', read: [8], kind: 'pkt' },
      { name: 'optval_end', read: [8], kind: 'pkt_end' },
      { name: 'level', read: [4], on: ['cgroup_getsockopt'] },
      { name: 'optname', read: [4], on: ['cgroup_getsockopt'] },
      { name: 'optlen', read: [4], write: [4] },
      { name: 'retval', read: [4], write: [4], on: ['cgroup_getsockopt'] },
      { name: 'level', read: [4], write: [4], on: ['cgroup_setsockopt'] },
      { name: 'optname', read: [4], write: [4], on: ['cgroup_setsockopt'] },
    ],
  },
  packet: 'write',
  returns: [0, 1],
  expectedAttach: 'checked',
  sleepable: 'never',
  testRun: 'none',
  helpers: [
    ...BASE_HELPERS,
    'perf_event_output',
    'get_local_storage',
    'tcp_sock',
    'sk_storage_get',
    'sk_storage_delete',
    'get_netns_cookie',
    'get_retval',
    'set_retval',
  ],
  helpersOn: {
    cgroup_setsockopt: ['setsockopt', 'getsockopt'],
  },
} as const satisfies ProgType
