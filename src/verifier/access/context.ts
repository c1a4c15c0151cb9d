// The context (r1 at entry): which fields a program type may read and write, by spec's tables.

import { type ContextField, type ContextFieldKind, contextFields, structs } from '../../spec/index.js'
import type { Env } from '../env.js'
import { MAYBE_NULL, pointerReg, type Reg, type RegType, TRUSTED, unknownReg } from '../state/reg.js'
import { readTypedContext } from './typed-context.js'

interface Place {
  readonly field: ContextField
  readonly offset: number
  readonly size: number
}

const cache = new WeakMap<Env, readonly Place[]>()

function placesOf(env: Env): readonly Place[] {
  const known = cache.get(env)
  if (known !== undefined) return known
  const { struct } = env.type.context
  const layout = struct === undefined ? undefined : structs[struct]
  const fields: Readonly<Record<string, { readonly offset: number; readonly size: number }>> = layout?.fields ?? {}
  const places: Place[] = []
  for (const field of contextFields(env.prog.type, env.prog.attachType)) {
    const place = fields[field.name]
    if (place !== undefined) places.push({ field, offset: place.offset, size: field.bytes ?? place.size })
  }
  cache.set(env, places)
  return places
}

const POINTERS: Readonly<Record<ContextFieldKind, readonly [RegType, number] | undefined>> = {
  pkt: ['pkt', 0],
  pkt_end: ['pkt_end', 0],
  pkt_meta: ['pkt_meta', 0],
  flow_keys: ['flow_keys', 0],
  tp_buffer: ['tp_buffer', 0],
  sock: ['sock', 0],
  sock_or_null: ['sock', MAYBE_NULL],
  sock_common_or_null: ['sock_common', MAYBE_NULL],
  trusted_ptr_nf_hook_state: undefined,
  trusted_ptr_sk_buff: undefined,
}

/** What a load gives; undefined where the access is refused. */
export function readContext(env: Env, off: number, size: number): Reg | undefined {
  const { bytes, tpBuffer, typedArgs } = env.type.context
  if (typedArgs === true) return readTypedContext(env, off, size)
  if (tpBuffer === true && off === 0) return size === 8 ? pointerReg('tp_buffer') : undefined
  if (bytes !== undefined) {
    const fits = off >= (bytes.from ?? 0) && off + size <= bytes.size && off % size === 0
    return fits && bytes.read.includes(size as 1) ? unknownReg() : undefined
  }
  if (off < 0 || off % size !== 0) return undefined
  for (const { field, offset, size: width } of placesOf(env)) {
    const atStart = off === offset && field.readStart?.includes(size as 1) === true
    if (off < offset || (off + size > offset + width && !atStart)) continue
    const allowed = atStart || field.read.includes(size as 1)
    if (!allowed) return undefined
    if (field.kind === undefined) return unknownReg()
    const kind = POINTERS[field.kind]
    if (kind === undefined) return kernelObject(env, field.kind)
    if (kind[0] === 'pkt' || kind[0] === 'pkt_meta' || kind[0] === 'pkt_end' || kind[0] === 'flow_keys') {
      return pointerReg(kind[0])
    }
    const reg = pointerReg(kind[0], kind[1])
    if ((kind[1] & MAYBE_NULL) !== 0) reg.id = env.newId()
    return reg
  }
  return undefined
}

/** A field that is a pointer to a kernel struct, which its kind names. */
function kernelObject(env: Env, kind: string): Reg {
  const [, trusted, struct = ''] = /^(trusted_|)ptr_(.*)$/.exec(kind) ?? []
  const id = env.kernel?.btf.findByName(struct, 'struct')
  if (env.kernel === undefined || id === undefined) return env.unsupported(`context field of kind ${kind}`)
  const reg = pointerReg('ptr_', trusted === '' ? 0 : TRUSTED)
  reg.btf = env.kernel
  reg.btfId = id
  return reg
}

export function mayWriteContext(env: Env, off: number, size: number): boolean {
  const { bytes } = env.type.context
  if (bytes !== undefined) {
    return bytes.write === true && off >= (bytes.from ?? 0) && off + size <= bytes.size && off % size === 0
  }
  if (off < 0 || off % size !== 0) return false
  for (const { field, offset, size: width } of placesOf(env)) {
    if (off < offset || off + size > offset + width) continue
    return (
      field.write?.includes(size as 1) === true || (off === offset && field.writeStart?.includes(size as 1) === true)
    )
  }
  return false
}

const sock = structs.bpf_sock.fields
const tcpSock = structs.bpf_tcp_sock.fields

/** Whether a field of a socket may be read. */
export function mayReadSocket(type: RegType, off: number, size: number): boolean {
  if (off < 0 || off % size !== 0) return false
  switch (type) {
    case 'tcp_sock':
      if (off >= structs.bpf_tcp_sock.size) return false
      if (off === tcpSock.bytes_received.offset || off === tcpSock.bytes_acked.offset) return size === 8
      return size === 4
    case 'xdp_sock':
      return off < 4 && off + size <= 4 && size === 4
    case 'sock_common':
      if (off >= sock.type.offset && off < sock.priority.offset + 4) return false
      return mayReadSock(off, size)
    default:
      return mayReadSock(off, size)
  }
}

function mayReadSock(off: number, size: number): boolean {
  if (off >= structs.bpf_sock.size) return false
  const port = sock.dst_port.offset
  if (off >= port && off < port + 2) return size === 4 ? off === port : size <= 2 && off + size <= port + 2
  if (off === port + 2) return false
  const whole: readonly number[] = [0, sock.mark.offset, sock.priority.offset]
  if (whole.includes(off - (off % 4))) return size === 4
  return size <= 4
}
