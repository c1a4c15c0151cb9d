// Entry and exit of kernel functions, BTF tracepoints, iterators.

import { BASE_HELPERS, SKC_HELPERS, TRACING_HELPERS, TRACING_SOCKET_HELPERS } from './helper-groups.js'
import type { ProgType } from './prog-type.js'

export const tracing = {
  id: 26,
  name: 'tracing',
  summary: 'Entry and exit of kernel functions, BTF tracepoints, iterators.',
  context: { struct: undefined, fields: [], typedArgs: true },
  packet: 'none',
  returns: 'any',
  returnsOn: {
    trace_fentry: [0, 0],
    trace_fexit: [0, 0],
    trace_fsession: [0, 0],
    trace_iter: [0, 1],
  },
  expectedAttach: 'checked',
  sleepable: 'allowed',
  sleepableOn: ['trace_fentry', 'trace_fexit', 'modify_return', 'trace_iter', 'trace_fsession'],
  testRun: 'tracing',
  helpers: [
    ...BASE_HELPERS,
    ...SKC_HELPERS,
    ...TRACING_HELPERS,
    ...TRACING_SOCKET_HELPERS,
    'sk_storage_get',
    'sk_storage_delete',
  ],
  helpersOn: {
    trace_raw_tp: ['get_attach_cookie'],
    trace_fentry: ['get_attach_cookie', 'get_func_arg', 'get_func_ret', 'get_func_arg_cnt', 'd_path'],
    trace_fexit: ['get_attach_cookie', 'get_func_arg', 'get_func_ret', 'get_func_arg_cnt', 'd_path'],
    modify_return: ['get_attach_cookie', 'get_func_arg', 'get_func_ret', 'get_func_arg_cnt', 'd_path'],
    trace_fsession: ['get_attach_cookie', 'get_func_arg', 'get_func_ret', 'get_func_arg_cnt', 'd_path'],
    trace_iter: ['d_path', 'seq_printf', 'seq_write', 'seq_printf_btf'],
  },
} as const satisfies ProgType
