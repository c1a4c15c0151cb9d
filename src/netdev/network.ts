import type { BridgeState } from './bridge-state.js'
import { Device, type DeviceKind } from './device.js'
import type { Frame } from './frame.js'
import type { PacketHooks } from './hooks.js'
import type { Journeys } from './journey.js'
import { destroyLink, setUp } from './links.js'
import { Namespace } from './namespace.js'
import { ETH_HLEN } from './numbers.js'
import type { HookProgram } from './program.js'
import { receiveFrame } from './receive.js'
import { sendToNeighbour } from './transmit.js'

const FIRST_INODE = 0xf000_0000

export interface NetworkClock {
  /** CLOCK_MONOTONIC, ns. */
  monotonic(): bigint
}

export interface VirtualNetworkOptions {
  /** 32 random bits, for hardware addresses. */
  readonly random: () => number
  readonly clock: () => NetworkClock
  readonly cpus: number
}

/** Something that waits for its turn: a frame at a device, or a time. */
interface Arrival {
  readonly device: Device
  readonly frame: Frame
}

/** A frame that was handed over without its headers checked once more. */
export const MAX_HOPS = 64

/**
 * The virtual network: namespaces, devices, and a queue of frames that arrive. Nothing runs by itself: whoever puts a
 * frame in runs the queue until it is empty, in the order of arrival, so that a run can be repeated exactly.
 */
export class VirtualNetwork {
  readonly namespaces = new Map<number, Namespace>()
  readonly init: Namespace
  readonly cpus: number
  readonly #random: () => number
  readonly #clock: () => NetworkClock
  /** Runs programs at the hooks; undefined until somebody attached one. */
  hooks: PacketHooks | undefined
  /** Where packets' ways are told; undefined: nobody watches. */
  journeys: Journeys | undefined
  /** Called for programs whose last hook is gone with its device. */
  released: (program: HookProgram) => void = () => {}
  /** Called when a device is gone for good. */
  deviceGone: (device: Device) => void = () => {}
  /** Called when it went to another namespace. */
  deviceMoved: (device: Device, from: Namespace) => void = () => {}
  #lastInode = FIRST_INODE
  #lastCookie = 0n
  #queue: Arrival[] = []
  #head = 0
  #running = false
  /** Frames handled, of all devices. */
  handled = 0

  constructor(options: VirtualNetworkOptions) {
    this.#random = options.random
    this.#clock = options.clock
    this.cpus = options.cpus
    this.init = this.createNamespace()
    this.init.references = 1
    setUp(this, this.init.byName('lo') as Device, true)
  }

  now(): bigint {
    return this.#clock().monotonic()
  }

  random(): number {
    return this.#random()
  }

  createNamespace(): Namespace {
    const netns = new Namespace(++this.#lastInode, ++this.#lastCookie)
    this.namespaces.set(netns.inode, netns)
    this.addDevice(netns, 'lo', { kind: undefined, mac: new Uint8Array(6) })
    return netns
  }

  /** Gives up one hold of a namespace; the last takes its devices along. Ports and the like go with it. */
  putNamespace(netns: Namespace): void {
    netns.references--
    if (netns.references > 0 || netns === this.init) return
    for (const device of [...netns.devices.values()]) if (device.netns === netns) destroyLink(this, device)
    this.namespaces.delete(netns.inode)
  }

  addDevice(
    netns: Namespace,
    name: string,
    options: {
      readonly kind: DeviceKind | undefined
      readonly mac: Uint8Array
      readonly mtu?: number | undefined
      readonly queues?: number | undefined
      readonly vlan?: { readonly id: number; readonly protocol: number } | undefined
      readonly bridge?: BridgeState | undefined
    },
  ): Device {
    const device = new Device(netns, ++netns.lastIfindex, name, options)
    netns.add(device)
    return device
  }

  /** A random unicast address of one's own making. */
  randomMac(): Uint8Array {
    const mac = new Uint8Array(6)
    const [low, high] = [this.#random(), this.#random()]
    new DataView(mac.buffer).setUint32(0, low)
    new DataView(mac.buffer).setUint16(4, high & 0xffff)
    mac[0] = ((mac[0] as number) & 0xfe) | 2
    return mac
  }

  unregistered(device: Device): void {
    const { xdp, tcx, filterQdisc } = device
    for (const slot of [xdp.driver, xdp.generic, xdp.hardware]) {
      if (slot !== undefined && slot.link === undefined) this.released(slot.program)
    }
    for (const list of [tcx.ingress, tcx.egress]) {
      for (const { program, link } of list.entries) if (link === undefined) this.released(program)
    }
    for (const place of filterQdisc === undefined ? [] : [filterQdisc.ingress, filterQdisc.egress]) {
      for (const { filters } of place) for (const { program } of filters) this.released(program)
    }
    this.deviceGone(device)
  }

  moved(device: Device, from: Namespace): void {
    this.deviceMoved(device, from)
  }

  /** Frames that waited for a neighbour's hardware address go on. */
  resolved(device: Device, waiting: readonly Frame[]): void {
    for (const frame of waiting) sendToNeighbour(this, device, frame)
    if (waiting.length > 0) this.run()
  }

  /** Puts a frame into a device's receive queue. */
  enqueue(device: Device, frame: Frame): void {
    this.#queue.push({ device, frame })
  }

  /** Lets every frame that waits arrive, and what they cause, until nothing is left. */
  run(): void {
    if (this.#running) return
    this.#running = true
    try {
      while (this.#head < this.#queue.length) {
        const { device, frame } = this.#queue[this.#head++] as Arrival
        if (this.#head > 4096) {
          this.#queue = this.#queue.slice(this.#head)
          this.#head = 0
        }
        this.handled++
        receiveFrame(this, device, frame)
      }
    } finally {
      this.#queue = []
      this.#head = 0
      this.#running = false
      this.hooks?.idle()
    }
  }

  /** A frame arrives at a device, as from a wire. Frames shorter than an Ethernet header never arrive. */
  inject(device: Device, frame: Frame): void {
    if (frame.length < ETH_HLEN) return
    this.journeys?.begin(frame, device)
    this.enqueue(device, frame)
  }
}
