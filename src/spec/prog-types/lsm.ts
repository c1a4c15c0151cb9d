// A security hook. Which values it may return depends on the hook: an error or 0, a Boolean, anything.

import { BASE_HELPERS, SKC_HELPERS, TRACING_HELPERS, TRACING_SOCKET_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const lsm = {
  id: 29,
  name: 'lsm',
  summary: 'A security hook.',
  context: { struct: undefined, fields: [], typedArgs: true },
  packet: 'none',
  returns: [-4095, 0],
  returnsOn: { lsm_cgroup: [0, 1] },
  expectedAttach: 'checked',
  sleepable: 'allowed',
  sleepableOn: ['lsm_mac'],
  testRun: 'none',
  helpers: [
    ...BASE_HELPERS,
    ...SKC_HELPERS,
    ...TRACING_HELPERS,
    ...TRACING_SOCKET_HELPERS,
    'sk_storage_get',
    'sk_storage_delete',
    'd_path',
    'inode_storage_get',
    'inode_storage_delete',
    'bprm_opts_set',
    'ima_inode_hash',
    'ima_file_hash',
    'get_func_arg',
    'get_func_ret',
    'get_func_arg_cnt',
    'get_attach_cookie',
  ],
  helpersOn: { lsm_cgroup: ['get_local_storage', 'get_retval', 'set_retval', 'setsockopt', 'getsockopt'] },
} as const satisfies ProgType
