import { type Fd, KernelError, type Request } from '../../kernel/index.js'
import type { Session } from '../session.js'

/** A reader of what bpf_printk prints. */
export function tracePipeOpen(session: Session): Fd {
  const object = { kind: 'trace_pipe', rest: new Uint8Array(0) } as const
  return session.descriptors.add({ object, readable: true, writable: false })
}

/** read(2): whole lines of the trace as far as they fit. */
export function readNow(session: Session, r: Request<'read'>): Uint8Array {
  const { object } = session.descriptors.file(r.fd, 'read')
  if (object.kind === 'text') {
    const part = object.rest.slice(0, r.size)
    object.rest = object.rest.slice(r.size)
    return part
  }
  if (object.kind !== 'trace_pipe')
    throw new KernelError('EINVAL', 'read', { hint: `a ${object.kind} is not for reading` })
  const { trace } = session.world
  const parts = [object.rest]
  let size = object.rest.length
  const encoder = new TextEncoder()
  while (size < r.size) {
    const line = trace.take()
    if (line === undefined) break
    const bytes = encoder.encode(line)
    parts.push(bytes)
    size += bytes.length
  }
  if (size === 0) throw new KernelError('EAGAIN', 'read')
  const all = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  object.rest = all.slice(r.size)
  return all.slice(0, r.size)
}
