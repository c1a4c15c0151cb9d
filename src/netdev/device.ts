import type { BridgeState } from './bridge-state.js'
import type { Frame } from './frame.js'
import type { Namespace } from './namespace.js'
import { ARPHRD, IFF, OPER } from './numbers.js'
import { emptyList, type ProgramList } from './program-list.js'
import type { FilterQdisc } from './qdisc.js'
import { type DeviceStats, noStats } from './stats.js'
import type { XdpSlots } from './xdp-slots.js'

export type DeviceKind = 'veth' | 'dummy' | 'bridge' | 'vlan' | 'ifb' | 'netdevsim' | 'tun' | 'port' | 'bond'

/** What a host does with the frames a port device sends. */
export type PortReceiver = (frame: Uint8Array) => void

interface RootQdisc {
  readonly kind: string
  readonly handle: number
  readonly parent: number
}

/** A network device: plain state. What happens to frames is in receive.ts and transmit.ts. */
export class Device {
  netns: Namespace
  ifindex: number
  name: string
  readonly kind: DeviceKind | undefined
  readonly loopback: boolean
  /** IFF_UP and the flags that do not follow from other state. */
  flags: number
  mtu: number
  readonly minMtu: number
  readonly maxMtu: number
  mac: Uint8Array
  readonly broadcast: Uint8Array
  readonly rxQueues: number
  readonly txQueues: number
  txQueueLength: number
  group = 0
  promiscuity = 0
  groMaxSize = 65536
  /** veth: frames that lie in its ring until it is woken. */
  readonly ring: Frame[] = []
  /** veth: the other end. */
  peer: Device | undefined
  /** vlan: the device it stands on. */
  lower: Device | undefined
  readonly vlan: { readonly id: number; readonly protocol: number } | undefined
  /** VLAN devices on this one, by protocol and id. */
  readonly vlans = new Map<number, Device>()
  master: Device | undefined
  readonly bridge: BridgeState | undefined
  readonly xdp: XdpSlots = { driver: undefined, generic: undefined, hardware: undefined }
  readonly tcx: { readonly ingress: ProgramList; readonly egress: ProgramList } = {
    ingress: emptyList(),
    egress: emptyList(),
  }
  filterQdisc: FilterQdisc | undefined
  wasUp = false
  /** There was such a qdisc, if only in the past. */
  hadFilterQdisc = false
  readonly rootQdisc: RootQdisc[] = []
  readonly features: Map<string, boolean>
  readonly stats: DeviceStats = noStats()
  /** Ports: where sent frames go. */
  receiver: PortReceiver | undefined
  /** net.ipv4.conf.DEV.forwarding, net.ipv6.conf.DEV.forwarding; undefined: as the namespace. */
  forwarding4: boolean | undefined
  forwarding6: boolean | undefined

  constructor(
    netns: Namespace,
    ifindex: number,
    name: string,
    options: {
      readonly kind: DeviceKind | undefined
      readonly mac: Uint8Array
      readonly mtu?: number | undefined
      readonly queues?: number | undefined
      readonly vlan?: { readonly id: number; readonly protocol: number } | undefined
      readonly bridge?: BridgeState | undefined
    },
  ) {
    const { kind } = options
    this.netns = netns
    this.ifindex = ifindex
    this.name = name
    this.kind = kind
    this.loopback = kind === undefined
    this.mac = options.mac
    this.broadcast = new Uint8Array(6).fill(this.loopback ? 0 : 0xff)
    this.flags = this.loopback ? IFF.LOOPBACK : IFF.BROADCAST | IFF.MULTICAST
    if (kind === 'dummy' || kind === 'netdevsim' || kind === 'ifb') this.flags = IFF.BROADCAST | IFF.NOARP
    this.minMtu = this.loopback ? 0 : kind === 'dummy' ? 0 : 68
    this.maxMtu = this.loopback || kind === 'dummy' ? 0 : 65535
    this.mtu = options.mtu ?? (this.loopback ? 65536 : 1500)
    this.rxQueues = this.txQueues = options.queues ?? 1
    this.txQueueLength = kind === 'ifb' ? 32 : 1000
    this.vlan = options.vlan
    this.bridge = options.bridge
    // A pair of veths gets no GRO unless somebody asks for it: Linux 6.18 leaves it off.
    this.features = new Map([
      ['rx-gro', kind !== 'veth'],
      ['tx-scatter-gather', true],
      ['tx-checksum-ip-generic', true],
      ['tx-tcp-segmentation', true],
      // Tags go beside the frame from one end of a pair to the other until that is switched off.
      ['rx-vlan-hw-parse', kind === 'veth'],
      ['tx-vlan-hw-insert', kind === 'veth'],
      ...(kind === 'netdevsim' ? ([['hw-tc-offload', false]] as const) : []),
    ])
    this.resetRootQdisc()
  }

