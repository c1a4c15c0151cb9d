import { UsageError } from '../base/index.js'
import { type Fd, KernelError } from '../kernel/index.js'
import {
  type Device,
  ETH_HLEN,
  ETH_P,
  Frame,
  ICMP,
  ICMPV6,
  IPPROTO,
  type JourneySink,
  type JourneyStep,
  Journeys,
  type Namespace,
  type ReceivedData,
  type Socket,
  sendIp,
  sumIcmp,
  transmit,
} from '../netdev/index.js'
import { LINK_TYPE, PcapWriter, parseAddress, parseMac, readPackets } from '../packet/index.js'
import type { Subscription } from './hooks/tracepoints.js'
import type { Session } from './session.js'
import { newSocket, openSocket } from './syscalls/sockets.js'

/** A device by name or number, in a namespace (default: the session's own). */
export interface DeviceSelector {
  readonly netns?: Fd
  readonly name?: string
  readonly ifindex?: number
}

export interface PortOptions {
  readonly netns?: Fd
  /** `02:00:00:00:00:01`; default random. */
  readonly mac?: string
  readonly mtu?: number
  readonly queues?: number
  /** Gets each frame that the device sends. Default: they are kept in `sent`. */
  readonly receive?: (frame: Uint8Array) => void
}

export interface UdpOptions {
  readonly netns?: Fd
  readonly to: string
  readonly port: number
  readonly fromPort?: number
  readonly data?: Uint8Array
  readonly ttl?: number
}

export interface PingOptions {
  readonly netns?: Fd
  readonly to: string
  readonly data?: Uint8Array
  readonly ttl?: number
}

/** What came back: an ICMP message. */
export interface PingAnswer {
  readonly from: Uint8Array
  readonly type: number
  readonly code: number
  /** True for an echo reply to this request. */
  readonly reply: boolean
}

export interface BoundSocketOptions {
  readonly netns?: Fd
  readonly protocol: 'udp' | 'tcp'
  /** Default: any. */
  readonly address?: string
  readonly port: number
}

/** A device whose wire ends in the host: frames go in by `send`, what the device sends comes out. */
export class NetworkPort {
  readonly device: Device
  readonly #control: NetworkControl
  /** Frames the device sent and nobody took. */
  readonly sent: Uint8Array[] = []

  constructor(control: NetworkControl, device: Device, receive: ((frame: Uint8Array) => void) | undefined) {
    this.#control = control
    this.device = device
    device.receiver = receive ?? ((frame) => void this.sent.push(frame))
  }

  get ifindex(): number {
    return this.device.ifindex
  }

  /** A frame arrives at the device; everything it causes has happened when this returns. */
  send(frame: Uint8Array, queue = 0): void {
    this.#control.arrive(this.device, frame, queue)
  }

  /** Every Ethernet packet of a capture (pcap or pcapng) arrives, in order; how many did. Throws FormatError. */
  replay(capture: Uint8Array): number {
    let count = 0
    for (const { data } of readPackets(capture)) {
      this.send(data)
      count++
    }
    return count
  }

  /** The frames sent so far as a pcap, which are forgotten. Their times are when they are asked for. */
  takeCapture(): Uint8Array {
    const writer = new PcapWriter({ linkType: LINK_TYPE.ETHERNET })
    const now = this.#control.now()
    for (const data of this.take()) {
      writer.write({ data, timestampNs: now })
    }
    return writer.take().slice()
  }

  /** The frames sent so far, which are forgotten. */
  take(): Uint8Array[] {
    return this.sent.splice(0)
  }
}

/** A local socket: what arrived, and counts. */
export class LocalSocket {
  readonly fd: Fd
  readonly #socket: Socket

  constructor(fd: Fd, socket: Socket) {
    this.fd = fd
    this.#socket = socket
  }

  get packets(): number {
    return this.#socket.packets
  }
  get bytes(): number {
    return this.#socket.bytes
  }
  /** Turned away by a filter, a cgroup program or a full queue. */
  get drops(): number {
    return this.#socket.drops
  }
  get port(): number {
    return this.#socket.localPort
  }

  /** What arrived and was not read yet, which is forgotten. */
  take(): ReceivedData[] {
    return this.#socket.received.splice(0)
  }
}

/** An AF_XDP socket that keeps what it is given. */
export class XskQueue {
  readonly fd: Fd
  readonly frames: Uint8Array[] = []

  constructor(fd: Fd) {
    this.fd = fd
  }
}

const FIRST_PORT = 32768
const HEADROOM = 64
const TAILROOM = 64
const LISTEN = 10

/** What the host may do with the virtual network that Linux has no system calls for. */
export class NetworkControl {
  readonly #session: Session
  #lastPort = FIRST_PORT
  /** Whose packets sendUdp and ping send. */
  readonly #sender = newSocket('udp', 4)

  constructor(session: Session) {
    this.#session = session
  }

