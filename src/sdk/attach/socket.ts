import { UsageError } from '../../base/index.js'
import type { Fd, Kernel } from '../../kernel/index.js'
import { bpf_attach_type } from '../../spec/index.js'
import { BpfLink } from '../bpf-link.js'
import type { BpfMap } from '../bpf-map.js'
import type { BpfProgram } from '../bpf-program.js'
import { Handle } from '../handle.js'
import type { NetNamespace } from '../net/net-namespace.js'
import { type Attachment, attachmentOf, type FdLike, fdOf, holdAll, requireType, takeOff } from './attachment.js'

const SOL_SOCKET = 1
const SO = {
  ATTACH_BPF: 50,
  DETACH_BPF: 27,
  ATTACH_REUSEPORT_EBPF: 52,
  DETACH_REUSEPORT_BPF: 68,
} as const
const AF_PACKET = 17
const SOCK_RAW = 3
/** ETH_P_ALL in network order. */
const ALL_PROTOCOLS = 0x0300

/** A packet socket that sees every frame of a namespace (default: the caller's): something to put a filter on. */
export function openPacketSocket(kernel: Kernel, netns?: NetNamespace): Handle {
  const request = { domain: AF_PACKET, type: SOCK_RAW, protocol: ALL_PROTOCOLS }
  return new Handle(kernel, kernel.call('socket', netns === undefined ? request : { ...request, netns: netns.fd }))
}

/** Puts a socket filter on any socket of this process (SO_ATTACH_BPF); the socket must be open when it is detached. */
export function attachSocketFilter(program: BpfProgram, socket: FdLike): Attachment {
  requireType(program, 'a socket', 'socket_filter')
  return onSocket('socket filter', program, socket, SO.ATTACH_BPF, SO.DETACH_BPF)
}

/** Makes a program choose among the sockets of a SO_REUSEPORT group. */
export function attachReuseport(program: BpfProgram, socket: FdLike): Attachment {
  requireType(program, 'a reuseport group', 'sk_reuseport', 'socket_filter')
  return onSocket('reuseport', program, socket, SO.ATTACH_REUSEPORT_EBPF, SO.DETACH_REUSEPORT_BPF)
}

function onSocket(kind: string, program: BpfProgram, socket: FdLike, on: number, off: number): Attachment {
  const { kernel } = program
  const fd = fdOf(socket)
  const value = new Uint8Array(new Uint32Array([program.fd]).buffer)
  kernel.call('setsockopt', { fd, level: SOL_SOCKET, name: on, value })
  return attachmentOf(kind, () => {
    kernel.call('setsockopt', { fd: fdOf(socket), level: SOL_SOCKET, name: off, value: new Uint8Array(4) })
  })
}

/** Runs an sk_msg or sk_skb program on the sockets of a SOCKMAP or SOCKHASH, without a link. */
export function attachSockmap(program: BpfProgram, map: BpfMap): Attachment {
  const { kernel } = program
  const attachType = sockmapHook(program)
  const held = holdAll(kernel, [() => kernel.call('dup', { fd: map.fd }), () => kernel.call('dup', { fd: program.fd })])
  const [targetFd, attachBpfFd] = held.fds as [Fd, Fd]
  try {
    kernel.call('prog_attach', { targetFd, attachBpfFd, attachType })
  } catch (error) {
    held.release()
    throw error
  }
  return attachmentOf('sockmap', () => {
    takeOff(() => kernel.call('prog_detach', { targetFd, attachBpfFd, attachType }), 'ENOENT')
    held.release()
  })
}

/** sk_msg programs have one hook; sk_skb programs say which when loaded, which a kernel does not tell afterwards. */
function sockmapHook(program: BpfProgram): number {
  requireType(program, 'a map of sockets', 'sk_msg', 'sk_skb')
  if (program.typeName === 'sk_msg') return bpf_attach_type.BPF_SK_MSG_VERDICT
  if (program.expectedAttachType !== 0) return program.expectedAttachType
  throw new UsageError(
    `program '${program.name}' does not tell if it parses or judges streams`,
    'name its section sk_skb/stream_parser, sk_skb/stream_verdict or sk_skb/verdict',
  )
}

/** The same by a link (Linux 6.10). Throws KernelError EINVAL before. */
export function linkSockmap(program: BpfProgram, map: BpfMap): BpfLink {
  const { kernel } = program
  const attachType = sockmapHook(program)
  const fd = kernel.call('link_create', { progFd: program.fd, targetFd: map.fd, attachType })
  return new BpfLink(new Handle(kernel, fd))
}

/** Runs an sk_lookup or flow_dissector program for a whole network namespace (default: the caller's). */
export function attachNetns(program: BpfProgram, netns?: NetNamespace): BpfLink {
  requireType(program, 'a network namespace', 'sk_lookup', 'flow_dissector')
  const { kernel } = program
  const { BPF_SK_LOOKUP, BPF_FLOW_DISSECTOR } = bpf_attach_type
  const attachType = program.typeName === 'sk_lookup' ? BPF_SK_LOOKUP : BPF_FLOW_DISSECTOR
  const own = netns === undefined ? new Handle(kernel, kernel.call('netns_open', {})) : undefined
  try {
    const targetFd = (netns ?? (own as Handle)).fd
    return new BpfLink(new Handle(kernel, kernel.call('link_create', { progFd: program.fd, targetFd, attachType })))
  } finally {
    own?.close()
  }
}

export interface NetfilterOptions {
  readonly netns?: NetNamespace
  readonly family: 'ipv4' | 'ipv6'
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'
  /** Neither the lowest nor the highest 32-bit number; each may be taken once per hook. */
  readonly priority: number
  /** Reassemble fragments before the program sees them. */
  readonly defragment?: boolean
}

const HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const
const FAMILY = { ipv4: 2, ipv6: 10 } as const

/** Links a program to a netfilter hook of a namespace. Throws KernelError: EBUSY (priority taken), EAFNOSUPPORT, EINVAL. */
export function attachNetfilter(program: BpfProgram, options: NetfilterOptions): BpfLink {
  requireType(program, 'a netfilter hook', 'netfilter')
  const { kernel } = program
  const fd = kernel.call('link_create', {
    ...(options.netns === undefined ? {} : { netns: options.netns.fd }),
    progFd: program.fd,
    attachType: bpf_attach_type.BPF_NETFILTER,
    netfilter: {
      pf: FAMILY[options.family],
      hooknum: HOOKS[options.hook],
      priority: options.priority,
      flags: options.defragment === true ? 1 : 0,
    },
  })
  return new BpfLink(new Handle(kernel, fd))
}