  resetRootQdisc(): void {
    const queue = this.kind === 'ifb' || this.kind === 'tun' || this.kind === 'port' ? 'pfifo_fast' : 'noqueue'
    this.rootQdisc.splice(0, this.rootQdisc.length, { kind: queue, handle: 0, parent: 0xffff_ffff })
  }

  get up(): boolean {
    return (this.flags & IFF.UP) !== 0
  }

  /** Whether what it stands on can carry frames. */
  get carrier(): boolean {
    if (this.kind === 'veth') return this.up && this.peer?.up === true
    if (this.kind === 'vlan') return this.lower?.carrier === true
    if (this.kind === 'bridge') return this.bridge?.ports.some((port) => port.up && port.carrier) ?? false
    return true
  }

  /** IFF_* as user space sees them: with RUNNING and LOWER_UP. */
  get allFlags(): number {
    if (!this.up) return this.flags
    return this.carrier ? this.flags | IFF.RUNNING | IFF.LOWER_UP : this.flags
  }

  get operstate(): number {
    if (!this.up) return OPER.DOWN
    if (this.loopback || this.kind === 'dummy' || this.kind === 'netdevsim' || this.kind === 'ifb') return OPER.UNKNOWN
    if (this.carrier) return OPER.UP
    // Of a pair in two namespaces with the same number Linux takes the device for its own lower one.
    const own = (this.peer ?? this.lower)?.ifindex === this.ifindex
    return (this.kind === 'veth' || this.kind === 'vlan') && !own ? OPER.LOWERLAYERDOWN : OPER.DOWN
  }

  get arpType(): number {
    return this.loopback ? ARPHRD.LOOPBACK : ARPHRD.ETHER
  }

  /** Whether the driver runs XDP itself. */
  get nativeXdp(): boolean {
    return this.kind === 'veth' || this.kind === 'netdevsim' || this.kind === 'tun' || this.kind === 'port'
  }

  /** Whether the device runs programs itself. */
  get offloads(): boolean {
    return this.kind === 'netdevsim'
  }

  get gro(): boolean {
    return this.features.get('rx-gro') === true
  }

  /** True where a veth receives by NAPI: it then takes frames that others redirect to its peer. */
  get hasNapi(): boolean {
    return this.up && (this.gro || this.xdp.driver !== undefined)
  }

  /** The queue comes with the first time a device is up. */
  get qdiscName(): string {
    const kind = this.rootQdisc[0]?.kind ?? 'noop'
    return kind === 'noqueue' && !this.up && !this.wasUp ? 'noop' : kind
  }

  // What helpers of programs ask of a device.

  get hasMacHeader(): boolean {
    return true
  }
  get forwardIpv4(): boolean {
    return this.forwarding4 ?? this.netns.sysctls.forwarding4
  }
  get forwardIpv6(): boolean {
    return this.forwarding6 ?? this.netns.sysctls.forwarding6
  }
}
