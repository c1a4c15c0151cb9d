import { cString } from '../../base/index.js'
import type { Fd, LinkDetails, LinkInfo } from '../../kernel/index.js'
import { LINK_TYPES, structs } from '../../spec/index.js'
import type { Span } from '../ffi/arena.js'
import type { LinuxSession } from '../session.js'
import { queryInfo } from './query-info.js'

/** struct bpf_link_info and room for what kernels to come put behind it. */
const SIZE = 96
const TEXT = 512

interface Field {
  readonly offset: number
  readonly size: number
  readonly class: string
}
const fields: Readonly<Record<string, Field>> = structs.bpf_link_info.fields

/** Parts of perf_event's union by perf_event.type (enum bpf_perf_event_type). */
const PERF_PARTS: readonly (string | undefined)[] = [
  undefined,
  'uprobe',
  'uprobe',
  'kprobe',
  'kprobe',
  'tracepoint',
  'event',
]
/** A pointer to text: [pointer, length]. Lists of 64-bit words: [pointer, count]. */
const TEXTS: Readonly<Record<string, string>> = {
  'raw_tracepoint.tp_name': 'raw_tracepoint.tp_name_len',
  'iter.target_name': 'iter.target_name_len',
  'uprobe_multi.path': 'uprobe_multi.path_size',
  'perf_event.uprobe.file_name': 'perf_event.uprobe.name_len',
  'perf_event.kprobe.func_name': 'perf_event.kprobe.name_len',
  'perf_event.tracepoint.tp_name': 'perf_event.tracepoint.name_len',
}
const LISTS: Readonly<Record<string, string>> = {
  'uprobe_multi.offsets': 'uprobe_multi.count',
  'uprobe_multi.ref_ctr_offsets': 'uprobe_multi.count',
  'uprobe_multi.cookies': 'uprobe_multi.count',
  'kprobe_multi.addrs': 'kprobe_multi.count',
  'kprobe_multi.cookies': 'kprobe_multi.count',
}
const LENGTHS: ReadonlySet<string> = new Set(Object.values(TEXTS))

/** Info of a link with its type's own fields, names and lists fetched. */
export function linkInfo(session: LinuxSession, fd: Fd): LinkInfo {
  const first = queryInfo(session, fd, SIZE).view
  const type = first.getUint32(0, true)
  const wanted = wantedFields(type, first)
  const buffers = new Map<string, Span>()
  const { view } = queryInfo(session, fd, SIZE, (info) => {
    for (const name of wanted) {
      const length = TEXTS[name] ?? LISTS[name]
      if (length === undefined) continue
      const count = TEXTS[name] === undefined ? number(first, length) : TEXT
      if (count === 0) continue
      const span = session.arena.alloc(TEXTS[name] === undefined ? count * 8 : TEXT)
      buffers.set(name, span)
      info.view.setBigUint64((fields[name] as Field).offset, BigInt(span.address), true)
      info.view.setUint32((fields[length] as Field).offset, count, true)
    }
  })
  const details: Record<string, LinkDetails[string]> = {}
  for (const name of wanted) {
    if (LENGTHS.has(name)) continue
    const key = camel(name)
    if (TEXTS[name] !== undefined) details[key] = cString(buffers.get(name)?.bytes ?? new Uint8Array(0))
    else if (LISTS[name] !== undefined) details[key] = words(buffers.get(name))
    else details[key] = value(view, fields[name] as Field)
  }
  return { kind: 'link', type, id: view.getUint32(4, true), progId: view.getUint32(8, true), details }
}

function wantedFields(type: number, first: DataView): string[] {
  const part = LINK_TYPES.find((row) => row.id === type)?.info
  if (part === undefined) return []
  let names = Object.keys(fields).filter((name) => name.startsWith(`${part}.`) && fields[name]?.class !== 'struct')
  if (part === 'perf_event') {
    const kind = PERF_PARTS[number(first, 'perf_event.type')]
    names = names.filter((name) => name === 'perf_event.type' || (kind && name.startsWith(`perf_event.${kind}.`)))
  }
  return names
}

function number(view: DataView, name: string): number {
  return view.getUint32((fields[name] as Field).offset, true)
}

function value(view: DataView, field: Field): number | bigint {
  if (field.size === 8) return view.getBigUint64(field.offset, true)
  return field.class === 'int' ? view.getInt32(field.offset, true) : view.getUint32(field.offset, true)
}

function words(span: Span | undefined): readonly bigint[] {
  if (span === undefined) return []
  const bytes = span.bytes.slice()
  return [...new BigUint64Array(bytes.buffer, 0, bytes.length >>> 3)]
}

/** 'iter.map.map_id' -> 'mapId', 'xdp.ifindex' -> 'ifindex'. */
function camel(name: string): string {
  const last = name.slice(name.lastIndexOf('.') + 1)
  return last.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
}