  #netns(fd: Fd | undefined): Namespace {
    return this.#session.netnsOf(fd, 'network')
  }

  /** CLOCK_REALTIME, ns. */
  now(): bigint {
    return this.#session.world.machine.clock.realtime()
  }

  /** Throws KernelError ENODEV. */
  device(selector: DeviceSelector): Device {
    const netns = this.#netns(selector.netns)
    const { name, ifindex } = selector
    const device = ifindex === undefined ? netns.byName(name ?? '') : netns.devices.get(ifindex)
    if (device === undefined) {
      throw new KernelError('ENODEV', 'network', { hint: `there is no device '${name ?? ifindex}'` })
    }
    return device
  }

  /** Makes a device whose other end is the host's: it is up. */
  port(name: string, options: PortOptions = {}): NetworkPort {
    const netns = this.#netns(options.netns)
    if (netns.byName(name) !== undefined) throw new KernelError('EEXIST', 'network')
    const { network } = this.#session.world
    const device = network.addDevice(netns, name, {
      kind: 'port',
      mac: options.mac === undefined ? network.randomMac() : parseMac(options.mac),
      mtu: options.mtu,
      queues: options.queues,
    })
    network.bringUp(device)
    return new NetworkPort(this, device, options.receive)
  }

  /** Takes a tun or port device as a port: frames it sends come out. */
  openPort(selector: DeviceSelector, receive?: (frame: Uint8Array) => void): NetworkPort {
    const device = this.device(selector)
    if (device.kind !== 'tun' && device.kind !== 'port') {
      throw new UsageError(`${device.name} is no port`, 'only devices of kind tun, and ports, end in the host')
    }
    return new NetworkPort(this, device, receive)
  }

  /** A frame arrives at a device as from its wire; all it causes has happened on return. */
  inject(selector: DeviceSelector, frame: Uint8Array, queue = 0): void {
    this.arrive(this.device(selector), frame, queue)
  }

  arrive(device: Device, bytes: Uint8Array, queue: number): void {
    const { network } = this.#session.world
    const frame = new Frame(bytes.slice())
    frame.queue = queue
    if (frame.length < ETH_HLEN) return
    device.stats.rxPackets++
    device.stats.rxBytes += frame.length
    network.inject(device, frame)
    network.run()
  }

  /** Sends a frame by a device, as a packet socket does: by its egress hooks. */
  transmit(selector: DeviceSelector, bytes: Uint8Array): void {
    const { network } = this.#session.world
    const frame = new Frame(bytes.slice())
    if (frame.length < ETH_HLEN) throw new KernelError('EINVAL', 'network')
    network.journeys?.number(frame)
    transmit(network, this.device(selector), frame)
    network.run()
  }

  /** Sends the same frame by a device many times, as a packet generator does; they are on their way together. */
  flood(selector: DeviceSelector, bytes: Uint8Array, count: number): void {
    const { network } = this.#session.world
    const device = this.device(selector)
    if (bytes.length < ETH_HLEN) throw new KernelError('EINVAL', 'network')
    // All of them lie in one buffer: making one for each would cost more than sending it.
    const step = (HEADROOM + bytes.length + TAILROOM + 63) & ~63
    const words = new Uint32Array((step * count) >>> 2)
    const slab = new Uint8Array(words.buffer)
    for (let at = HEADROOM; at < slab.length; at += step) {
      slab.set(bytes, at)
      const frame = new Frame(slab, at, at + bytes.length, at - HEADROOM + step)
      frame.words = words
      transmit(network, device, frame)
    }
    network.run()
  }

  /** Sends one UDP datagram. Throws KernelError ENETUNREACH. */
  sendUdp(options: UdpOptions): void {
    const data = options.data ?? new Uint8Array(0)
    const datagram = new Uint8Array(8 + data.length)
    const view = new DataView(datagram.buffer)
    this.#lastPort = this.#lastPort >= 60999 ? FIRST_PORT : this.#lastPort + 1
    view.setUint16(0, options.fromPort ?? this.#lastPort)
    view.setUint16(2, options.port)
    view.setUint16(4, datagram.length)
    datagram.set(data, 8)
    this.#send(options.netns, options.to, IPPROTO.UDP, datagram, options.ttl)
  }

  #send(netns: Fd | undefined, to: string, protocol: number, payload: Uint8Array, ttl: number | undefined): void {
    const { network } = this.#session.world
    this.#sender.cgroupId = this.#session.cgroupId
    const options = { socket: this.#sender, ...(ttl === undefined ? {} : { ttl }) }
    if (!sendIp(network, this.#netns(netns), parseAddress(to), protocol, payload, options)) {
      throw new KernelError('ENETUNREACH', 'network', { hint: `no route to ${to}` })
    }
    network.run()
  }

  /** Sends one echo request; the answer, undefined where none came. Throws KernelError ENETUNREACH. */
  ping(options: PingOptions): PingAnswer | undefined {
    using request = this.startPing(options)
    return request.answer
  }

  /** Sends one echo request and listens until it is disposed: an answer may come when a neighbour was found later. */
  startPing(options: PingOptions): { readonly answer: PingAnswer | undefined } & Disposable {
    const { network } = this.#session.world
    const netns = this.#netns(options.netns)
    const v4 = !options.to.includes(':')
    const data = options.data ?? new Uint8Array(56)
    const message = new Uint8Array(8 + data.length)
    message[0] = v4 ? ICMP.ECHO : ICMPV6.ECHO
    message.set([0x5c, 0xe9, 0, 1], 4)
    message.set(data, 8)
    let answer: PingAnswer | undefined
    const listener = network.onIcmp((seen) => {
      const request = seen.type === ICMP.ECHO || seen.type === ICMPV6.ECHO
      if (seen.netns !== netns || request || answer !== undefined) return
      const reply = seen.type === (v4 ? ICMP.ECHOREPLY : ICMPV6.ECHO_REPLY)
      answer = { from: seen.from, type: seen.type, code: seen.code, reply }
    })
    this.#send(
      options.netns,
      options.to,
      v4 ? IPPROTO.ICMP : IPPROTO.ICMPV6,
      v4 ? sumIcmp(message) : message,
      options.ttl,
    )
    return {
      get answer() {
        return answer
      },
      [Symbol.dispose]: () => listener[Symbol.dispose](),
    }
  }

  /** A UDP socket, or a TCP socket that listens, bound to a port. */
  listen(options: BoundSocketOptions): LocalSocket {
    const netns = this.#netns(options.netns)
    const address = options.address === undefined ? undefined : parseAddress(options.address)
    const socket = newSocket(options.protocol, address?.length === 16 ? 6 : 4)
    if (address !== undefined) socket.localAddress = address
    socket.localPort = options.port
    if (options.protocol === 'tcp') socket.state = LISTEN
    socket.cgroupId = this.#session.cgroupId
    netns.sockets.push(socket)
    return new LocalSocket(openSocket(this.#session, netns, socket), socket)
  }

  /** A packet socket on a device: sees what arrives there, and what it sends. */
  sniff(selector: DeviceSelector): LocalSocket {
    const device = this.device(selector)
    const socket = newSocket('packet', 4, ETH_P.ALL)
    socket.boundIfindex = device.ifindex
    this.#session.world.network.packetSockets++
    device.netns.sockets.push(socket)
    return new LocalSocket(openSocket(this.#session, device.netns, socket), socket)
  }

  /** An AF_XDP socket bound to a queue of a device: its descriptor goes into an XSKMAP. `size`: frames it keeps. */
  xsk(selector: DeviceSelector & { readonly queue?: number; readonly size?: number }): XskQueue {
    const device = this.device(selector)
    const { queue: number = 0, size = 2048 } = selector
    const frames: Uint8Array[] = []
    const socket = {
      device,
      queue: number,
      deliver(frame: Frame): boolean {
        if (frames.length >= size) return false
        frames.push(frame.bytes.slice(frame.start, frame.end))
        return true
      },
    }
    const handle = this.#session.world.addXsk(socket)
    const fd = this.#session.descriptors.add({
      object: { kind: 'xsk', socket, handle },
      readable: true,
      writable: true,
    })
    return Object.assign(new XskQueue(fd), { frames })
  }

  /** Tells `sink` each step of each packet from now on, until it is disposed. */
  watch(sink: (step: JourneyStep, frame: Uint8Array | undefined) => void): Disposable {
    const { network } = this.#session.world
    const journeys = network.journeys ?? new Journeys(() => network.now())
    network.journeys = journeys
    const mine: JourneySink = (step, frame) => sink(step, frame?.data)
    journeys.add(mine)
    return {
      [Symbol.dispose]: () => {
        if (journeys.remove(mine) && network.journeys === journeys) network.journeys = undefined
      },
    }
  }

  /** Listens to tracepoints of the groups xdp and bpf. */
  tracepoints(subscription: Subscription): Disposable {
    return this.#session.world.hooks.subscribe(subscription)
  }

  /** Packets dropped since the beginning, by reason. */
  get drops(): ReadonlyMap<string, number> {
    return this.#session.world.network.drops
  }

  /** What came by a device's qdisc for filters (clsact, ingress) while it had some, and what they dropped. */
  filterCounts(selector: DeviceSelector): { readonly bytes: number; readonly packets: number; readonly drops: number } {
    const { bytes = 0, packets = 0, drops = 0 } = this.device(selector).filterQdisc ?? {}
    return { bytes, packets, drops }
  }

  /** The id that the session's namespace has given to the one of that name (/run/netns/NAME); undefined for none. */
  namespaceId(path: string): number | undefined {
    const other = this.#session.world.netnsNames.get(path)
    return other === undefined ? undefined : this.#netns(undefined).peers.get(other.inode)
  }

  /** net.ipv4.ip_forward or net.ipv6.conf.all.forwarding of a namespace. */
  setForwarding(netns: Fd | undefined, on: boolean): void {
    const { sysctls } = this.#netns(netns)
    sysctls.forwarding4 = on
    sysctls.forwarding6 = on
  }

  /** Moves the session into a cgroup (below /sys/fs/cgroup): sockets made from now on, and packets sent, are its. */
  enterCgroup(path: string): void {
    this.#session.cgroupId = this.#session.world.cgroups.at(path, 'network').id
  }

  /** Counters of a device, those of XDP included. */
  stats(selector: DeviceSelector): Readonly<Device['stats']> {
    return { ...this.device(selector).stats }
  }
}
