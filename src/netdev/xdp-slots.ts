import type { XdpState } from '../kernel/index.js'
import type { Device } from './device.js'
import { XDP_FLAGS } from './numbers.js'
import type { HookLink, HookProgram } from './program.js'
import { refuse } from './refuse.js'

export type XdpMode = 'driver' | 'generic' | 'hardware'

/** What is attached in one mode. */
export interface XdpSlot {
  readonly program: HookProgram
  readonly link: HookLink | undefined
}

export type XdpSlots = { [Mode in XdpMode]: XdpSlot | undefined }

/** Frames of a page: what a driver's buffer of one page leaves for the MTU of its peer. */
const VETH_MAX_MTU = 4096 - 256 - 320 - 14
const FRAGS_ROOM = 4096 * 17
const BPF_XDP_DEVMAP = 33
const BPF_XDP_CPUMAP = 35

export interface XdpChange {
  /** undefined: take off. */
  readonly program: HookProgram | undefined
  readonly flags: number
  /** XDP_FLAGS_REPLACE: what must be attached now; null where nothing must be. */
  readonly expected?: HookProgram | null
  readonly link?: HookLink
}

function countOf(slots: XdpSlots): number {
  return Number(slots.driver !== undefined) + Number(slots.generic !== undefined) + Number(slots.hardware !== undefined)
}

/** The mode that flags choose on a device (dev_xdp_mode). */
export function xdpModeOf(device: Device, flags: number): XdpMode {
  if ((flags & XDP_FLAGS.HW_MODE) !== 0) return 'hardware'
  if ((flags & XDP_FLAGS.DRV_MODE) !== 0) return 'driver'
  if ((flags & XDP_FLAGS.SKB_MODE) !== 0) return 'generic'
  return device.nativeXdp ? 'driver' : 'generic'
}

/** Attaches, replaces or takes off an XDP program by the rules and with the texts of dev_xdp_attach. Throws KernelError. */
export function changeXdp(device: Device, change: XdpChange, syscall: string): XdpMode {
  const { program, flags, expected, link } = change
  const modes = flags & XDP_FLAGS.MODES
  const fail = (code: 'EINVAL' | 'EBUSY' | 'EEXIST' | 'EOPNOTSUPP', text: string): never => refuse(code, syscall, text)
  if ((flags & ~XDP_FLAGS.MASK) !== 0) refuse('EINVAL', syscall)
  if (link !== undefined && (flags & ~XDP_FLAGS.MODES) !== 0)
    fail('EINVAL', 'Invalid XDP flags for BPF link attachment')
  if ((modes & (modes - 1)) !== 0) fail('EINVAL', 'Only one XDP mode flag can be set')
  if (modes === 0 && countOf(device.xdp) > 1) fail('EINVAL', 'More than one program loaded, unset mode is ambiguous')
  if (expected !== undefined && expected !== null && (flags & XDP_FLAGS.REPLACE) === 0)
    fail('EINVAL', 'XDP_FLAGS_REPLACE is not specified')
  const mode = xdpModeOf(device, flags)
  const slot = device.xdp[mode]
  if (slot?.link !== undefined) fail('EBUSY', "Can't replace active BPF XDP link")
  if (device.master?.kind === 'bond' && countOf(device.master.xdp) > 0)
    fail('EEXIST', 'Cannot attach when an upper device already has a program')
  const current = slot?.program
  if (link !== undefined && current !== undefined) fail('EBUSY', "Can't replace active XDP program with BPF link")
  if ((flags & XDP_FLAGS.REPLACE) !== 0 && current !== (expected ?? undefined))
    fail('EEXIST', 'Active program does not match expected')
  if (program !== undefined) {
    if ((flags & XDP_FLAGS.UPDATE_IF_NOEXIST) !== 0 && current !== undefined)
      fail('EBUSY', 'XDP program already attached')
    const other = mode === 'generic' ? device.xdp.driver : device.xdp.generic
    if (mode !== 'hardware' && other !== undefined)
      fail('EEXIST', "Native and generic XDP can't be active at the same time")
    checkBound(device, program, mode, syscall)
    if (program.expectedAttachType === BPF_XDP_DEVMAP)
      fail('EINVAL', 'BPF_XDP_DEVMAP programs can not be attached to a device')
    if (program.expectedAttachType === BPF_XDP_CPUMAP)
      fail('EINVAL', 'BPF_XDP_CPUMAP programs can not be attached to a device')
  }
  if (program !== current || link !== undefined) install(device, mode, program, link, syscall)
  return mode
}

function checkBound(device: Device, program: HookProgram, mode: XdpMode, syscall: string): void {
  const bound = program.boundTo
  if (mode !== 'hardware' && bound?.offloaded === true)
    refuse('EINVAL', syscall, 'Using offloaded program without HW_MODE flag is not supported')
  if (bound !== undefined && bound.device !== device) refuse('EINVAL', syscall, 'Program bound to different device')
  if (bound !== undefined && mode === 'generic')
    refuse('EINVAL', syscall, "Can't attach device-bound programs in generic mode")
}

/** What the driver itself asks (dev_xdp_install and veth_xdp_set). */
function install(
  device: Device,
  mode: XdpMode,
  program: HookProgram | undefined,
  link: HookLink | undefined,
  syscall: string,
): void {
  if (mode === 'driver' && !device.nativeXdp)
    refuse('EOPNOTSUPP', syscall, 'Underlying driver does not support XDP in native mode')
  if (mode === 'hardware') {
    // A driver with XDP of its own knows the request, but not the mode.
    if (!device.offloads && device.nativeXdp) refuse('EINVAL', syscall)
    if (!device.offloads) refuse('EOPNOTSUPP', syscall, 'Underlying driver does not support XDP in native mode')
    if (program !== undefined && program.boundTo === undefined)
      refuse('EINVAL', syscall, 'xdpoffload of non-bound program')
  }
  if (mode === 'driver' && program !== undefined && device.kind === 'veth') checkVeth(device, program, syscall)
  device.xdp[mode] = program === undefined ? undefined : { program, link }
}

function checkVeth(device: Device, program: HookProgram, syscall: string): void {
  const { peer } = device
  if (peer === undefined) {
    refuse('ENOTCONN', syscall, 'veth: Cannot set XDP when peer is detached')
    return
  }
  const most = VETH_MAX_MTU + (program.hasFrags ? FRAGS_ROOM : 0)
  if (peer.mtu > most) refuse('ERANGE', syscall, 'veth: Peer MTU is too large to set XDP')
  if (device.rxQueues < peer.txQueues)
    refuse('ENOSPC', syscall, 'veth: XDP expects number of rx queues not less than peer tx queues')
}

/** Largest MTU that a native program on the other end of a veth pair leaves. */
export function vethMtuLimit(device: Device): number | undefined {
  const slot = device.peer?.xdp.driver
  return slot === undefined ? undefined : VETH_MAX_MTU + (slot.program.hasFrags ? FRAGS_ROOM : 0)
}

/** IFLA_XDP as a link dump tells it. */
export function xdpState(device: Device): XdpState {
  const { driver, generic, hardware } = device.xdp
  const count = countOf(device.xdp)
  const only = driver ?? generic ?? hardware
  return {
    attached: count > 1 ? 4 : driver !== undefined ? 1 : generic !== undefined ? 2 : hardware !== undefined ? 3 : 0,
    progId: count === 1 ? (only as XdpSlot).program.id : 0,
    drvProgId: driver?.program.id ?? 0,
    skbProgId: generic?.program.id ?? 0,
    hwProgId: hardware?.program.id ?? 0,
  }
}
