import { UsageError } from '../base/index.js'
import { errorCode, type Fd, type Kernel, KernelError, type MapCreateRequest, type MapInfo } from '../kernel/index.js'
import { type MapCreation, type MapSpec, mapCreation, type ObjectSpec } from '../object/index.js'

const PAGE = 4096

export interface MapPlacement {
  /** Directory of maps pinned by name. Default /sys/fs/bpf. */
  readonly pinPath?: string
  /** Directory of iproute2's scopes. Default /sys/fs/bpf/tc. */
  readonly tcPinPath?: string
  /** Where a map is pinned, in place of the rules above; undefined for one that is not. */
  readonly pinPathOf?: (map: MapSpec) => string | undefined
}

/** Where a map with pinning lives; undefined for one that is not pinned. */
export function pinPathOf(spec: ObjectSpec, map: MapSpec, placement: MapPlacement): string | undefined {
  if (placement.pinPathOf !== undefined) return placement.pinPathOf(map)
  switch (map.pinning) {
    case 'none':
      return undefined
    case 'by_name':
      // bpffs refuses dots; libbpf replaces them.
      return `${placement.pinPath ?? '/sys/fs/bpf'}/${map.name.replaceAll('.', '_')}`
    case 'global_ns':
      return `${placement.tcPinPath ?? '/sys/fs/bpf/tc'}/globals/${map.name}`
    case 'object_ns':
      return `${placement.tcPinPath ?? '/sys/fs/bpf/tc'}/${spec.name}/${map.name}`
    default:
      return `${placement.tcPinPath ?? '/sys/fs/bpf/tc'}/${map.pinning.replace(/^scope /, 'scope-')}/${map.name}`
  }
}

/** Creates a map (and, first, the template of a map-in-map). The caller owns the descriptor. Throws KernelError. */
export function createMap(kernel: Kernel, map: MapSpec, btfFd: Fd | undefined, mapIfindex?: number): Fd {
  const { needsInner, btfKeyTypeId, btfValueTypeId, ...plain } = creationOf(kernel, map)
  const inner = map.inner === undefined || !needsInner ? undefined : createMap(kernel, map.inner, btfFd)
  try {
    const request: MapCreateRequest = {
      ...plain,
      ...(inner === undefined ? {} : { innerMapFd: inner }),
      ...(mapIfindex === undefined ? {} : { mapIfindex }),
    }
    if (btfFd === undefined || (btfKeyTypeId === 0 && btfValueTypeId === 0)) return kernel.call('map_create', request)
    try {
      return kernel.call('map_create', { ...request, btfFd, btfKeyTypeId, btfValueTypeId })
    } catch (error) {
      // A kernel that dislikes the BTF may still take the map, unless BTF is what the type lives from.
      if (!(error instanceof KernelError) || error.code === 'EPERM') throw error
      try {
        return kernel.call('map_create', request)
      } catch {
        throw error
      }
    }
  } finally {
    if (inner !== undefined) kernel.call('close', { fd: inner })
  }
}

function creationOf(kernel: Kernel, map: MapSpec): MapCreation {
  return mapCreation(map, { cpus: kernel.possibleCpus, pageSize: PAGE })
}

/** Opens a pinned map if there is one; an incompatible one is an error that says in what it differs. */
export function reuseMap(kernel: Kernel, pathname: string, map: MapSpec): Fd | undefined {
  let fd: Fd
  try {
    fd = kernel.call('obj_get', { pathname })
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
  let differences: string[]
  try {
    const info = kernel.call('obj_get_info_by_fd', { fd })
    differences = info.kind === 'map' ? compare(kernel, map, info) : [`it is a ${info.kind}`]
  } catch (error) {
    kernel.call('close', { fd })
    throw error
  }
  if (differences.length === 0) return fd
  kernel.call('close', { fd })
  throw new UsageError(
    `couldn't reuse pinned map at '${pathname}': parameter mismatch: ${differences.join(', ')}`,
    'unpin the old map, or load the object it was made with',
  )
}

function compare(kernel: Kernel, map: MapSpec, info: MapInfo): string[] {
  const pairs: [string, number, number][] = [
    ['type', map.typeId, info.type],
    ['key_size', map.keySize, info.keySize],
    ['value_size', map.valueSize, info.valueSize],
    ['max_entries', creationOf(kernel, map).maxEntries, info.maxEntries],
    ['map_flags', map.flags, info.mapFlags],
  ]
  return pairs
    .filter(([, want, have]) => want !== have)
    .map(([what, want, have]) => `${what} ${have}, the object has ${want}`)
}

/** Makes the directories above a pin path that are missing. */
export function makeParents(kernel: Kernel, pathname: string): void {
  const steps = pathname.split('/').slice(1, -1)
  for (let depth = 1; depth <= steps.length; depth++) {
    const path = '/' + steps.slice(0, depth).join('/')
    try {
      kernel.call('stat', { path })
      continue
    } catch {
      // Above the mount point there is nothing to make; mkdir says what is wrong below it.
    }
    try {
      kernel.call('mkdir', { path, mode: 0o700 })
    } catch (error) {
      if (errorCode(error) !== 'EEXIST' && depth > 3) throw error
    }
  }
}
