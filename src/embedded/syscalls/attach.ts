import { type Fd, KernelError, type LinkDetails, type ProgQueryResult, type Request } from '../../kernel/index.js'
import {
  attachToList,
  BPF_F,
  changeXdp,
  type Device,
  detachFromList,
  type ProgramList,
  type Relative,
} from '../../netdev/index.js'
import { bpf_attach_type, bpf_prog_type, linkTypeByName } from '../../spec/index.js'
import type { Session } from '../session.js'
import type { LinkObject, LinkPlace, ProgObject } from '../state/objects.js'
import { attachToCgroup, cgroupLink, cgroupSide, detachFromCgroup, queryCgroup } from './attach-cgroup.js'
import { detachLink } from './detach-link.js'
import { listenAt } from './tracepoint-event.js'

// BPF_PROG_ATTACH, BPF_LINK_CREATE and their relatives, for hooks of network devices.

const { BPF_XDP, BPF_TCX_INGRESS, BPF_TCX_EGRESS } = bpf_attach_type
const XDP_TYPE = bpf_prog_type.BPF_PROG_TYPE_XDP
const SCHED_CLS = bpf_prog_type.BPF_PROG_TYPE_SCHED_CLS

function notHere(syscall: string, attachType: number): never {
  throw new KernelError('EOPNOTSUPP', syscall, {
    hint: `the embedded kernel has no hook for attach type ${attachType}`,
  })
}

function deviceOf(
  session: Session,
  r: { readonly netns?: Fd; readonly targetIfindex?: number },
  code: 'ENODEV' | 'EINVAL',
  syscall: string,
): Device {
  const device = session.netnsOf(r.netns, syscall).devices.get(r.targetIfindex ?? 0)
  if (device === undefined) {
    throw new KernelError(code, syscall, {
      hint: `there is no device with ifindex ${r.targetIfindex ?? 0} in this network namespace`,
    })
  }
  return device
}

function listOf(device: Device, attachType: number): ProgramList {
  return device.tcx[attachType === BPF_TCX_INGRESS ? 'ingress' : 'egress']
}

function typeId(name: 'xdp' | 'tcx' | 'cgroup' | 'perf_event'): number {
  return linkTypeByName(name)?.id ?? 0
}

/** The neighbour that flags and descriptor or id name (bpf_mprog_tuple_relative). Throws KernelError. */
function relativeOf(
  session: Session,
  r: { readonly relativeFd?: number; readonly relativeId?: number },
  flags: number,
  syscall: string,
): Relative {
  const byId = (flags & BPF_F.ID) !== 0
  const number = byId ? (r.relativeId ?? 0) : (r.relativeFd ?? 0)
  const link = (flags & BPF_F.LINK) !== 0
  if (link && (flags & (BPF_F.BEFORE | BPF_F.AFTER)) === 0) throw new KernelError('EINVAL', syscall)
  if (!byId && number === 0) {
    if (link) throw new KernelError('EINVAL', syscall)
    return {}
  }
  const { world } = session
  if (link) {
    const object = byId ? world.links.get(number) : session.descriptors.object(number, 'link', syscall)
    if (object === undefined) throw new KernelError('ENOENT', syscall)
    return { link: object }
  }
  const program = byId ? world.progs.get(number) : session.prog(number, syscall)
  if (program === undefined) throw new KernelError('ENOENT', syscall)
  return { program }
}

const ATTACH_FLAGS = BPF_F.REPLACE | BPF_F.BEFORE | BPF_F.AFTER | BPF_F.ID | BPF_F.LINK

export function progAttach(session: Session, r: Request<'prog_attach'>): void {
  const syscall = 'prog_attach'
  const side = cgroupSide(r.attachType)
  if (side !== undefined) {
    attachToCgroup(session, r, side)
    return
  }
  if (r.attachType !== BPF_TCX_INGRESS && r.attachType !== BPF_TCX_EGRESS) notHere(syscall, r.attachType)
  const flags = r.attachFlags ?? 0
  if ((flags & ~ATTACH_FLAGS) !== 0) throw new KernelError('EINVAL', syscall)
  const program = session.prog(r.attachBpfFd, syscall)
  if (program.type !== SCHED_CLS) throw new KernelError('EINVAL', syscall)
  const device = deviceOf(session, r, 'ENODEV', syscall)
  const replace = (flags & BPF_F.REPLACE) !== 0 ? session.prog(r.replaceBpfFd, syscall) : undefined
  const list = listOf(device, r.attachType)
  if (replace !== undefined && list.entries.some((entry) => entry.program === replace && entry.link !== undefined))
    throw new KernelError('EBUSY', syscall)
  const old = attachToList(
    list,
    { program, link: undefined },
    { flags, relative: relativeOf(session, r, flags, syscall), replace, revision: r.expectedRevision },
    syscall,
  )
  session.world.get(program)
  if (old !== undefined) session.world.put(old as ProgObject)
}

