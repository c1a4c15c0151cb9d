import { KernelError } from '../../kernel/index.js'
import { bpf_attach_type } from '../../spec/index.js'
import { BpfLink } from '../bpf-link.js'
import type { BpfProgram } from '../bpf-program.js'
import { Handle } from '../handle.js'
import { type DeviceLike, resolveDevice } from '../net/net-namespace.js'
import { requireType } from './attachment.js'
import { type OrderOptions, orderRequest } from './order.js'
import type { Direction } from './tc.js'

export interface TcxOptions extends OrderOptions {
  readonly direction: Direction
}

export interface NetkitOptions extends OrderOptions {
  /** The end on whose transmission the program runs. */
  readonly end: 'primary' | 'peer'
}

/**
 * Links a program to a device's tcx hook, in the wanted order among those there. Throws KernelError: ESTALE (another
 * revision), ENOENT (the neighbour is not there), EEXIST (the program is); UsageError.
 */
export function attachTcx(program: BpfProgram, target: DeviceLike, options: TcxOptions): BpfLink {
  const { BPF_TCX_INGRESS, BPF_TCX_EGRESS } = bpf_attach_type
  return attachOrdered(program, target, options.direction === 'ingress' ? BPF_TCX_INGRESS : BPF_TCX_EGRESS, options)
}

/** The same for a netkit device. */
export function attachNetkit(program: BpfProgram, target: DeviceLike, options: NetkitOptions): BpfLink {
  const { BPF_NETKIT_PRIMARY, BPF_NETKIT_PEER } = bpf_attach_type
  return attachOrdered(program, target, options.end === 'primary' ? BPF_NETKIT_PRIMARY : BPF_NETKIT_PEER, options)
}

function attachOrdered(program: BpfProgram, target: DeviceLike, attachType: number, options: OrderOptions): BpfLink {
  requireType(program, 'a tcx or netkit hook', 'sched_cls')
  const { kernel } = program
  const { device, held } = resolveDevice(kernel, target)
  try {
    const fd = kernel.call('link_create', {
      netns: device.netns.fd,
      progFd: program.fd,
      targetIfindex: device.ifindex,
      attachType,
      ...orderRequest(options),
    })
    return new BpfLink(new Handle(kernel, fd), held)
  } catch (error) {
    for (const part of held) part[Symbol.dispose]()
    throw error instanceof KernelError ? explain(error) : error
  }
}

const HINTS: Readonly<Record<string, string>> = {
  EINVAL: 'this kernel may have no tcx hooks (Linux 6.6 and later have): use a clsact filter',
  ESTALE: 'the programs of this hook changed meanwhile: read its revision again',
  ENOENT: 'the program or link given as `before` or `after` is not attached here',
  ERANGE: 'sixty-three programs are attached here, and that is the limit',
}

function explain(error: KernelError): KernelError {
  const hint = HINTS[error.code]
  const { errno, syscall, detail } = error
  if (hint === undefined) return error
  return new KernelError(errno, syscall, detail === undefined ? { hint } : { hint, detail })
}
