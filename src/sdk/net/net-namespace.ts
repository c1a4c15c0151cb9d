import type { Fd, Kernel, LinkSettings, NetDevice } from '../../kernel/index.js'
import { Handle } from '../handle.js'
import { parseAddress, parsePrefix } from './ip-address.js'

/** What a device is made with. */
export interface DeviceSettings extends Omit<LinkSettings, 'targetNetns' | 'newName' | 'master'> {
  readonly master?: Device
}

/**
 * A network namespace, held by a descriptor. Devices are looked up here and keep it: their numbers mean nothing in
 * another namespace, so every call that uses one is made in the namespace it came from.
 */
export class NetNamespace implements Disposable {
  readonly #handle: Handle

  constructor(handle: Handle) {
    this.#handle = handle
  }

  /** The namespace at a path (/run/netns/NAME, /proc/PID/ns/net); without one where the caller is now. Throws KernelError. */
  static open(kernel: Kernel, path?: string): NetNamespace {
    return new NetNamespace(new Handle(kernel, kernel.call('netns_open', path === undefined ? {} : { path })))
  }

  /** A new namespace with nothing but a loopback device. It goes when the last that holds it goes. */
  static create(kernel: Kernel): NetNamespace {
    return new NetNamespace(new Handle(kernel, kernel.call('netns_create', {})))
  }

  get kernel(): Kernel {
    return this.#handle.kernel
  }

  get fd(): Fd {
    return this.#handle.fd
  }

  /** A device by name. Throws KernelError ENODEV. */
  device(name: string): Device {
    return new Device(this, this.kernel.call('rtm_getlink', { netns: this.fd, name }).ifindex)
  }

  devices(): readonly NetDevice[] {
    return this.kernel.call('rtm_getlinks', { netns: this.fd })
  }

  /** Makes a device: 'bridge', 'dummy', 'ifb' … */
  create(name: string, kind: string, settings: DeviceSettings = {}): Device {
    this.kernel.call('rtm_newlink', { netns: this.fd, name, kind, ...plain(settings) })
    return this.device(name)
  }

  /** Makes a pair of devices; the peer may live in another namespace. Both are up unless told otherwise. */
  createVeth(
    name: string,
    peerName: string,
    options: { readonly peerNetns?: NetNamespace; readonly queues?: number; readonly up?: boolean } = {},
  ): [Device, Device] {
    const { peerNetns = this, queues, up = true } = options
    const shared = queues === undefined ? {} : { queues }
    const peer = { name: peerName, ...shared, ...(peerNetns === this ? {} : { netns: peerNetns.fd }) }
    this.kernel.call('rtm_newlink', { netns: this.fd, name, kind: 'veth', peer, ...shared })
    const pair: [Device, Device] = [this.device(name), peerNetns.device(peerName)]
    if (up) for (const device of pair) device.set({ up: true })
    return pair
  }

  /** A route to `destination` ('10.1.0.0/16') through a device or a gateway. */
  addRoute(destination: string, options: { readonly device?: Device; readonly gateway?: string }): void {
    this.kernel.call('rtm_newroute', { netns: this.fd, ...routeOf(destination, options) })
  }

  close(): void {
    this.#handle.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

export function routeOf(
  destination: string,
  options: { readonly device?: Device | undefined; readonly gateway?: string | undefined },
) {
  const { address, prefix } = parsePrefix(destination)
  return {
    destination: address,
    prefix,
    ...(options.device === undefined ? {} : { ifindex: options.device.ifindex }),
    ...(options.gateway === undefined ? {} : { gateway: parseAddress(options.gateway) }),
  }
}

/** A network device in its namespace. */
export class Device {
  readonly netns: NetNamespace
  readonly ifindex: number

  constructor(netns: NetNamespace, ifindex: number) {
    this.netns = netns
    this.ifindex = ifindex
  }

  get kernel(): Kernel {
    return this.netns.kernel
  }

  /** Its name now. */
  get name(): string {
    return this.info().name
  }

  info(): NetDevice {
    return this.kernel.call('rtm_getlink', { netns: this.netns.fd, ifindex: this.ifindex })
  }

  /** Changes it: up or down, MTU, address, name, master. */
  set(settings: DeviceSettings & { readonly name?: string }): void {
    const { name, ...rest } = settings
    const newName = name === undefined ? {} : { newName: name }
    this.kernel.call('rtm_setlink', { netns: this.netns.fd, ifindex: this.ifindex, ...plain(rest), ...newName })
  }

  /** Moves it into another namespace, where it is another Device: the result. */
  moveTo(netns: NetNamespace): Device {
    const { name } = this
    this.kernel.call('rtm_setlink', { netns: this.netns.fd, ifindex: this.ifindex, targetNetns: netns.fd })
    return netns.device(name)
  }

  /** Adds an address: '10.0.0.1/24', 'fd00::1/64'. */
  addAddress(text: string): void {
    const { address, prefix } = parsePrefix(text)
    this.kernel.call('rtm_newaddr', { netns: this.netns.fd, ifindex: this.ifindex, address, prefix })
  }

  removeAddress(text: string): void {
    const { address, prefix } = parsePrefix(text)
    this.kernel.call('rtm_deladdr', { netns: this.netns.fd, ifindex: this.ifindex, address, prefix })
  }

  /** A permanent neighbour entry. */
  addNeighbour(address: string, lladdr: Uint8Array): void {
    const request = { netns: this.netns.fd, ifindex: this.ifindex, address: parseAddress(address), lladdr }
    this.kernel.call('rtm_newneigh', request)
  }

  delete(): void {
    this.kernel.call('rtm_dellink', { netns: this.netns.fd, ifindex: this.ifindex })
  }
}

function plain(settings: DeviceSettings): LinkSettings {
  const { master, ...rest } = settings
  return master === undefined ? rest : { ...rest, master: master.ifindex }
}

/** A device, or its name in the caller's namespace of this moment. */
export type DeviceLike = Device | string

/** A device and what must be closed with its use: the namespace's descriptor, where only a name was given. */
export function resolveDevice(kernel: Kernel, device: DeviceLike): { device: Device; held: readonly Disposable[] } {
  if (typeof device !== 'string') return { device, held: [] }
  const netns = NetNamespace.open(kernel)
  try {
    return { device: netns.device(device), held: [netns] }
  } catch (error) {
    netns.close()
    throw error
  }
}
