import { type Fd, KernelError, type ProgQueryResult, type Request } from '../../kernel/index.js'
import { bpf_attach_type, bpf_prog_type } from '../../spec/index.js'
import type { Session } from '../session.js'
import type { Cgroup, CgroupSide } from '../state/cgroups.js'
import type { ProgObject } from '../state/objects.js'
import { openTracepointId } from './tracepoint-event.js'

const { BPF_CGROUP_INET_INGRESS, BPF_CGROUP_INET_EGRESS } = bpf_attach_type
const CGROUP_SKB = bpf_prog_type.BPF_PROG_TYPE_CGROUP_SKB
const MULTI = 2
const REPLACE = 4
const FLAGS = 1 | MULTI | REPLACE

/** The side of an attach type that is about packets of a cgroup; undefined for others. */
export function cgroupSide(attachType: number): CgroupSide | undefined {
  if (attachType === BPF_CGROUP_INET_INGRESS) return 'ingress'
  return attachType === BPF_CGROUP_INET_EGRESS ? 'egress' : undefined
}

function cgroupOf(session: Session, fd: number | undefined, syscall: string): Cgroup {
  const { object } = session.descriptors.file(fd, syscall)
  if (object.kind !== 'cgroup') throw new KernelError('EBADF', syscall, { hint: `descriptor ${fd} is no cgroup` })
  return object.cgroup
}

function checked(program: ProgObject, attachType: number, syscall: string): ProgObject {
  const said = program.expectedAttachType
  // Programs of the section 'cgroup/skb' do not say which side they are for.
  if (program.type !== CGROUP_SKB || (said !== attachType && said !== 0)) throw new KernelError('EINVAL', syscall)
  return program
}

export function attachToCgroup(session: Session, r: Request<'prog_attach'>, side: CgroupSide): void {
  const syscall = 'prog_attach'
  const flags = r.attachFlags ?? 0
  if ((flags & ~FLAGS) !== 0 || (flags & 3) === 3) throw new KernelError('EINVAL', syscall)
  const program = checked(session.prog(r.attachBpfFd, syscall), r.attachType, syscall)
  const cgroup = cgroupOf(session, r.targetFd, syscall)
  const replace = (flags & REPLACE) !== 0 ? session.prog(r.replaceBpfFd, syscall) : undefined
  const { world } = session
  const old = world.cgroups.attach(cgroup, side, { program, link: undefined }, flags, replace, syscall)
  world.get(program)
  if (old !== undefined) world.put(old)
}

export function detachFromCgroup(session: Session, r: Request<'prog_detach'>, side: CgroupSide): void {
  const syscall = 'prog_detach'
  const cgroup = cgroupOf(session, r.targetFd, syscall)
  const fd = r.attachBpfFd
  const program = fd === undefined || fd <= 0 ? undefined : session.prog(fd, syscall)
  if (program === undefined && cgroup.mode[side] === MULTI) throw new KernelError('EINVAL', syscall)
  const { world } = session
  const which = world.cgroups.detach(
    cgroup,
    side,
    (entry) => entry.link === undefined && (program === undefined || entry.program === program),
    syscall,
  )
  world.put(which.program)
}

export function queryCgroup(session: Session, r: Request<'prog_query'>, side: CgroupSide): ProgQueryResult {
  const cgroup = cgroupOf(session, r.targetFd, 'prog_query')
  const effective = ((r.queryFlags ?? 0) & 1) !== 0
  const programs = effective
    ? session.world.cgroups.programsOf(cgroup.id, side)
    : cgroup[side].map(({ program }) => program)
  return {
    attachFlags: effective ? 0 : (cgroup.mode[side] ?? 0),
    progIds: programs.map(({ id }) => id),
    progAttachFlags: programs.map(() => 0),
    linkIds: effective ? [] : cgroup[side].map(({ link }) => link?.id ?? 0),
    linkAttachFlags: programs.map(() => 0),
    revision: 0n,
  }
}

/** A link's program at a cgroup: always one of several. */
export function cgroupLink(
  session: Session,
  r: Request<'link_create'>,
  side: CgroupSide,
  program: ProgObject,
): { readonly cgroup: Cgroup; readonly side: CgroupSide } {
  const syscall = 'link_create'
  if ((r.flags ?? 0) !== 0) throw new KernelError('EINVAL', syscall)
  checked(program, r.attachType, syscall)
  return { cgroup: cgroupOf(session, r.targetFd, syscall), side }
}

const O_DIRECTORY = 0o200000

/** open(2): the folders of cgroups, numbers of tracepoints. */
export function openPath(session: Session, r: Request<'open'>): Fd {
  const descriptor = /^\/proc\/self\/fd\/(\d+)$/.exec(r.path)
  if (descriptor !== null) {
    const cgroup = cgroupOf(session, Number(descriptor[1]), 'open')
    return session.descriptors.add({ object: { kind: 'cgroup', cgroup }, readable: true, writable: false })
  }
  const file = openTracepointId(session, r.path)
  if (file !== undefined) return file
  const { cgroups } = session.world
  if (!cgroups.covers(r.path)) {
    throw new KernelError('ENOENT', 'open', {
      detail: r.path,
      hint: 'the embedded kernel has cgroups below /sys/fs/cgroup to open, and no other files',
    })
  }
  const cgroup = cgroups.at(r.path, 'open')
  if (((r.flags ?? 0) & 3) !== 0 && ((r.flags ?? 0) & O_DIRECTORY) === 0) throw new KernelError('EISDIR', 'open')
  return session.descriptors.add({ object: { kind: 'cgroup', cgroup }, readable: true, writable: false })
}
