import { ERRNO } from '../../base/index.js'
import {
  type Fd,
  KernelError,
  type MapBatchKeysRequest,
  type MapBatchRequest,
  type MapBatchResult,
  type MapCreateRequest,
  type MapElemRequest,
  type MapUpdateRequest,
} from '../../kernel/index.js'
import type { LinuxSession } from '../session.js'

/** Bytes of one batch. */
const MAX_BATCH = 1 << 30

export function mapCreate(session: LinuxSession, r: MapCreateRequest): Fd {
  const attr = session
    .attr()
    .u32(0, r.mapType)
    .u32(4, r.keySize)
    .u32(8, r.valueSize)
    .u32(12, r.maxEntries)
    .u32(16, r.mapFlags)
    .u32(20, r.innerMapFd)
    .u32(24, r.numaNode)
    .name(28, r.mapName)
    .u32(44, r.mapIfindex)
    .u32(48, r.btfFd)
    .u32(52, r.btfKeyTypeId)
    .u32(56, r.btfValueTypeId)
    .u32(60, r.btfVmlinuxValueTypeId)
    .u64(64, r.mapExtra)
    .u32(72, r.valueTypeBtfObjFd)
    .u32(76, r.mapTokenFd)
  return session.own(attr.call(0, 'map_create') as Fd)
}

export function mapLookupElem(session: LinuxSession, r: MapElemRequest): Uint8Array {
  return session.mapIo(r.mapFd).lookupElem(1, 'map_lookup_elem', r.key, r.value, r.flags)
}

export function mapLookupAndDeleteElem(session: LinuxSession, r: MapElemRequest): Uint8Array {
  return session.mapIo(r.mapFd).lookupElem(21, 'map_lookup_and_delete_elem', r.key, r.value, r.flags)
}

export function mapUpdateElem(session: LinuxSession, r: MapUpdateRequest): void {
  session.mapIo(r.mapFd).updateElem(r.key, r.value, r.flags)
}

export function mapDeleteElem(session: LinuxSession, r: MapElemRequest): void {
  session.mapIo(r.mapFd).deleteElem(r.key, r.flags)
}

export function mapGetNextKey(session: LinuxSession, r: { readonly mapFd: Fd; readonly key?: Uint8Array }): Uint8Array {
  return session.mapIo(r.mapFd).nextElemKey(r.key)
}

export function mapFreeze(session: LinuxSession, r: { readonly mapFd: Fd }): void {
  session.attr().u32(0, r.mapFd).call(22, 'map_freeze')
}

export function mapLookupBatch(session: LinuxSession, r: MapBatchRequest): MapBatchResult {
  return readBatch(session, r, 24, 'map_lookup_batch')
}

export function mapLookupAndDeleteBatch(session: LinuxSession, r: MapBatchRequest): MapBatchResult {
  return readBatch(session, r, 25, 'map_lookup_and_delete_batch')
}

function readBatch(session: LinuxSession, r: MapBatchRequest, cmd: number, name: string): MapBatchResult {
  const shape = session.mapIo(r.mapFd)
  const room = (shape.keySize + shape.userValueSize) * r.count
  if (!Number.isInteger(r.count) || r.count < 0 || room > MAX_BATCH) {
    throw new KernelError('ENOMEM', name, { hint: `${r.count} elements need ${room} bytes: ask for fewer at once` })
  }
  const cursorSize = Math.max(shape.keySize, 4)
  const attr = session
    .attr()
    .bytes(0, r.inBatch)
    .u32(32, r.count)
    .u32(36, r.mapFd)
    .u64(40, r.elemFlags)
    .u64(48, r.flags)
  const cursor = attr.out(8, cursorSize)
  // What the kernel writes is handed out as it is.
  const keys = r.keys ?? new Uint8Array(shape.keySize * r.count)
  const values = r.values ?? new Uint8Array(shape.userValueSize * r.count)
  if (keys.length < shape.keySize * r.count || values.length < shape.userValueSize * r.count) {
    throw new KernelError('EFAULT', name, { hint: `keys or values have no room for ${r.count} elements` })
  }
  attr.inPlace(16, keys).inPlace(24, values)
  const status = attr.try(cmd)
  if (status < 0 && status !== -ERRNO.ENOENT) throw new KernelError(status, name)
  const count = attr.getU32(32)
  return {
    keys: keys.subarray(0, count * shape.keySize),
    values: values.subarray(0, count * shape.userValueSize),
    count,
    outBatch: status === -ERRNO.ENOENT ? undefined : cursor.slice(),
  }
}

function writeBatch(
  session: LinuxSession,
  r: MapBatchKeysRequest,
  values: Uint8Array | undefined,
  cmd: number,
  name: string,
): number {
  const attr = session
    .attr()
    .inPlace(16, r.keys)
    .inPlace(24, values)
    .u32(32, r.count)
    .u32(36, r.mapFd)
    .u64(40, r.elemFlags)
    .u64(48, r.flags)
  const status = attr.try(cmd)
  if (status < 0)
    throw new KernelError(status, name, { hint: `${attr.getU32(32)} of ${r.count} elements were handled` })
  return attr.getU32(32)
}

export function mapUpdateBatch(
  session: LinuxSession,
  r: MapBatchKeysRequest & { readonly values: Uint8Array },
): number {
  const shape = session.mapIo(r.mapFd)
  if (r.values.length < shape.userValueSize * r.count || r.keys.length < shape.keySize * r.count) {
    throw new KernelError('EFAULT', 'map_update_batch', { hint: `keys or values hold fewer than ${r.count} elements` })
  }
  return writeBatch(session, r, r.values, 26, 'map_update_batch')
}

export function mapDeleteBatch(session: LinuxSession, r: MapBatchKeysRequest): number {
  if (r.keys.length < session.mapIo(r.mapFd).keySize * r.count) {
    throw new KernelError('EFAULT', 'map_delete_batch', { hint: `keys hold fewer than ${r.count} elements` })
  }
  return writeBatch(session, r, undefined, 27, 'map_delete_batch')
}
