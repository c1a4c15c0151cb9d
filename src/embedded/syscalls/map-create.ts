import type { Btf } from '../../btf/index.js'
import type { MapCreateRequest } from '../../kernel/index.js'
import {
  checkCommonAttributes,
  checkedEarly,
  checkInnerTemplate,
  checkMapAttributes,
  createMap,
  MAP_TYPE,
  type MapAttributes,
  setSpecialFields,
} from '../../maps/index.js'
import type { BpfMap } from '../../vm/index.js'
import { checkMapBtf } from './map-btf.js'
import { check, fail, type MapCreateHost } from './map-host.js'

const EPERM = -1
const EINVAL = -22
const ENOTSUPP = -524
const TOKEN_FD = 1 << 16
const RDONLY = 1 << 3
const WRONLY = 1 << 4
const ZERO_SEED = 1 << 6

/** A new map, for the caller to give an id and a descriptor. */
export interface CreatedMap<BtfObject> {
  readonly map: BpfMap
  /** The map's BTF, if it was created with type ids. No reference is taken for it. */
  readonly btf: BtfObject | undefined
  /** Rights of the descriptor that creation gives. */
  readonly readable: boolean
  readonly writable: boolean
}

/** Types that need CAP_BPF, and those that need CAP_NET_ADMIN; the others are for everybody. */
const NEEDS_BPF: ReadonlySet<number> = new Set([
  MAP_TYPE.SK_STORAGE,
  MAP_TYPE.INODE_STORAGE,
  MAP_TYPE.TASK_STORAGE,
  MAP_TYPE.CGRP_STORAGE,
  MAP_TYPE.BLOOM_FILTER,
  MAP_TYPE.LPM_TRIE,
  MAP_TYPE.REUSEPORT_SOCKARRAY,
  MAP_TYPE.STACK_TRACE,
  MAP_TYPE.QUEUE,
  MAP_TYPE.STACK,
  MAP_TYPE.LRU_HASH,
  MAP_TYPE.LRU_PERCPU_HASH,
  MAP_TYPE.STRUCT_OPS,
  MAP_TYPE.CPUMAP,
  MAP_TYPE.ARENA,
])
const NEEDS_NET_ADMIN: ReadonlySet<number> = new Set([
  MAP_TYPE.SOCKMAP,
  MAP_TYPE.SOCKHASH,
  MAP_TYPE.DEVMAP,
  MAP_TYPE.DEVMAP_HASH,
  MAP_TYPE.XSKMAP,
])

/** Object names: up to 15 letters, digits, '_' and '.'. */
const NAME = /^[A-Za-z0-9_.]{0,15}$/

/** BPF_MAP_CREATE: Linux's checks in Linux's order. Throws KernelError. */
export function mapCreate<BtfObject extends { readonly btf: Btf }>(
  host: MapCreateHost<BtfObject>,
  r: MapCreateRequest,
): CreatedMap<BtfObject> {
  const syscall = 'map_create'
  const flags = ((r.mapFlags ?? 0) & ~TOKEN_FD) >>> 0
  const attr: MapAttributes = {
    type: r.mapType,
    keySize: r.keySize,
    valueSize: r.valueSize,
    maxEntries: r.maxEntries,
    flags,
    mapExtra: r.mapExtra ?? 0n,
    numaNode: r.numaNode ?? 0,
    name: r.mapName ?? '',
    btfKeyTypeId: r.btfKeyTypeId ?? 0,
    btfValueTypeId: r.btfValueTypeId ?? 0,
    btfVmlinuxValueTypeId: r.btfVmlinuxValueTypeId ?? 0,
    release: (handle) => host.release(handle),
  }
  if ((flags & ZERO_SEED) !== 0 && host.capable?.('sys_admin') === false) fail(EPERM, syscall)
  check(checkCommonAttributes(attr), syscall, 'an unknown type, or an attribute that no such map has')
  const hint = 'the sizes, the number of entries or the flags do not suit the type'
  if (checkedEarly(r.mapType)) check(checkMapAttributes(attr), syscall, hint)
  // Maps on network devices need a driver that offloads.
  if (r.mapIfindex) fail(EINVAL, syscall, 'no device here offloads maps')
  if (((r.mapFlags ?? 0) & TOKEN_FD) !== 0) fail(EINVAL, syscall, 'this kernel gives out no tokens')
  if (NEEDS_BPF.has(r.mapType) && host.capable?.('bpf') === false) fail(EPERM, syscall)
  if (NEEDS_NET_ADMIN.has(r.mapType) && host.capable?.('net_admin') === false) fail(EPERM, syscall)
  check(checkMapAttributes(attr), syscall, hint)
  if (r.mapType === MAP_TYPE.STRUCT_OPS) checkStructOps(host, attr)

  const map = createMap(host.machine, { ...attr, innerMap: innerTemplate(host, r) })
  if (typeof map === 'number') return fail(map, syscall)
  try {
    if (!NAME.test(attr.name ?? '')) fail(EINVAL, syscall, `'${attr.name}' is no name of an object`)
    return {
      map,
      btf: attachBtf(host, map, r),
      readable: (flags & WRONLY) === 0,
      writable: (flags & RDONLY) === 0,
    }
  } catch (error) {
    map.free()
    throw error
  }
}

function innerTemplate(host: MapCreateHost<{ readonly btf: Btf }>, r: MapCreateRequest): BpfMap | undefined {
  if (r.mapType !== MAP_TYPE.ARRAY_OF_MAPS && r.mapType !== MAP_TYPE.HASH_OF_MAPS) return undefined
  // No descriptor is descriptor 0, which is no map.
  if (r.innerMapFd === undefined) fail(EINVAL, 'map_create')
  const inner = host.mapFile(r.innerMapFd, 'map_create').object.map
  check(checkInnerTemplate(inner), 'map_create', 'maps of this type cannot be inner maps')
  return inner
}

function checkStructOps(host: MapCreateHost<{ readonly btf: Btf }>, attr: MapAttributes): void {
  const size = host.structOpsSize?.(attr.btfVmlinuxValueTypeId ?? 0)
  if (size === undefined) fail(ENOTSUPP, 'map_create', 'this kernel has no struct_ops of that type')
  if (size !== attr.valueSize) fail(EINVAL, 'map_create', `the value of that type has ${size} bytes`)
}

function attachBtf<BtfObject extends { readonly btf: Btf }>(
  host: MapCreateHost<BtfObject>,
  map: BpfMap,
  r: MapCreateRequest,
): BtfObject | undefined {
  if (!r.btfKeyTypeId && !r.btfValueTypeId && !r.btfVmlinuxValueTypeId) return undefined
  const object = host.btfObject(r.btfFd, 'map_create')
  if (!r.btfValueTypeId) return object
  const { btf } = object
  const unknown = Math.max(r.btfKeyTypeId ?? 0, r.btfValueTypeId) >= btf.typeCount
  const fields = unknown ? EINVAL : checkMapBtf(map, btf, r.btfKeyTypeId ?? 0, r.btfValueTypeId)
  if (typeof fields === 'number') return fail(fields, 'map_create', 'the key or value type does not suit the map')
  if (fields.length > 0) setSpecialFields(map, fields)
  return object
}