export function progDetach(session: Session, r: Request<'prog_detach'>): void {
  const syscall = 'prog_detach'
  const side = cgroupSide(r.attachType)
  if (side !== undefined) {
    detachFromCgroup(session, r, side)
    return
  }
  if (r.attachType !== BPF_TCX_INGRESS && r.attachType !== BPF_TCX_EGRESS) notHere(syscall, r.attachType)
  const device = deviceOf(session, r, 'ENODEV', syscall)
  const list = listOf(device, r.attachType)
  const flags = r.attachFlags ?? 0
  const named =
    r.attachBpfFd === undefined || (r.attachBpfFd as number) === 0 ? undefined : session.prog(r.attachBpfFd, syscall)
  if (list.entries.length === 0) throw new KernelError('ENOENT', syscall)
  let program = named
  if (program === undefined) {
    // Without a program the flags say which end of the list goes.
    if ((flags & (BPF_F.BEFORE | BPF_F.AFTER)) === 0) throw new KernelError('EINVAL', syscall)
    const entry = (flags & BPF_F.BEFORE) !== 0 ? list.entries[0] : list.entries.at(-1)
    program = entry?.program as ProgObject
  }
  const entry = list.entries.find((one) => one.program === program)
  if (entry?.link !== undefined) throw new KernelError('EBUSY', syscall)
  detachFromList(list, { program }, r.expectedRevision, syscall)
  session.world.put(program)
}

export function progQuery(session: Session, r: Request<'prog_query'>): ProgQueryResult {
  const syscall = 'prog_query'
  const side = cgroupSide(r.attachType)
  if (side !== undefined) return queryCgroup(session, r, side)
  if (r.attachType !== BPF_TCX_INGRESS && r.attachType !== BPF_TCX_EGRESS) notHere(syscall, r.attachType)
  const { entries, revision } = listOf(deviceOf(session, r, 'ENODEV', syscall), r.attachType)
  return {
    attachFlags: 0,
    progIds: entries.map(({ program }) => program.id),
    progAttachFlags: entries.map(() => 0),
    linkIds: entries.map(({ link }) => link?.id ?? 0),
    linkAttachFlags: entries.map(() => 0),
    revision,
  }
}

export function linkCreate(session: Session, r: Request<'link_create'>): Fd {
  const syscall = 'link_create'
  const program = session.prog(r.progFd, syscall)
  if (r.attachType === BPF_XDP) {
    if (program.type !== XDP_TYPE) throw new KernelError('EINVAL', syscall)
    return xdpLink(session, r, program)
  }
  if (r.attachType === BPF_TCX_INGRESS || r.attachType === BPF_TCX_EGRESS) {
    if (program.type !== SCHED_CLS) throw new KernelError('EINVAL', syscall)
    return tcxLink(session, r, program)
  }
  const side = cgroupSide(r.attachType)
  if (side !== undefined) {
    const place = { kind: 'cgroup', device: undefined, ...cgroupLink(session, r, side, program) } as const
    const link = newLink(session, typeId('cgroup'), program)
    const MULTI = 2
    session.world.cgroups.attach(place.cgroup, side, { program, link }, MULTI, undefined, syscall)
    return openLink(session, link, place)
  }
  if (r.attachType === bpf_attach_type.BPF_PERF_EVENT) {
    const { object } = session.descriptors.file(r.targetFd, syscall)
    if (object.kind !== 'tracepoint') throw new KernelError('EINVAL', syscall)
    const cookie = r.perfEventBpfCookie ?? 0n
    const listening = listenAt(session.world, object, program, cookie, syscall)
    const link = newLink(session, typeId('perf_event'), program)
    return openLink(session, link, { kind: 'tracepoint', device: undefined, name: object.name, cookie, listening })
  }
  return notHere(syscall, r.attachType)
}

function newLink(session: Session, type: number, program: ProgObject): LinkObject {
  const { world } = session
  return { kind: 'link', id: world.links.reserve(), references: 1, type, prog: program, place: undefined }
}

