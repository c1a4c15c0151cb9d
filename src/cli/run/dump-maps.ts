import { toHex } from '../../base/index.js'
import { decodeValue } from '../../btf/index.js'
import { KernelError } from '../../kernel/index.js'
import { type BpfMap, type Collection, PerfBuffer, RingBuffer } from '../../sdk/index.js'
import { bpf_map_type } from '../../spec/index.js'
import { plain, valueText } from './value-text.js'

export interface DumpedEntry {
  readonly key?: unknown
  readonly value?: unknown
  /** Per-CPU maps: one value for each CPU. */
  readonly values?: readonly unknown[]
}

export interface DumpedMap {
  readonly name: string
  readonly type: string
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  readonly entries: readonly DumpedEntry[]
  /** Elements of arrays that are all zeroes and were left out (arrays of more than ZERO_LIMIT elements). */
  readonly zeroEntriesOmitted?: number
  /** Records that found a full perf buffer. */
  readonly lost?: number
  /** Why there are no entries, where the kernel does not let them be read. */
  readonly unreadable?: string
}

/** Arrays up to this size are shown whole; larger ones without their zero elements. */
const ZERO_LIMIT = 1024
const T = bpf_map_type
/** 4 KiB pages of each CPU's perf buffer. */
const PERF_PAGES = 64
const QUEUES: ReadonlySet<number> = new Set([T.BPF_MAP_TYPE_QUEUE, T.BPF_MAP_TYPE_STACK])
const SILENT: ReadonlySet<number> = new Set([
  T.BPF_MAP_TYPE_BLOOM_FILTER,
  T.BPF_MAP_TYPE_USER_RINGBUF,
  T.BPF_MAP_TYPE_ARENA,
])
const ARRAYS: ReadonlySet<number> = new Set([T.BPF_MAP_TYPE_ARRAY, T.BPF_MAP_TYPE_PERCPU_ARRAY])

/** How a value becomes what the report shows. */
type Show = (map: BpfMap, typeId: number | undefined, bytes: Uint8Array) => unknown

/**
 * Contents of every map of a collection: plain values for JSON, or one line of text each. Queues, stacks and ring buffers
 * are emptied by it. Texts leave out constants, which no run changes.
 */
export function dumpMaps(collection: Collection, perf: PerfBuffers, as: 'json' | 'text'): DumpedMap[] {
  const constants = new Set(collection.spec.maps.filter((map) => map.origin === '.rodata').map((map) => map.name))
  return [...collection.maps].map(([name, map]) => {
    const buffer = perf.get(name)
    if (buffer !== undefined) return dumpPerfBuffer(name, map, buffer)
    const dumped =
      as === 'text' && constants.has(name) ? undefined : dumpMap(name, map, as === 'text' ? showText : show)
    return dumped ?? { ...headOf(name, map), entries: [], unreadable: 'constants' }
  })
}

/** Buffers of the perf event arrays of a collection, by name. */
export type PerfBuffers = ReadonlyMap<string, PerfBuffer>

/** Opens a buffer for each perf event array, without which a program's output goes nowhere. */
export function openPerfBuffers(collection: Collection): PerfBuffers {
  const arrays = [...collection.maps].filter(([, map]) => map.type === T.BPF_MAP_TYPE_PERF_EVENT_ARRAY)
  return new Map(arrays.map(([name, map]) => [name, new PerfBuffer(map, { pages: PERF_PAGES })]))
}

/** What reached the buffers: the first records, as a full buffer drops what comes after. */
function dumpPerfBuffer(name: string, map: BpfMap, buffer: PerfBuffer): DumpedMap {
  const entries = buffer.read().map(({ cpu, data }) => ({ key: cpu, value: toHex(data) }))
  return { ...headOf(name, map), entries, ...(buffer.lost > 0 ? { lost: buffer.lost } : {}) }
}

function headOf(name: string, map: BpfMap) {
  return { name, type: map.typeName, keySize: map.keySize, valueSize: map.valueSize, maxEntries: map.maxEntries }
}

function showText(map: BpfMap, typeId: number | undefined, bytes: Uint8Array): string {
  if (map.types === undefined || typeId === undefined || typeId === 0) return plain(show(map, typeId, bytes))
  return valueText(map.types.btf, typeId, bytes)
}

function dumpMap(name: string, map: BpfMap, show: Show): DumpedMap {
  const head = headOf(name, map)
  try {
    if (map.type === T.BPF_MAP_TYPE_RINGBUF) return { ...head, entries: drainRing(map) }
    if (QUEUES.has(map.type)) return { ...head, entries: drainQueue(map, show) }
    if (SILENT.has(map.type)) return { ...head, entries: [], unreadable: `a ${map.typeName} cannot be listed` }
    const zeroes = { count: 0 }
    const entries = [...readEntries(map, zeroes, show)]
    return { ...head, entries, ...(zeroes.count > 0 ? { zeroEntriesOmitted: zeroes.count } : {}) }
  } catch (error) {
    if (error instanceof KernelError) return { ...head, entries: [], unreadable: error.message }
    throw error
  }
}

function* readEntries(map: BpfMap, zeroes: { count: number }, show: Show): Generator<DumpedEntry> {
  const sparse = ARRAYS.has(map.type) && map.maxEntries > ZERO_LIMIT
  for (const [key, value] of map.rawEntries()) {
    if (sparse && value.every((byte) => byte === 0)) {
      zeroes.count++
      continue
    }
    const shownKey = show(map, map.types?.keyTypeId, key)
    if (!map.perCpu) {
      yield { key: shownKey, value: show(map, map.types?.valueTypeId, value) }
      continue
    }
    const stride = (map.valueSize + 7) & ~7
    const values: unknown[] = []
    for (let at = 0; at < value.length; at += stride) {
      values.push(show(map, map.types?.valueTypeId, value.subarray(at, at + map.valueSize)))
    }
    yield { key: shownKey, values }
  }
}

/** A value as JSON: by BTF; without it integers of 1, 2, 4 and 8 bytes as numbers, other bytes as hex. */
function show(map: BpfMap, typeId: number | undefined, bytes: Uint8Array): unknown {
  if (map.types !== undefined && typeId !== undefined && typeId !== 0) return decodeValue(map.types.btf, typeId, bytes)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  switch (bytes.length) {
    case 1:
      return view.getUint8(0)
    case 2:
      return view.getUint16(0, true)
    case 4:
      return view.getUint32(0, true)
    case 8:
      return view.getBigUint64(0, true)
    default:
      return toHex(bytes)
  }
}

function drainRing(map: BpfMap): DumpedEntry[] {
  using ring = new RingBuffer(map)
  const entries: DumpedEntry[] = []
  ring.drain((record) => entries.push({ value: toHex(record) }))
  return entries
}

function drainQueue(map: BpfMap, show: Show): DumpedEntry[] {
  const entries: DumpedEntry[] = []
  for (let value = popRaw(map); value !== undefined; value = popRaw(map)) {
    entries.push({ value: show(map, map.types?.valueTypeId, value) })
  }
  return entries
}

function popRaw(map: BpfMap): Uint8Array | undefined {
  try {
    return map.kernel.call('map_lookup_and_delete_elem', { mapFd: map.fd })
  } catch (error) {
    if (error instanceof KernelError && error.code === 'ENOENT') return undefined
    throw error
  }
}
