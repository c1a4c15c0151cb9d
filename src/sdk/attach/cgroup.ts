import { UsageError } from '../../base/index.js'
import { type Fd, type Kernel, KernelError } from '../../kernel/index.js'
import { ATTACH_TYPES, type AttachTypeRow, attachTypeByName } from '../../spec/index.js'
import { BpfLink } from '../bpf-link.js'
import type { BpfProgram } from '../bpf-program.js'
import { Handle } from '../handle.js'
import { type Attachment, attachmentOf, type FdLike, fdOf, holdAll, takeOff } from './attachment.js'
import { type OrderOptions, orderRequest } from './order.js'

export interface CgroupOptions extends OrderOptions {
  /** Linux's name in lower case: for programs whose section does not tell (`cgroup/skb`), 'cgroup_inet_ingress' … */
  readonly attachType?: string
}

export interface CgroupAttachOptions extends CgroupOptions {
  /**
   * What else may be attached below or beside: 'exclusive' nothing, 'override' children may replace it, 'multi' several
   * run one after another. Default 'multi'.
   */
  readonly mode?: 'exclusive' | 'override' | 'multi'
  /** In multi mode: the program whose place to take. */
  readonly replace?: BpfProgram
}

const MODE = { exclusive: 0, override: 1, multi: 2 } as const
const F_REPLACE = 4
const O_DIRECTORY = 0o200000

/** Runs `use` with a descriptor of a cgroup given by path (in a cgroup2 file system) or descriptor. */
export function withCgroup<T>(kernel: Kernel, cgroup: string | FdLike, use: (fd: number) => T): T {
  if (typeof cgroup !== 'string') return use(fdOf(cgroup))
  using handle = new Handle(kernel, kernel.call('open', { path: cgroup, flags: O_DIRECTORY }))
  return use(handle.fd)
}

/**
 * Links a program to a cgroup (version 2): its path or descriptor. Throws KernelError (EBADF: not a cgroup2 directory;
 * EPERM: an exclusive program is attached), UsageError where the attach type is not known.
 */
export function attachCgroup(program: BpfProgram, cgroup: string | FdLike, options: CgroupOptions = {}): BpfLink {
  const { kernel } = program
  const attachType = cgroupAttachType(program, options.attachType)
  return withCgroup(kernel, cgroup, (targetFd) => {
    const request = { progFd: program.fd, targetFd, attachType, ...orderRequest(options) }
    return new BpfLink(
      new Handle(
        kernel,
        explained(() => kernel.call('link_create', request)),
      ),
    )
  })
}

/** Attaches without a link, as BPF_PROG_ATTACH does: it stays when the process ends, until it is detached. */
export function attachCgroupProg(
  program: BpfProgram,
  cgroup: string | FdLike,
  options: CgroupAttachOptions = {},
): Attachment {
  const { kernel } = program
  const attachType = cgroupAttachType(program, options.attachType)
  const { flags, ...order } = orderRequest(options)
  const { replace } = options
  // The cgroup and the program must be nameable when it is taken off again: first that, then the attachment.
  const held = holdAll(kernel, [
    () => withCgroup(kernel, cgroup, (fd) => kernel.call('open', { path: `/proc/self/fd/${fd}`, flags: O_DIRECTORY })),
    () => kernel.call('dup', { fd: program.fd }),
  ])
  const [targetFd, attachBpfFd] = held.fds as [Fd, Fd]
  try {
    explained(() =>
      kernel.call('prog_attach', {
        targetFd,
        attachBpfFd,
        attachType,
        attachFlags: MODE[options.mode ?? 'multi'] | flags | (replace === undefined ? 0 : F_REPLACE),
        ...(replace === undefined ? {} : { replaceBpfFd: replace.fd }),
        ...order,
      }),
    )
  } catch (error) {
    held.release()
    throw error
  }
  return attachmentOf('cgroup', () => {
    takeOff(() => kernel.call('prog_detach', { targetFd, attachBpfFd, attachType }), 'ENOENT')
    held.release()
  })
}

function cgroupAttachType(program: BpfProgram, wanted: string | undefined): number {
  const row: AttachTypeRow | undefined =
    wanted === undefined
      ? program.expectedAttachType === 0 && program.origin?.attachType === undefined
        ? onlyOne(program)
        : ATTACH_TYPES[program.expectedAttachType]
      : attachTypeByName(wanted)
  if (row?.target === 'cgroup') return row.id
  const names = ATTACH_TYPES.filter((one: AttachTypeRow) => one.target === 'cgroup' && takes(one, program))
  throw new UsageError(
    `program '${program.name}' (${program.typeName}) does not tell which cgroup hook it is for`,
    names.length === 0
      ? 'programs of this type do not attach to cgroups'
      : `give attachType: ${names.map((one) => one.name).join(', ')}`,
  )
}

function takes(row: AttachTypeRow, program: BpfProgram): boolean {
  return (row.progTypes as readonly string[]).includes(program.typeName)
}

/** Types with one hook only need not say which. */
function onlyOne(program: BpfProgram): AttachTypeRow | undefined {
  const rows = ATTACH_TYPES.filter((row: AttachTypeRow) => row.target === 'cgroup' && takes(row, program))
  return rows.length === 1 ? rows[0] : undefined
}

const HINTS: Readonly<Record<string, string>> = {
  EBADF: 'the target is not a directory of a cgroup2 file system',
  EPERM: 'a program is attached here, or above, that allows no others (no BPF_F_ALLOW_MULTI)',
}

function explained<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    const hint = error instanceof KernelError ? HINTS[error.code] : undefined
    if (!(error instanceof KernelError) || hint === undefined) throw error
    throw new KernelError(error.errno, error.syscall, { hint })
  }
}
