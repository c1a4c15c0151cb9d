import { FormatError } from '../../base/index.js'
import { parseBtf } from '../../btf/index.js'
import { type Fd, KernelError, type Request } from '../../kernel/index.js'
import type { Session } from '../session.js'

const BTF_MAX_SIZE = 16 << 20

/** BPF_BTF_LOAD: the whole BTF is checked as Linux's btf_parse does. */
export function btfLoad(session: Session, r: Request<'btf_load'>): { fd: Fd; log: string } {
  if (r.btf.length > BTF_MAX_SIZE)
    throw new KernelError('E2BIG', 'btf_load', { hint: `${r.btf.length} bytes, ${BTF_MAX_SIZE} are possible` })
  const bytes = r.btf.slice()
  try {
    const btf = parseBtf(bytes)
    const { world } = session
    const object = { kind: 'btf' as const, id: world.btfs.reserve(), references: 1, bytes, btf }
    world.add(object)
    return { fd: session.open(object), log: '' }
  } catch (error) {
    if (error instanceof FormatError)
      throw new KernelError('EINVAL', 'btf_load', { detail: error.message, log: error.message + '\n' })
    throw error
  }
}
