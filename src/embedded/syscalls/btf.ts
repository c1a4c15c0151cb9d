import { checkBtf, parseBtf } from '../../btf/index.js'
import { type Fd, KernelError, type Request } from '../../kernel/index.js'
import type { Session } from '../session.js'

const BPF_F_TOKEN_FD = 1 << 16

/** BPF_BTF_LOAD: the whole BTF is checked as Linux checks it, with Linux's log. */
export function btfLoad(session: Session, r: Request<'btf_load'>): { fd: Fd; log: string } {
  if (((r.btfFlags ?? 0) & ~BPF_F_TOKEN_FD) !== 0) throw new KernelError('EINVAL', 'btf_load', { hint: 'btf_flags' })
  const bytes = r.btf.slice()
  let log = ''
  const wanted = (r.logLevel ?? 0) > 0
  const verdict = checkBtf(bytes, wanted ? { log: (text) => void (log += text) } : {})
  if (!verdict.ok) {
    throw new KernelError(verdict.errno, 'btf_load', { detail: verdict.reason, ...(wanted ? { log } : {}) })
  }
  const { world } = session
  const object = { kind: 'btf' as const, id: world.btfs.reserve(), references: 1, bytes, btf: parseBtf(bytes) }
  world.add(object)
  return { fd: session.open(object), log }
}
