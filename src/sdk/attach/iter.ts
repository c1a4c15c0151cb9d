import { decodeText } from '../../base/index.js'
import { bpf_attach_type } from '../../spec/index.js'
import { BpfLink } from '../bpf-link.js'
import type { BpfMap } from '../bpf-map.js'
import type { BpfProgram } from '../bpf-program.js'
import type { Codec } from '../codec.js'
import { Handle } from '../handle.js'
import { type Attachment, type FdLike, requireType } from './attachment.js'
import { withCgroup } from './cgroup.js'

/** What an iterator goes over, beyond what its section says. */
export interface IterOptions {
  /** iter/bpf_map_elem, bpf_sk_storage_map: the map. */
  readonly map?: BpfMap
  /** iter/cgroup: where to begin and which way to walk. */
  readonly cgroup?: { readonly path: string | FdLike; readonly order: CgroupOrder }
  /** iter/task, task_file, task_vma: one thread, or one process. */
  readonly tid?: number
  readonly pid?: number
}

export type CgroupOrder = 'self' | 'descendants_pre' | 'descendants_post' | 'ancestors_up'
const ORDER: Readonly<Record<CgroupOrder, number>> = {
  self: 1,
  descendants_pre: 2,
  descendants_post: 3,
  ancestors_up: 4,
}
const CHUNK = 1 << 16
/** bpf_iter_link_info. */
const INFO_SIZE = 16

/** An iterator program at work: each reading walks anew. */
export class BpfIterator implements Attachment {
  readonly kind = 'iter'
  readonly link: BpfLink

  constructor(link: BpfLink) {
    this.link = link
  }

  /** What the program writes, in pieces as they come. */
  *chunks(): Generator<Uint8Array, void, undefined> {
    const { kernel, fd: linkFd } = this.link
    using file = new Handle(kernel, kernel.call('iter_create', { linkFd }))
    for (;;) {
      const bytes = kernel.call('read', { fd: file.fd, size: CHUNK })
      if (bytes.length === 0) return
      yield bytes
    }
  }

  /** The whole output as text. */
  text(): string {
    return [...this.chunks()].map((chunk) => decodeText(chunk)).join('')
  }

  /** Records of one size that the program writes with bpf_seq_write(). */
  *records<T>(codec: Codec<T>): Generator<T, void, undefined> {
    let rest: Uint8Array = new Uint8Array(0)
    for (const chunk of this.chunks()) {
      const bytes = new Uint8Array(rest.length + chunk.length)
      bytes.set(rest)
      bytes.set(chunk, rest.length)
      let at = 0
      for (; at + codec.size <= bytes.length; at += codec.size) yield codec.decode(bytes.slice(at, at + codec.size))
      rest = bytes.slice(at)
    }
  }

  detach(): void {
    this.link.close()
  }

  [Symbol.dispose](): void {
    this.link.close()
  }
}

/** Links an iterator program (`iter/task` …) to what it goes over. Throws KernelError, UsageError. */
export function attachIter(program: BpfProgram, options: IterOptions = {}): BpfIterator {
  requireType(program, 'an iterator', 'tracing')
  const { kernel } = program
  const create = (iterInfo: Uint8Array | undefined): BpfIterator => {
    const request = { progFd: program.fd, attachType: bpf_attach_type.BPF_TRACE_ITER }
    const fd = kernel.call('link_create', iterInfo === undefined ? request : { ...request, iterInfo })
    return new BpfIterator(new BpfLink(new Handle(kernel, fd)))
  }
  const { map, cgroup, tid, pid } = options
  if (map !== undefined) return create(words(map.fd))
  if (cgroup !== undefined) return withCgroup(kernel, cgroup.path, (fd) => create(words(ORDER[cgroup.order], fd)))
  if (tid !== undefined || pid !== undefined) return create(words(tid ?? 0, pid ?? 0))
  return create(undefined)
}

function words(...values: readonly number[]): Uint8Array {
  const info = new Uint32Array(INFO_SIZE / 4)
  info.set(values)
  return new Uint8Array(info.buffer)
}
