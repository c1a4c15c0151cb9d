import type { Fd } from '../../kernel/index.js'
import type { Span } from '../ffi/arena.js'
import type { LinuxSession } from '../session.js'

const OBJ_GET_INFO_BY_FD = 15

/** BPF_OBJ_GET_INFO_BY_FD: `fill` sets the pointers and counts of what is wanted beyond the fixed part. */
export function queryInfo(session: LinuxSession, fd: Fd, size: number, fill?: (info: Span) => void): Span {
  const attr = session.attr()
  const info = attr.arena.alloc(size)
  fill?.(info)
  attr.u32(0, fd).u32(4, size).u64(8, info.address).call(OBJ_GET_INFO_BY_FD, 'obj_get_info_by_fd')
  return info
}
