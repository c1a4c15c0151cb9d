import { type Fd, type FileStatus, KernelError, type ObjectInfo, type Request } from '../../kernel/index.js'
import type { Session } from '../session.js'
import type { IdTable } from '../state/id-table.js'
import { jitedInfo } from '../state/jited.js'
import type { KernelObject, MapObject, ProgObject } from '../state/objects.js'
import { linkDetails } from './attach.js'
import { FUNC_INFO_SIZE, LINE_INFO_SIZE } from './prog-btf.js'

const BPF_F_RDONLY = 1 << 3
const BPF_F_WRONLY = 1 << 4
const BPF_F_PATH_FD = 1 << 14

/** Rights of an opening by BPF_F_RDONLY and BPF_F_WRONLY; both together are refused. */
function openRights(flags: number, syscall: string): { readable: boolean; writable: boolean } {
  if ((flags & BPF_F_RDONLY) !== 0 && (flags & BPF_F_WRONLY) !== 0) throw new KernelError('EINVAL', syscall)
  return { readable: (flags & BPF_F_WRONLY) === 0, writable: (flags & BPF_F_RDONLY) === 0 }
}

export function objPin(session: Session, r: Request<'obj_pin'>): void {
  if (((r.fileFlags ?? 0) & ~BPF_F_PATH_FD) !== 0) throw new KernelError('EINVAL', 'obj_pin')
  // Linux tries the descriptor as a map, a program, a link: what is not open is none of them.
  if (!session.isOpen(r.bpfFd)) throw new KernelError('EINVAL', 'obj_pin')
  const { object } = session.descriptors.file(r.bpfFd, 'obj_pin')
  if (object.kind !== 'map' && object.kind !== 'prog' && object.kind !== 'link')
    throw new KernelError('EINVAL', 'obj_pin')
  session.world.bpffs.pin(r.pathname, object)
  session.world.addUser(session.world.get(object))
}

export function objGet(session: Session, r: Request<'obj_get'>): Fd {
  const flags = r.fileFlags ?? 0
  if ((flags & ~(BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_PATH_FD)) !== 0) throw new KernelError('EINVAL', 'obj_get')
  const { readable, writable } = openRights(flags, 'obj_get')
  const object = session.world.bpffs.get(r.pathname)
  return session.open(session.world.get(object), readable, writable)
}

export function nextId(table: IdTable<KernelObject>, startId: number, syscall: string): number {
  if (startId >= 0x7fff_ffff) throw new KernelError('EINVAL', syscall)
  const id = table.next(startId)
  if (id === undefined) throw new KernelError('ENOENT', syscall)
  return id
}

export function mapFdById(session: Session, r: Request<'map_get_fd_by_id'>): Fd {
  const flags = r.openFlags ?? 0
  if ((flags & ~(BPF_F_RDONLY | BPF_F_WRONLY)) !== 0) throw new KernelError('EINVAL', 'map_get_fd_by_id')
  const { readable, writable } = openRights(flags, 'map_get_fd_by_id')
  return session.openById(session.world.maps.get(r.id), 'map_get_fd_by_id', readable, writable)
}

export function stat(session: Session, r: Request<'stat'>): FileStatus {
  return session.world.bpffs.stat(r.path)
}

export function objGetInfoByFd(session: Session, r: Request<'obj_get_info_by_fd'>): ObjectInfo {
  const { object } = session.descriptors.file(r.fd, 'obj_get_info_by_fd')
  const details = r.details ?? false
  switch (object.kind) {
    case 'map':
      return mapInfo(object)
    case 'prog':
      return progInfo(object, details)
    case 'btf':
      return {
        kind: 'btf',
        id: object.id,
        btf: details ? object.bytes.slice() : undefined,
        btfSize: object.bytes.length,
        name: '',
        kernelBtf: false,
      }
    case 'link':
      return {
        kind: 'link',
        type: object.type,
        id: object.id,
        progId: object.prog?.id ?? 0,
        details: linkDetails(object),
      }
    case 'stats':
    case 'perf_event':
    case 'trace_pipe':
    case 'netns':
    case 'xsk':
    case 'socket':
    case 'cgroup':
    case 'tracepoint':
    case 'text':
      throw new KernelError('EINVAL', 'obj_get_info_by_fd')
  }
}

function mapInfo(object: MapObject): ObjectInfo {
  const { map } = object
  return {
    kind: 'map',
    type: map.type,
    id: object.id,
    keySize: map.keySize,
    valueSize: map.valueSize,
    maxEntries: map.maxEntries,
    mapFlags: map.flags,
    name: object.name,
    ifindex: 0,
    btfVmlinuxValueTypeId: 0,
    netnsDev: 0n,
    netnsIno: 0n,
    btfId: object.btf?.id ?? 0,
    btfKeyTypeId: object.btfKeyTypeId,
    btfValueTypeId: object.btfValueTypeId,
    mapExtra: map.mapExtra,
  }
}

function progInfo(object: ProgObject, details: boolean): ObjectInfo {
  const jited = jitedInfo(object)
  return {
    kind: 'prog',
    type: object.type,
    id: object.id,
    tag: object.tag,
    jitedProgLen: jited?.length ?? 0,
    xlatedProgLen: object.translation.insns.length,
    jitedProgInsns: details ? jited?.image.bytes : undefined,
    xlatedProgInsns: details ? object.translation.insns.slice() : undefined,
    loadTime: object.loadTime,
    createdByUid: 0,
    mapIds: object.maps.map((map) => map.id),
    name: object.name,
    ifindex: 0,
    gplCompatible: object.gplCompatible,
    netnsDev: 0n,
    netnsIno: 0n,
    jitedKsyms: jited?.ksyms ?? [],
    jitedFuncLens: jited?.image.functions.map(({ length }) => length) ?? [],
    btfId: object.btf?.id ?? 0,
    funcInfo: details ? object.translation.funcInfo?.slice() : undefined,
    funcInfoRecSize: FUNC_INFO_SIZE,
    lineInfo: details ? object.translation.lineInfo?.slice() : undefined,
    lineInfoRecSize: LINE_INFO_SIZE,
    jitedLineInfo: details ? (jited?.lines ?? []) : [],
    progTags: [object.tag],
    runTimeNs: object.runTimeNs,
    runCnt: object.runCount,
    recursionMisses: 0n,
    verifiedInsns: object.verifiedInsns,
    attachBtfObjId: 0,
    attachBtfId: 0,
  }
}
