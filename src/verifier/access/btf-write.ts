// The few fields of kernel objects that programs may write.

import { type Btf, sizeOf } from '../../btf/index.js'
import type { Env } from '../env.js'
import type { Reg } from '../state/reg.js'
import { plainType } from './btf-walk.js'

/** undefined: allowed. Otherwise why not. */
export function refusedWrite(env: Env, reg: Reg, off: number, size: number): string | undefined {
  const btf = reg.btf?.btf
  const name = btf?.typeName(reg.btfId) ?? ''
  if (btf === undefined) return 'only read is supported'
  switch (env.prog.type) {
    case 'xdp':
    case 'sched_cls':
    case 'sched_act':
      return conntrackMark(btf, name, off, size)
    case 'struct_ops':
      switch (env.structOps?.name) {
        case 'tcp_congestion_ops':
          return congestionControl(btf, name, off, size)
        case 'bpf_dummy_ops':
          return dummyState(btf, name, reg, off, size)
        default:
          return 'only read is supported'
      }
    default:
      return 'only read is supported'
  }
}

/** Fields of a TCP socket a congestion control may set; of `icsk_ca_priv` any part, of the others their start. */
const TCP_FIELDS: readonly string[] = [
  'inet_conn.icsk_inet.sk.sk_pacing_rate',
  'inet_conn.icsk_inet.sk.sk_pacing_status',
  'inet_conn.icsk_ca_priv',
  'inet_conn.icsk_ack.pending',
  'snd_cwnd',
  'snd_cwnd_cnt',
  'snd_cwnd_stamp',
  'snd_ssthresh',
  'ecn_flags',
  'app_limited',
]

function congestionControl(btf: Btf, name: string, off: number, size: number): string | undefined {
  if (name !== 'tcp_sock') return 'only read is supported'
  for (const path of TCP_FIELDS) {
    const place = fieldPlace(btf, name, path)
    if (place === undefined) continue
    const end = place.offset + place.size
    const fits = path.endsWith('icsk_ca_priv') ? off >= place.offset && off < end : off === place.offset
    if (!fits) continue
    if (off + size <= end) return undefined
    return `write access at off ${off} with size ${size} beyond the member of tcp_sock ended at ${end}`
  }
  return `no write support to tcp_sock at off ${off}`
}

function dummyState(btf: Btf, name: string, reg: Reg, off: number, size: number): string | undefined {
  if (name !== 'bpf_dummy_ops_state') return 'only access to bpf_dummy_ops_state is supported'
  return off + size > sizeOf(btf, reg.btfId) ? `write access at off ${off} with size ${size}` : undefined
}

/** Programs that see packets may set the mark of a connection tracking entry. */
function conntrackMark(btf: Btf, name: string, off: number, size: number): string | undefined {
  if (name !== 'nf_conn' && name !== 'nf_conn___init') return 'only read is supported'
  const place = fieldPlace(btf, 'nf_conn', 'mark')
  if (place === undefined || off !== place.offset) return `no write support to nf_conn at off ${off}`
  if (off + size <= place.offset + place.size) return undefined
  return `write access at off ${off} with size ${size} beyond the member of nf_conn ended at ${place.offset + place.size}`
}

/** Place of a member, by its path through nested structs. */
export function fieldPlace(
  btf: Btf,
  struct: string,
  path: string,
): { readonly offset: number; readonly size: number } | undefined {
  let id = btf.findByName(struct, ['struct', 'union'])
  let offset = 0
  for (const part of path.split('.')) {
    const type = id === undefined ? undefined : plainType(btf, id).type
    if (type?.kind !== 'struct' && type?.kind !== 'union') return undefined
    const found = findMember(btf, type.id, part, 0)
    if (found === undefined) return undefined
    offset += found.offset
    id = found.type
  }
  return id === undefined ? undefined : { offset, size: sizeOf(btf, id) }
}

/** A member by name, those of anonymous structs included. */
function findMember(btf: Btf, id: number, name: string, depth: number): { offset: number; type: number } | undefined {
  const type = btf.type(id)
  if ((type.kind !== 'struct' && type.kind !== 'union') || depth > 8) return undefined
  for (const member of type.members) {
    const offset = member.bitOffset >> 3
    if (member.name === name) return { offset, type: member.type }
    const found = member.name === '' ? findMember(btf, plainType(btf, member.type).id, name, depth + 1) : undefined
    if (found !== undefined) return { offset: offset + found.offset, type: found.type }
  }
  return undefined
}
