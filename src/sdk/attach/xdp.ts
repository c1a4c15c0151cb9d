import { UsageError } from '../../base/index.js'
import { errorCode, KernelError } from '../../kernel/index.js'
import { bpf_attach_type, xdp_attached, xdp_flags } from '../../spec/index.js'
import { BpfLink } from '../bpf-link.js'
import { BpfProgram } from '../bpf-program.js'
import { Handle } from '../handle.js'
import { type Device, type DeviceLike, resolveDevice } from '../net/net-namespace.js'
import { type Attachment, requireType, takeOff } from './attachment.js'

export type XdpMode = 'native' | 'generic' | 'offload'

export interface XdpOptions {
  /** Default 'auto': the driver's own where it can, else generic; the attachment says which it became. */
  readonly mode?: XdpMode | 'auto'
  /** Default 'auto': a link; netlink where a program is replaced or the kernel has no XDP links. */
  readonly via?: 'link' | 'netlink' | 'auto'
  /** Netlink: take the place of whatever is attached (true), or of exactly this program (EEXIST else). */
  readonly replace?: boolean | BpfProgram
}

export interface XdpAttachment extends Attachment {
  readonly kind: 'xdp'
  readonly device: Device
  /** What it became. */
  readonly mode: XdpMode
  readonly via: 'link' | 'netlink'
  /** Why it is not what one might expect: the generic mode taken instead of the driver's. */
  readonly notes: readonly string[]
  /** The link, where there is one. */
  readonly link: BpfLink | undefined
  /** Swaps the program without a gap. Throws KernelError if another program took its place meanwhile. */
  update(program: BpfProgram): void
}

const MODE_FLAGS = {
  auto: 0,
  native: xdp_flags.XDP_FLAGS_DRV_MODE,
  generic: xdp_flags.XDP_FLAGS_SKB_MODE,
  offload: xdp_flags.XDP_FLAGS_HW_MODE,
} as const

/** What a driver answers that cannot take this program natively now, while the generic hook may. */
const TRY_GENERIC: ReadonlySet<string> = new Set(['EOPNOTSUPP', 'ENOTSUPP', 'EINVAL', 'ERANGE', 'ENOSPC', 'ENOMEM'])

/**
 * Attaches an XDP program to a device. Throws KernelError (EBUSY or EEXIST: something is attached; EOPNOTSUPP: the driver
 * has no XDP), each with a hint what to do; UsageError for a program of another type.
 */
export function attachXdp(program: BpfProgram, target: DeviceLike, options: XdpOptions = {}): XdpAttachment {
  requireType(program, 'an XDP hook', 'xdp')
  const { mode = 'auto', via = 'auto', replace } = options
  if (via === 'link' && replace !== undefined && replace !== false) {
    throw new UsageError(
      'an XDP link cannot replace a program it does not hold',
      "use via: 'netlink', or update the link",
    )
  }
  const { device, held } = resolveDevice(program.kernel, target)
  const attempt = (flags: number): { link: BpfLink | undefined } => {
    if (via === 'netlink' || (replace !== undefined && replace !== false)) {
      return attachByNetlink(program, device, flags, replace ?? false)
    }
    try {
      return { link: attachByLink(program, device, flags) }
    } catch (error) {
      // Kernels before 5.9 know no XDP links; others then say by netlink what is wrong.
      if (via === 'link' || errorCode(error) !== 'EINVAL') throw error
      return attachByNetlink(program, device, flags, false)
    }
  }
  const notes: string[] = []
  let made: { link: BpfLink | undefined } | undefined
  let own: Handle | undefined
  try {
    // What taking it off will need is opened before anything is attached.
    own = duplicate(program)
    const { id } = program.info()
    try {
      made = attempt(MODE_FLAGS[mode])
    } catch (error) {
      if (mode !== 'auto' || !TRY_GENERIC.has(errorCode(error) ?? '')) throw error
      made = attempt(MODE_FLAGS.generic)
      notes.push(`the driver refused the program (${(error as Error).message}): attached in generic mode`)
    }
    return new XdpHandle(device, { own, link: made.link, mode: modeNow(device, id, mode), notes, held })
  } catch (error) {
    made?.link?.close()
    own?.close()
    const better = error instanceof KernelError ? explain(error, device, mode) : error
    for (const part of held) part[Symbol.dispose]()
    throw better
  }
}

function attachByLink(program: BpfProgram, device: Device, flags: number): BpfLink {
  const { kernel } = program
  const fd = kernel.call('link_create', {
    netns: device.netns.fd,
    progFd: program.fd,
    targetIfindex: device.ifindex,
    attachType: bpf_attach_type.BPF_XDP,
    flags,
  })
  return new BpfLink(new Handle(kernel, fd))
}

function attachByNetlink(
  program: BpfProgram,
  device: Device,
  flags: number,
  replace: boolean | BpfProgram,
): { link: undefined } {
  const { kernel, fd } = program
  const place = { netns: device.netns.fd, ifindex: device.ifindex }
  if (replace instanceof BpfProgram) {
    const xdp = { fd, flags: flags | xdp_flags.XDP_FLAGS_REPLACE, expectedFd: replace.fd }
    kernel.call('rtm_setlink', { ...place, xdp })
  } else {
    const only = replace ? 0 : xdp_flags.XDP_FLAGS_UPDATE_IF_NOEXIST
    kernel.call('rtm_setlink', { ...place, xdp: { fd, flags: flags | only } })
  }
  return { link: undefined }
}

