import { toHex } from '#src/base/index.js'
import { errorCode, KernelError, type ProgInfo } from '#src/kernel/index.js'
import { BpfMap, type Collection } from '#src/sdk/index.js'
import { bpf_map_type } from '#src/spec/index.js'
import { ringRecords } from './ring-records.js'

const T = bpf_map_type
const ORDERED_BY_POP: ReadonlySet<number> = new Set([T.BPF_MAP_TYPE_QUEUE, T.BPF_MAP_TYPE_STACK])
const OF_MAPS: ReadonlySet<number> = new Set([T.BPF_MAP_TYPE_ARRAY_OF_MAPS, T.BPF_MAP_TYPE_HASH_OF_MAPS])
const ARRAYS: ReadonlySet<number> = new Set([T.BPF_MAP_TYPE_ARRAY, T.BPF_MAP_TYPE_PERCPU_ARRAY])

/** Everything that can be read of every map, as sorted text; queues and stacks are emptied by it. */
export function mapContents(collection: Collection): Map<string, readonly string[]> {
  return new Map([...collection.maps].map(([name, map]) => [name, contentsOf(map)]))
}

function contentsOf(map: BpfMap): string[] {
  try {
    if (map.type === T.BPF_MAP_TYPE_RINGBUF) return ringRecords(map)
    if (ORDERED_BY_POP.has(map.type)) return popped(map)
    if (OF_MAPS.has(map.type)) return innerMaps(map)
    if (map.type === T.BPF_MAP_TYPE_PROG_ARRAY) return programs(map)
    return entriesOf(map).sort()
  } catch (error) {
    if (error instanceof KernelError) return [error.code]
    throw error
  }
}

/** Zero elements of arrays are left out: they are the same everywhere, and arrays may be large. */
function entriesOf(map: BpfMap): string[] {
  const sparse = ARRAYS.has(map.type)
  const entries: string[] = []
  for (const key of map.rawKeys()) {
    let text: string
    try {
      const value = map.getBytes(key)
      if (value === undefined) text = 'none'
      else if (sparse && value.every((byte) => byte === 0)) continue
      else text = toHex(value)
    } catch (error) {
      text = errorCode(error) ?? String(error)
    }
    entries.push(`${toHex(key)}=${text}`)
  }
  return entries
}

function popped(map: BpfMap): string[] {
  const values: string[] = []
  try {
    for (;;) values.push(toHex(map.kernel.call('map_lookup_and_delete_elem', { mapFd: map.fd })))
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
  return values
}

/** Values of program arrays are ids, which differ: names and tags are read. */
function programs(map: BpfMap): string[] {
  const all: string[] = []
  for (const [key, value] of map.rawEntries()) {
    const id = new DataView(value.buffer, value.byteOffset).getUint32(0, true)
    const fd = map.kernel.call('prog_get_fd_by_id', { id })
    const info = map.kernel.call('obj_get_info_by_fd', { fd }) as ProgInfo
    map.kernel.call('close', { fd })
    all.push(`${toHex(key)}: ${info.name} ${toHex(info.tag)}`)
  }
  return all
}

/** Values of maps of maps are ids, which differ: the maps themselves are read. */
function innerMaps(map: BpfMap): string[] {
  const all: string[] = []
  for (const [key, value] of map.rawEntries()) {
    const id = new DataView(value.buffer, value.byteOffset).getUint32(0, true)
    const fd = map.kernel.call('map_get_fd_by_id', { id })
    using inner = BpfMap.fromFd(map.kernel, fd)
    all.push(...contentsOf(inner).map((entry) => `${toHex(key)}: ${entry}`))
  }
  return all
}
