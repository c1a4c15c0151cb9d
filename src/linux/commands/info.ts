import { readlinkSync } from 'node:fs'
import { cString } from '../../base/index.js'
import { type BtfInfo, type Fd, KernelError, type MapInfo, type ObjectInfo, type ProgInfo } from '../../kernel/index.js'
import type { Span } from '../ffi/arena.js'
import type { LinuxSession } from '../session.js'
import { linkInfo } from './link-info.js'
import { queryInfo as query } from './query-info.js'

/** What kind of BPF object a descriptor is: the kernel names its anonymous inodes. */
export function objectKind(fd: number): ObjectInfo['kind'] | undefined {
  let target: string
  try {
    target = readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return undefined
  }
  if (target.includes('bpf-map')) return 'map'
  if (target.includes('bpf-prog')) return 'prog'
  if (target.includes('bpf_link') || target.includes('bpf-link')) return 'link'
  if (target.includes('btf')) return 'btf'
  return undefined
}

export function objGetInfoByFd(session: LinuxSession, r: { readonly fd: Fd; readonly details?: boolean }): ObjectInfo {
  switch (objectKind(r.fd)) {
    case 'map':
      return mapInfo(session, r.fd)
    case 'prog':
      return progInfo(session, r.fd, r.details ?? false)
    case 'btf':
      return btfInfo(session, r.fd, r.details ?? false)
    case 'link':
      return linkInfo(session, r.fd)
    default:
      throw new KernelError('EBADF', 'obj_get_info_by_fd')
  }
}

export function mapInfo(session: LinuxSession, fd: Fd): MapInfo {
  const { view: v, bytes } = query(session, fd, 88)
  return {
    kind: 'map',
    type: v.getUint32(0, true),
    id: v.getUint32(4, true),
    keySize: v.getUint32(8, true),
    valueSize: v.getUint32(12, true),
    maxEntries: v.getUint32(16, true),
    mapFlags: v.getUint32(20, true),
    name: cString(bytes, 24, 40),
    ifindex: v.getUint32(40, true),
    btfVmlinuxValueTypeId: v.getUint32(44, true),
    netnsDev: v.getBigUint64(48, true),
    netnsIno: v.getBigUint64(56, true),
    btfId: v.getUint32(64, true),
    btfKeyTypeId: v.getUint32(68, true),
    btfValueTypeId: v.getUint32(72, true),
    mapExtra: v.getBigUint64(80, true),
  }
}

/** Offsets of the pointers and counts of struct bpf_prog_info's variable parts: [pointer, count, element size]. */
const PARTS = {
  jitedProgInsns: [24, 16, 1],
  xlatedProgInsns: [32, 20, 1],
  mapIds: [56, 52, 4],
  jitedKsyms: [112, 104, 8],
  jitedFuncLens: [120, 108, 4],
  funcInfo: [136, 144, 0],
  lineInfo: [152, 148, 0],
  jitedLineInfo: [160, 168, 8],
  progTags: [184, 180, 8],
} as const
const PROG_INFO_SIZE = 232

