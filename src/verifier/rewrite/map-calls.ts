// Map helpers as Linux calls them: look-ups in line where it has code for them, else the map type's own function.

import { bpf_map_type as T } from '../../spec/index.js'
import type { MapDescription } from '../types.js'
import type { KernelLayout } from './kernel-layout.js'
import { type Node, node } from './node.js'
import { alu32, alu64, alu64Reg, call, goTo, JUMPS, jumpIf, loadMem, OPS, storeImm } from './ops.js'
import { indexMask } from './speculation.js'

type Operation = 'lookup' | 'update' | 'delete' | 'push' | 'pop' | 'peek' | 'redirect' | 'lookup_percpu' | 'for_each'

const OPERATIONS: Readonly<Record<string, Operation>> = {
  map_lookup_elem: 'lookup',
  map_update_elem: 'update',
  map_delete_elem: 'delete',
  map_push_elem: 'push',
  map_pop_elem: 'pop',
  map_peek_elem: 'peek',
  redirect_map: 'redirect',
  map_lookup_percpu_elem: 'lookup_percpu',
  for_each_map_elem: 'for_each',
}

const HASH = { lookup: 'htab_map_lookup_elem', delete: 'htab_map_delete_elem', for_each: 'bpf_for_each_hash_elem' }
const ARRAY = { lookup: 'array_map_lookup_elem', update: 'array_map_update_elem', delete: 'array_map_delete_elem' }

/** Linux's function for each operation of a map type. */
const FUNCTIONS: Readonly<Record<number, Readonly<Partial<Record<Operation, string>>>>> = {
  [T.BPF_MAP_TYPE_HASH]: { ...HASH, update: 'htab_map_update_elem' },
  [T.BPF_MAP_TYPE_PERCPU_HASH]: {
    ...HASH,
    update: 'htab_percpu_map_update_elem',
    lookup_percpu: 'htab_percpu_map_lookup_percpu_elem',
  },
  [T.BPF_MAP_TYPE_LRU_HASH]: {
    ...HASH,
    lookup: 'htab_lru_map_lookup_elem',
    update: 'htab_lru_map_update_elem',
    delete: 'htab_lru_map_delete_elem',
  },
  [T.BPF_MAP_TYPE_LRU_PERCPU_HASH]: {
    ...HASH,
    lookup: 'htab_lru_percpu_map_lookup_elem',
    update: 'htab_lru_percpu_map_update_elem',
    delete: 'htab_lru_map_delete_elem',
    lookup_percpu: 'htab_lru_percpu_map_lookup_percpu_elem',
  },
  [T.BPF_MAP_TYPE_ARRAY]: { ...ARRAY, for_each: 'bpf_for_each_array_elem' },
  [T.BPF_MAP_TYPE_PERCPU_ARRAY]: {
    ...ARRAY,
    lookup: 'percpu_array_map_lookup_elem',
    lookup_percpu: 'percpu_array_map_lookup_percpu_elem',
    for_each: 'bpf_for_each_array_elem',
  },
  [T.BPF_MAP_TYPE_LPM_TRIE]: {
    lookup: 'trie_lookup_elem',
    update: 'trie_update_elem',
    delete: 'trie_delete_elem',
  },
  [T.BPF_MAP_TYPE_DEVMAP]: { lookup: 'dev_map_lookup_elem', redirect: 'dev_map_redirect' },
  [T.BPF_MAP_TYPE_DEVMAP_HASH]: { lookup: 'dev_map_hash_lookup_elem', redirect: 'dev_hash_map_redirect' },
  [T.BPF_MAP_TYPE_CPUMAP]: { redirect: 'cpu_map_redirect' },
  [T.BPF_MAP_TYPE_XSKMAP]: { lookup: 'xsk_map_lookup_elem', redirect: 'xsk_map_redirect' },
  [T.BPF_MAP_TYPE_SOCKMAP]: {
    lookup: 'sock_map_lookup',
    update: 'sock_map_update_elem',
    delete: 'sock_map_delete_elem',
  },
  [T.BPF_MAP_TYPE_SOCKHASH]: {
    lookup: 'sock_hash_lookup',
    update: 'sock_map_update_elem',
    delete: 'sock_hash_delete_elem',
  },
  [T.BPF_MAP_TYPE_QUEUE]: {
    push: 'queue_stack_map_push_elem',
    pop: 'queue_map_pop_elem',
    peek: 'queue_map_peek_elem',
  },
  [T.BPF_MAP_TYPE_STACK]: {
    push: 'queue_stack_map_push_elem',
    pop: 'stack_map_pop_elem',
    peek: 'stack_map_peek_elem',
  },
  [T.BPF_MAP_TYPE_BLOOM_FILTER]: { push: 'bloom_map_push_elem', peek: 'bloom_map_peek_elem' },
  [T.BPF_MAP_TYPE_ARRAY_OF_MAPS]: { lookup: 'array_of_map_lookup_elem' },
  [T.BPF_MAP_TYPE_HASH_OF_MAPS]: { lookup: 'htab_of_map_lookup_elem' },
}

