import { UsageError } from '../../base/index.js'
import { BpfLink } from '../bpf-link.js'
import type { BpfProgram } from '../bpf-program.js'

/** A program or link that is attached already, itself or by id. */
export type Neighbour = BpfProgram | BpfLink | { readonly progId: number } | { readonly linkId: number }

/** Where among the programs of one hook (tcx, netkit, cgroup) a program goes. Default: last. */
export interface OrderOptions {
  /** Right before this one; 'all': first. */
  readonly before?: Neighbour | 'all'
  /** Right after this one; 'all': last. */
  readonly after?: Neighbour | 'all'
  /** Only if the hook's list is still at this revision (see prog_query); ESTALE else. */
  readonly expectedRevision?: bigint
}

const F = { BEFORE: 1 << 3, AFTER: 1 << 4, ID: 1 << 5, LINK: 1 << 13 } as const

export interface OrderRequest {
  readonly flags: number
  readonly relativeFd?: number
  readonly relativeId?: number
  readonly expectedRevision?: bigint
}

/** Flags and references of BPF_LINK_CREATE and BPF_PROG_ATTACH for an order. Throws UsageError for both sides at once. */
export function orderRequest(options: OrderOptions): OrderRequest {
  const { before, after, expectedRevision } = options
  if (before !== undefined && after !== undefined && (before !== 'all' || after !== 'all')) {
    throw new UsageError('give `before` or `after`, not both')
  }
  const revision = expectedRevision === undefined ? {} : { expectedRevision }
  const side = (before === undefined ? 0 : F.BEFORE) | (after === undefined ? 0 : F.AFTER)
  const other = before ?? after
  if (other === undefined || other === 'all') return { flags: side, ...revision }
  if (other instanceof BpfLink) return { flags: side | F.LINK, relativeFd: other.fd, ...revision }
  if ('progId' in other) return { flags: side | F.ID, relativeId: other.progId, ...revision }
  if ('linkId' in other) return { flags: side | F.ID | F.LINK, relativeId: other.linkId, ...revision }
  return { flags: side, relativeFd: other.fd, ...revision }
}
