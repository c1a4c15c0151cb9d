import { type Fd, KernelError } from '../../kernel/index.js'
import { programOwnerType } from '../../maps/index.js'
import { bpf_map_type } from '../../spec/index.js'
import type { Session } from '../session.js'
import { mapMemoryUsage } from '../state/map-memory-usage.js'

const PAGE = 4096
/** struct bpf_prog before its instructions. */
const PROG_HEAD = 72

/** What /proc/self/fdinfo says of a map or program beyond bpf(2): memlock, frozen, owner_prog_type, owner_jited. Throws KernelError EBADF. */
export function fdInfo(session: Session, fd: Fd): ReadonlyMap<string, string> {
  const { object } = session.descriptors.file(fd, 'fdinfo')
  const { machine } = session.world
  const rows = new Map<string, string>()
  if (object.kind === 'prog') {
    const size = PROG_HEAD + object.translation.insns.length
    rows.set('memlock', String(Math.ceil(size / PAGE) * PAGE))
  } else if (object.kind === 'map') {
    const { map } = object
    const bytes = mapMemoryUsage(machine, map)
    if (bytes !== undefined) rows.set('memlock', String(bytes))
    rows.set('frozen', object.frozen ? '1' : '0')
    const owner = map.type === bpf_map_type.BPF_MAP_TYPE_PROG_ARRAY ? programOwnerType(map) : undefined
    if (owner !== undefined) {
      rows.set('owner_prog_type', String(owner))
      rows.set('owner_jited', session.world.sysctls.get('net.core.bpf_jit_enable') === 0 ? '0' : '1')
    }
  } else throw new KernelError('EBADF', 'fdinfo')
  return rows
}
