import { ERRNO } from '../../base/index.js'
import {
  type Fd,
  KernelError,
  type MapBatchKeysRequest,
  type MapBatchRequest,
  type MapBatchResult,
  type MapCreateRequest,
  type MapElemRequest,
} from '../../kernel/index.js'
import type { LinuxSession } from '../session.js'

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

function elem(session: LinuxSession, r: MapElemRequest) {
  return session.attr().u32(0, r.mapFd).bytes(8, r.key).u64(24, r.flags)
}

export function mapLookupElem(session: LinuxSession, r: MapElemRequest): Uint8Array {
  return lookup(session, r, 1, 'map_lookup_elem')
}

export function mapLookupAndDeleteElem(session: LinuxSession, r: MapElemRequest): Uint8Array {
  return lookup(session, r, 21, 'map_lookup_and_delete_elem')
}

function lookup(session: LinuxSession, r: MapElemRequest, cmd: number, name: string): Uint8Array {
  const shape = session.mapShape(r.mapFd)
  const attr = elem(session, r)
  const value = attr.out(16, shape.userValueSize)
  if (r.value !== undefined) value.set(r.value.subarray(0, value.length))
  attr.call(cmd, name)
  return value.slice()
}

export function mapUpdateElem(session: LinuxSession, r: MapElemRequest & { readonly value: Uint8Array }): void {
  checkSize(session, r.mapFd, r.value.length, 'map_update_elem')
  elem(session, r).bytes(16, r.value).call(2, 'map_update_elem')
}

export function mapDeleteElem(session: LinuxSession, r: MapElemRequest): void {
  elem(session, r).call(3, 'map_delete_elem')
}

export function mapGetNextKey(session: LinuxSession, r: { readonly mapFd: Fd; readonly key?: Uint8Array }): Uint8Array {
  const shape = session.mapShape(r.mapFd)
  const attr = session.attr().u32(0, r.mapFd).bytes(8, r.key)
  const next = attr.out(16, Math.max(shape.keySize, 4))
  attr.call(4, 'map_get_next_key')
  return next.slice(0, shape.keySize)
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
  const shape = session.mapShape(r.mapFd)
  const cursorSize = Math.max(shape.keySize, 4)
  const attr = session
    .attr()
    .bytes(0, r.inBatch)
    .u32(32, r.count)
    .u32(36, r.mapFd)
    .u64(40, r.elemFlags)
    .u64(48, r.flags)
  const cursor = attr.out(8, cursorSize)
  const keys = attr.out(16, shape.keySize * r.count)
  const values = attr.out(24, shape.userValueSize * r.count)
  const status = attr.try(cmd)
  if (status < 0 && status !== -ERRNO.ENOENT) throw new KernelError(status, name)
  const count = attr.getU32(32)
  return {
    keys: keys.slice(0, count * shape.keySize),
    values: values.slice(0, count * shape.userValueSize),
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
    .bytes(16, r.keys)
    .bytes(24, values)
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
  const shape = session.mapShape(r.mapFd)
  if (r.values.length < shape.userValueSize * r.count || r.keys.length < shape.keySize * r.count) {
    throw new KernelError('EFAULT', 'map_update_batch', { hint: `keys or values hold fewer than ${r.count} elements` })
  }
  return writeBatch(session, r, r.values, 26, 'map_update_batch')
}

export function mapDeleteBatch(session: LinuxSession, r: MapBatchKeysRequest): number {
  if (r.keys.length < session.mapShape(r.mapFd).keySize * r.count) {
    throw new KernelError('EFAULT', 'map_delete_batch', { hint: `keys hold fewer than ${r.count} elements` })
  }
  return writeBatch(session, r, undefined, 27, 'map_delete_batch')
}

/** The kernel reads value_size bytes whatever we hold: a short value must not reach it. */
function checkSize(session: LinuxSession, fd: Fd, length: number, name: string): void {
  const { userValueSize } = session.mapShape(fd)
  if (length < userValueSize) {
    throw new KernelError('EFAULT', name, { hint: `the value has ${length} bytes, the map takes ${userValueSize}` })
  }
}