/** Registers an attached link and opens it. */
function openLink(session: Session, link: LinkObject, place: LinkPlace): Fd {
  const { world } = session
  link.place = place
  if (link.prog !== undefined) world.get(link.prog)
  world.add(link)
  return session.open(link)
}

function xdpLink(session: Session, r: Request<'link_create'>, program: ProgObject): Fd {
  const flags = r.flags ?? 0
  const device = deviceOf(session, r, 'EINVAL', 'link_create')
  const link = newLink(session, typeId('xdp'), program)
  const mode = changeXdp(device, { program, flags, link }, 'link_create')
  return openLink(session, link, { kind: 'xdp', device, mode, flags })
}

function tcxLink(session: Session, r: Request<'link_create'>, program: ProgObject): Fd {
  const syscall = 'link_create'
  const flags = r.flags ?? 0
  if ((flags & ~ATTACH_FLAGS) !== 0) throw new KernelError('EINVAL', syscall)
  const device = deviceOf(session, r, 'ENODEV', syscall)
  const link = newLink(session, typeId('tcx'), program)
  attachToList(
    listOf(device, r.attachType),
    { program, link },
    { flags, relative: relativeOf(session, r, flags, syscall), revision: r.expectedRevision },
    syscall,
  )
  const direction = r.attachType === BPF_TCX_INGRESS ? 'ingress' : 'egress'
  return openLink(session, link, { kind: 'tcx', device, direction })
}

const LINK_REPLACE = 4

export function linkUpdate(session: Session, r: Request<'link_update'>): void {
  const syscall = 'link_update'
  const flags = r.flags ?? 0
  if ((flags & ~LINK_REPLACE) !== 0) throw new KernelError('EINVAL', syscall)
  const link = session.descriptors.object(r.linkFd, 'link', syscall)
  const program = session.prog(r.newProgFd, syscall)
  const expected = (flags & LINK_REPLACE) !== 0 ? session.prog(r.oldProgFd, syscall) : undefined
  const { place, prog } = link
  if (place === undefined) throw new KernelError('ENOLINK', syscall)
  if (expected !== undefined && expected !== prog) throw new KernelError('EPERM', syscall)
  if (program === prog) return
  if (program.type !== prog?.type) throw new KernelError('EINVAL', syscall)
  if (place.kind === 'tracepoint') throw new KernelError('EINVAL', syscall)
  if (place.kind === 'xdp') {
    const { device, mode } = place
    if (program.expectedAttachType !== prog.expectedAttachType) throw new KernelError('EINVAL', syscall)
    device.xdp[mode] = { program, link }
  } else if (place.kind === 'cgroup') {
    const entry = place.cgroup[place.side].find((one) => one.link === link)
    if (entry !== undefined) entry.program = program
  } else {
    const list = place.device.tcx[place.direction]
    if (list.entries.some((entry) => entry.program === program)) throw new KernelError('EEXIST', syscall)
    const entry = list.entries.find((one) => one.link === link)
    if (entry !== undefined) entry.program = program
    list.revision++
  }
  link.prog = session.world.get(program)
  session.world.put(prog)
}

export function linkDetach(session: Session, r: Request<'link_detach'>): void {
  const link = session.descriptors.object(r.linkFd, 'link', 'link_detach')
  if (link.place?.kind === 'tracepoint') throw new KernelError('EOPNOTSUPP', 'link_detach')
  detachLink(link, session.world.cgroups)
}

/** What bpf_link_info tells of a link by its type. */
export function linkDetails(link: LinkObject): LinkDetails {
  const ifindex = link.place?.device?.ifindex ?? 0
  if (link.place?.kind === 'tracepoint') {
    const { name, cookie } = link.place
    return { type: 5, tpName: name, cookie }
  }
  if (link.type === typeId('cgroup')) {
    const { place } = link
    if (place?.kind !== 'cgroup') return { cgroupId: 0n, attachType: 0 }
    return { cgroupId: place.cgroup.id, attachType: place.side === 'ingress' ? 0 : 1 }
  }
  if (link.type === typeId('xdp')) return { ifindex }
  if (link.type === typeId('tcx')) {
    const attachType =
      link.place?.kind === 'tcx' && link.place.direction === 'egress' ? BPF_TCX_EGRESS : BPF_TCX_INGRESS
    return { ifindex, attachType }
  }
  return {}
}
