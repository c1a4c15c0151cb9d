// A socket of a cgroup at creation, bind or release.

import { BASE_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const cgroupSock = {
  id: 9,
  name: 'cgroup_sock',
  summary: 'A socket of a cgroup at creation, bind or release.',
  context: {
    struct: 'bpf_sock',
    fields: [
      { name: 'bound_dev_if', read: [4], write: [4], on: ['cgroup_inet_sock_create', 'cgroup_inet_sock_release'] },
      { name: 'family', read: [4], readStart: [1, 2] },
      { name: 'type', read: [4], readStart: [1, 2] },
      { name: 'protocol', read: [4], readStart: [1, 2] },
      { name: 'mark', read: [4], write: [4], on: ['cgroup_inet_sock_create', 'cgroup_inet_sock_release'] },
      { name: 'priority', read: [4], write: [4], on: ['cgroup_inet_sock_create', 'cgroup_inet_sock_release'] },
      { name: 'dst_port', read: [1, 2], readStart: [4] },
      { name: 'dst_ip4', read: [1, 2, 4] },
      { name: 'dst_ip6', read: [1, 2, 4] },
      { name: 'state', read: [4], readStart: [1, 2] },
      { name: 'rx_queue_mapping', read: [4], readStart: [1, 2] },
      { name: 'src_ip4', read: [1, 2, 4], on: ['cgroup_inet4_post_bind'] },
      { name: 'src_port', read: [4], readStart: [1, 2], on: ['cgroup_inet4_post_bind', 'cgroup_inet6_post_bind'] },
      { name: 'src_ip6', read: [1, 2, 4], on: ['cgroup_inet6_post_bind'] },
    ],
  },
  packet: 'none',
  returns: [0, 1],
  expectedAttach: 'checked',
  expectedAttachDefault: 'cgroup_inet_sock_create',
  sleepable: 'never',
  testRun: 'none',
  helpers: [
    ...BASE_HELPERS,
    'perf_event_output',
    'get_socket_cookie',
    'get_local_storage',
    'sk_storage_get',
    'get_netns_cookie',
    'ktime_get_coarse_ns',
    'get_retval',
    'set_retval',
  ],
} as const satisfies ProgType