class XdpHandle implements XdpAttachment {
  readonly kind = 'xdp'
  readonly device: Device
  readonly mode: XdpMode
  readonly via: 'link' | 'netlink'
  readonly notes: readonly string[]
  readonly link: BpfLink | undefined
  readonly #held: readonly Disposable[]
  /** Our own descriptor of the attached program: it must be named when it is taken off. */
  #program: Handle | undefined

  constructor(
    device: Device,
    made: {
      readonly own: Handle
      readonly link: BpfLink | undefined
      readonly mode: XdpMode
      readonly notes: readonly string[]
      readonly held: readonly Disposable[]
    },
  ) {
    this.device = device
    this.link = made.link
    this.via = made.link === undefined ? 'netlink' : 'link'
    this.mode = made.mode
    this.notes = made.notes
    this.#held = made.held
    if (made.link === undefined) this.#program = made.own
    else made.own.close()
  }

  update(program: BpfProgram): void {
    requireType(program, 'an XDP hook', 'xdp')
    if (this.link !== undefined) {
      this.link.update(program)
      return
    }
    const old = this.#program
    if (old === undefined) throw new UsageError('this attachment was detached')
    const next = duplicate(program)
    try {
      this.#set(next.fd, old)
    } catch (error) {
      next.close()
      throw error
    }
    old.close()
    this.#program = next
  }

  detach(): void {
    this.link?.detach()
    const old = this.#program
    if (old !== undefined) {
      // Somebody may have put another program in its place, or the device is gone: then nothing of ours is left.
      takeOff(() => this.#set(-1, old), 'EEXIST', 'ENODEV')
      this.#program = undefined
      old.close()
    }
    for (const part of this.#held) part[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    if (this.link === undefined) {
      this.detach()
      return
    }
    this.link.close()
    for (const part of this.#held) part[Symbol.dispose]()
  }

  #set(fd: Handle['fd'] | -1, expected: Handle): void {
    const { device } = this
    device.kernel.call('rtm_setlink', {
      netns: device.netns.fd,
      ifindex: device.ifindex,
      xdp: { fd, flags: MODE_FLAGS[this.mode] | xdp_flags.XDP_FLAGS_REPLACE, expectedFd: expected.fd },
    })
  }
}

/** The mode an attached program runs in; what was asked for where the device cannot be asked any more. */
function modeNow(device: Device, id: number, wanted: XdpMode | 'auto'): XdpMode {
  if (wanted !== 'auto') return wanted
  try {
    const { xdp } = device.info()
    if (xdp.hwProgId === id) return 'offload'
    return xdp.skbProgId === id ? 'generic' : 'native'
  } catch {
    return 'native'
  }
}

function duplicate(program: BpfProgram): Handle {
  return new Handle(program.kernel, program.kernel.call('dup', { fd: program.fd }))
}

/** The same error with what the device's state says about it. */
function explain(error: KernelError, device: Device, mode: XdpMode | 'auto'): KernelError {
  const hint = hintFor(error, device, mode)
  if (hint === undefined) return error
  const { errno, syscall, detail } = error
  return new KernelError(errno, syscall, detail === undefined ? { hint } : { hint, detail })
}

function hintFor(error: KernelError, device: Device, mode: XdpMode | 'auto'): string | undefined {
  let info: ReturnType<Device['info']>
  try {
    info = device.info()
  } catch {
    return undefined
  }
  const { xdp, name, mtu } = info
  switch (error.code) {
    case 'EBUSY':
    case 'EEXIST': {
      if (xdp.attached === xdp_attached.XDP_ATTACHED_NONE) return undefined
      const id = xdp.drvProgId || xdp.skbProgId || xdp.hwProgId || xdp.progId
      const where = xdp.skbProgId !== 0 ? 'generic' : xdp.hwProgId !== 0 ? 'offload' : 'native'
      if (mode !== 'auto' && mode !== where) {
        return `program ${id} is attached to ${name} in ${where} mode: native and generic XDP exclude each other, so detach it or attach in ${where} mode`
      }
      return error.code === 'EBUSY'
        ? `a link holds program ${id} on ${name} (${where} mode): update or detach that link, netlink cannot replace it`
        : `program ${id} is attached to ${name} (${where} mode): detach it, or give \`replace\``
    }
    case 'EOPNOTSUPP':
      if (mode === 'offload') return `the driver of ${name} cannot run programs on the device`
      return mode === 'native' ? `the driver of ${name} has no XDP of its own: use mode 'generic'` : undefined
    case 'EINVAL':
    case 'ERANGE':
      return mtu > 3498
        ? `the MTU of ${name} is ${mtu}, which native XDP may refuse for programs without fragments: lower it, load with section xdp.frags, or use mode 'generic'`
        : undefined
    case 'EPERM':
      return 'attaching XDP needs CAP_NET_ADMIN in the namespace of the device'
    default:
      return undefined
  }
}
