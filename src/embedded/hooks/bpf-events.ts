import { toHex } from '../../base/index.js'
import type { OperationName, Request, Result } from '../../kernel/index.js'
import { mapTypeName, progTypeName } from '../../spec/index.js'
import type { Session } from '../session.js'

type Fields = Readonly<Record<string, number | string>>

const upper = (name: string | undefined): string => (name ?? 'UNSPEC').toUpperCase()

/** Hex pairs, as the tracepoints print keys and values. */
function bytesText(bytes: Uint8Array | undefined): string {
  const hex = toHex(bytes ?? new Uint8Array(0))
  return `[${(hex.match(/../g) ?? []).join(' ')}]`
}

/** Names of tracepoints of the group bpf that an operation fires. */
const EVENTS: Partial<Record<OperationName, string>> = {
  map_create: 'bpf_map_create',
  map_lookup_elem: 'bpf_map_lookup_elem',
  map_update_elem: 'bpf_map_update_elem',
  map_delete_elem: 'bpf_map_delete_elem',
  map_get_next_key: 'bpf_map_next_key',
  prog_load: 'bpf_prog_load',
  obj_pin: 'bpf_obj_pin',
  obj_get: 'bpf_obj_get',
}

/** Fires the tracepoint of a system call that succeeded, where somebody listens. */
export function fireBpfEvent<Name extends OperationName>(
  session: Session,
  name: Name,
  request: Request<Name>,
  result: Result<Name>,
): void {
  const { hooks } = session.world
  if (hooks.traced.size === 0) return
  const event = EVENTS[name]
  if (event === undefined) return
  const told = describe(session, event, request as Record<string, unknown>, result)
  if (told !== undefined) hooks.tracepoint(told.event, told.fields)
}

function describe(
  session: Session,
  event: string,
  r: Record<string, unknown>,
  result: unknown,
): { readonly event: string; readonly fields: Fields } | undefined {
  const number = (key: string): number => Number(r[key] ?? 0)
  switch (event) {
    case 'bpf_map_create':
      return {
        event,
        fields: {
          map: `type=${upper(mapTypeName(number('mapType')))}`,
          ufd: Number(result),
          key: number('keySize'),
          val: number('valueSize'),
          max: number('maxEntries'),
          flags: number('mapFlags'),
        },
      }
    case 'bpf_prog_load': {
      const { fd } = result as { fd: number }
      const program = session.prog(fd, 'prog_load')
      return { event, fields: { prog: toHex(program.tag), type: upper(progTypeName(program.type)), ufd: fd } }
    }
    case 'bpf_obj_pin':
    case 'bpf_obj_get': {
      const fd = event === 'bpf_obj_pin' ? number('bpfFd') : Number(result)
      const { object } = session.descriptors.file(fd, event)
      const path = String(r.pathname)
      if (object.kind === 'map')
        return { event: `${event}_map`, fields: { map: `type=${upper(mapTypeName(object.map.type))}`, ufd: fd, path } }
      if (object.kind === 'prog')
        return {
          event: `${event}_prog`,
          fields: { prog: toHex(object.tag), type: upper(progTypeName(object.type)), ufd: fd, path },
        }
      return undefined
    }
    default: {
      const { map } = session.map(number('mapFd'), event)
      const value = event === 'bpf_map_lookup_elem' ? (result as Uint8Array) : (r.value as Uint8Array | undefined)
      const base = { map: `type=${upper(mapTypeName(map.type))}`, ufd: number('mapFd') }
      const key = bytesText(r.key as Uint8Array | undefined)
      if (event === 'bpf_map_next_key')
        return { event, fields: { ...base, key, next: bytesText(result as Uint8Array) } }
      if (event === 'bpf_map_delete_elem') return { event, fields: { ...base, key } }
      return { event, fields: { ...base, key, val: bytesText(value) } }
    }
  }
}