export function progInfo(session: LinuxSession, fd: Fd, details: boolean): ProgInfo {
  const first = query(session, fd, PROG_INFO_SIZE).view
  const wanted: (keyof typeof PARTS)[] = details
    ? [
        'jitedProgInsns',
        'xlatedProgInsns',
        'mapIds',
        'jitedKsyms',
        'jitedFuncLens',
        'funcInfo',
        'lineInfo',
        'jitedLineInfo',
        'progTags',
      ]
    : ['mapIds']
  const counts = Object.fromEntries(wanted.map((part) => [part, first.getUint32(PARTS[part][1], true)]))
  const recSizes = { funcInfo: first.getUint32(132, true), lineInfo: first.getUint32(172, true) }
  const spans = new Map<keyof typeof PARTS, Span>()
  const { view: v, bytes } = query(session, fd, PROG_INFO_SIZE, (info) => {
    for (const part of wanted) {
      const count = counts[part] as number
      if (count === 0) continue
      const [pointer, countAt, size] = PARTS[part]
      const each = part === 'funcInfo' || part === 'lineInfo' ? recSizes[part] : size
      const span = session.arena.alloc(count * each)
      spans.set(part, span)
      info.view.setBigUint64(pointer, BigInt(span.address), true)
      info.view.setUint32(countAt, count, true)
      if (part === 'funcInfo') info.view.setUint32(132, recSizes.funcInfo, true)
      if (part === 'lineInfo') info.view.setUint32(172, recSizes.lineInfo, true)
      if (part === 'jitedLineInfo') info.view.setUint32(176, 8, true)
    }
  })
  const copy = (part: keyof typeof PARTS): Uint8Array | undefined => spans.get(part)?.bytes.slice()
  const words = (part: keyof typeof PARTS): number[] => {
    const data = copy(part)
    return data === undefined ? [] : [...new Uint32Array(data.buffer, 0, data.length >>> 2)]
  }
  const quads = (part: keyof typeof PARTS): bigint[] => {
    const data = copy(part)
    return data === undefined ? [] : [...new BigUint64Array(data.buffer, 0, data.length >>> 3)]
  }
  const tags = copy('progTags')
  return {
    kind: 'prog',
    type: v.getUint32(0, true),
    id: v.getUint32(4, true),
    tag: bytes.slice(8, 16),
    jitedProgLen: first.getUint32(16, true),
    xlatedProgLen: first.getUint32(20, true),
    jitedProgInsns: copy('jitedProgInsns'),
    xlatedProgInsns: copy('xlatedProgInsns'),
    loadTime: v.getBigUint64(40, true),
    createdByUid: v.getUint32(48, true),
    mapIds: words('mapIds'),
    name: cString(bytes, 64, 80),
    ifindex: v.getUint32(80, true),
    gplCompatible: (v.getUint32(84, true) & 1) !== 0,
    netnsDev: v.getBigUint64(88, true),
    netnsIno: v.getBigUint64(96, true),
    jitedKsyms: quads('jitedKsyms'),
    jitedFuncLens: words('jitedFuncLens'),
    btfId: v.getUint32(128, true),
    funcInfo: copy('funcInfo'),
    funcInfoRecSize: recSizes.funcInfo,
    lineInfo: copy('lineInfo'),
    lineInfoRecSize: recSizes.lineInfo,
    jitedLineInfo: quads('jitedLineInfo'),
    progTags:
      tags === undefined ? [] : Array.from({ length: tags.length >>> 3 }, (_, i) => tags.slice(i * 8, i * 8 + 8)),
    runTimeNs: v.getBigUint64(192, true),
    runCnt: v.getBigUint64(200, true),
    recursionMisses: v.getBigUint64(208, true),
    verifiedInsns: v.getUint32(216, true),
    attachBtfObjId: v.getUint32(220, true),
    attachBtfId: v.getUint32(224, true),
  }
}

export function btfInfo(session: LinuxSession, fd: Fd, details: boolean): BtfInfo {
  const size = query(session, fd, 32).view.getUint32(8, true)
  let data: Span | undefined
  let name: Span | undefined
  const { view: v } = query(session, fd, 32, (info) => {
    name = session.arena.alloc(256)
    info.view.setBigUint64(16, BigInt(name.address), true)
    info.view.setUint32(24, 256, true)
    if (!details) return
    data = session.arena.alloc(size)
    info.view.setBigUint64(0, BigInt(data.address), true)
    info.view.setUint32(8, size, true)
  })
  return {
    kind: 'btf',
    id: v.getUint32(12, true),
    btf: data?.bytes.slice(),
    btfSize: size,
    name: name === undefined ? '' : cString(name.bytes),
    kernelBtf: v.getUint32(28, true) !== 0,
  }
}