const roundUp = (n: number): number => (n + 7) & ~7

interface Place {
  readonly layout: KernelLayout
  /** Behind the call. */
  readonly next: Node | undefined
  /** The index of arrays is masked: the loader has no CAP_PERFMON. */
  readonly masks: boolean
}

/** What stands for a call of helper `name` on `map`; undefined where the call stays as it is. */
export function mapCall(name: string, map: MapDescription, place: Place): Node[] | undefined {
  const operation = OPERATIONS[name]
  if (operation === undefined) return undefined
  const inline = operation === 'lookup' ? lookup(map, place) : undefined
  if (inline !== undefined) return inline
  const named = FUNCTIONS[map.type]?.[operation]
  return named === undefined ? undefined : [call(named)]
}

const percpuPointer = (reg: number): Node => node({ code: 0xbf, dst: reg, src: reg, off: -1 })

const INNER_MAP = 1 << 12

function lookup(map: MapDescription, place: Place): Node[] | undefined {
  const { layout, next } = place
  const offset = (member: string): number => layout(member)?.[0] ?? 0
  const value = offset('htab_elem.key') + roundUp(map.keySize)
  const find = call('__htab_map_lookup_elem')
  const orNull = (...found: Node[]): Node[] => [find, jumpIf(JUMPS.eq, 0, 0, next), ...found]
  switch (map.type) {
    case T.BPF_MAP_TYPE_ARRAY:
      if ((map.flags & INNER_MAP) !== 0) return undefined
      return indexed(map, offset('bpf_array.value'), roundUp(map.valueSize), [], place)
    case T.BPF_MAP_TYPE_PERCPU_ARRAY:
      if ((map.flags & INNER_MAP) !== 0) return undefined
      return indexed(map, offset('bpf_array.value'), 8, [loadMem(8, 0, 0, 0), percpuPointer(0)], place)
    case T.BPF_MAP_TYPE_ARRAY_OF_MAPS: {
      const zero = alu64(OPS.mov, 0, 0)
      const found = [loadMem(8, 0, 0, 0), jumpIf(JUMPS.eq, 0, 0, zero)]
      return indexed(map, offset('bpf_array.value'), 8, found, place, zero)
    }
    case T.BPF_MAP_TYPE_XSKMAP:
      return xskLookup(map, offset('xsk_map.xsk_map'), next)
    case T.BPF_MAP_TYPE_HASH:
      return orNull(alu64(OPS.add, 0, value))
    case T.BPF_MAP_TYPE_PERCPU_HASH:
      return orNull(alu64(OPS.add, 0, value), loadMem(8, 0, 0, 0), percpuPointer(0))
    case T.BPF_MAP_TYPE_HASH_OF_MAPS:
      return orNull(alu64(OPS.add, 0, value), loadMem(8, 0, 0, 0))
    case T.BPF_MAP_TYPE_LRU_HASH: {
      const used = offset('htab_elem.lru_node') + offset('bpf_lru_node.ref')
      const toValue = alu64(OPS.add, 0, value)
      return orNull(loadMem(1, 1, 0, used), jumpIf(JUMPS.ne, 1, 0, toValue), storeImm(1, 0, used, 1), toValue)
    }
    default:
      return undefined
  }
}

function scaled(size: number): Node {
  const shift = Math.log2(size)
  return Number.isInteger(shift) ? alu64(OPS.lsh, 0, shift) : alu64(OPS.mul, 0, size)
}

function indexed(
  map: MapDescription,
  values: number,
  size: number,
  found: readonly Node[],
  { next, masks }: Place,
  zero: Node = alu64(OPS.mov, 0, 0),
): Node[] {
  const bounds = jumpIf(JUMPS.ge, 0, map.maxEntries | 0, zero)
  const mask = masks ? [alu32(OPS.and, 0, indexMask(map) | 0)] : []
  const head = [alu64(OPS.add, 1, values), loadMem(4, 0, 2, 0), bounds, ...mask, scaled(size), alu64Reg(OPS.add, 0, 1)]
  return [...head, ...found, goTo(next), zero]
}

function xskLookup(map: MapDescription, sockets: number, next: Node | undefined): Node[] {
  const zero = alu64(OPS.mov, 0, 0)
  return [
    loadMem(4, 0, 2, 0),
    jumpIf(JUMPS.ge, 0, map.maxEntries | 0, zero),
    scaled(8),
    alu64(OPS.add, 1, sockets),
    alu64Reg(OPS.add, 0, 1),
    loadMem(8, 0, 0, 0),
    goTo(next),
    zero,
  ]
}

/** Members of kernel structures that map look-ups in line read. */
export const MAP_MEMBERS = [
  ...['htab_elem.key', 'htab_elem.lru_node', 'bpf_lru_node.ref', 'bpf_array.value', 'xsk_map.xsk_map'],
]
