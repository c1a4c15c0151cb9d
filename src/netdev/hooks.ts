import type { Device } from './device.js'
import type { Frame } from './frame.js'
import type { HookProgram } from './program.js'
import type { ListEntry } from './program-list.js'
import type { Classifier } from './qdisc.js'
import type { Socket } from './sockets.js'

/** Where a tc program wants its packet to go. */
export interface RedirectTarget {
  readonly kind: 'none' | 'ifindex' | 'map' | 'peer' | 'neigh'
  readonly ifindex: number
  readonly flags: number
  /** neigh: the next hop, where the program gave one. */
  readonly nextHop: Uint8Array | undefined
}

/** An AF_XDP socket: bound to a queue of a device. */
export interface XskSocket {
  readonly device: Device
  readonly queue: number
  /** False where its ring is full. */
  deliver(frame: Frame): boolean
}

/** Where an XDP program wants its packet to go. One object is reused for all packets. */
export interface XdpTarget {
  readonly kind: 'none' | 'device' | 'cpu' | 'socket'
  /** The device; undefined where there is none of that number. */
  readonly device: Device | undefined
  /** The program of the map's entry. */
  readonly program: HookProgram | undefined
  readonly xsk: XskSocket | undefined
  readonly broadcast: boolean
  /** Broadcast: all devices of the map. */
  readonly entries: readonly { readonly device: Device; readonly program: HookProgram | undefined }[]
  readonly ifindex: number
  readonly flags: number
  readonly mapType: string | undefined
  readonly mapId: number
  readonly key: number
}

/** What a list of programs at a tc hook decided. */
export interface TcResult {
  /** TC_ACT_*; TC_ACT_UNSPEC: nobody decided. */
  readonly verdict: number
  readonly program: HookProgram | undefined
  /** What tc_index becomes where the packet goes on. */
  readonly classid: number
}

/** A copy that bpf_clone_redirect sends. */
export interface CloneRequest {
  readonly frame: Frame
  readonly ifindex: number
  readonly ingress: boolean
}

/** Where a program of a socket or route sees the packet start. */
export type SkbStart = 'mac' | 'network' | 'transport'

/** Runs programs on frames. Whoever implements it changes the frame as the program did. */
export interface PacketHooks {
  /** Runs an XDP program; its verdict. `egress`: run for a devmap entry, before that device. */
  xdp(program: HookProgram, device: Device, frame: Frame, egress?: Device): number
  /** Where the XDP program that ran last wants its packet to go. */
  xdpTarget(device: Device): XdpTarget
  /** Runs tcx programs in order until one decides. */
  tcx(entries: readonly ListEntry[], device: Device, frame: Frame, ingress: boolean): TcResult
  /** Runs the classifiers of a place. */
  tc(classifiers: readonly Classifier[], device: Device, frame: Frame, ingress: boolean): TcResult
  /** Where the tc or lwt program that ran last wants its packet to go. */
  readonly tcRedirect: RedirectTarget
  /** Copies that the programs that ran last sent. */
  takeClones(): readonly CloneRequest[]
  /** A socket filter's answer: bytes to keep, 0 to drop. */
  socketFilter(program: HookProgram, socket: Socket, device: Device, frame: Frame, start: SkbStart): number
  /** cgroup_skb programs of a socket's cgroup: false to drop. */
  cgroupSkb(socket: Socket | undefined, device: Device, frame: Frame, ingress: boolean): boolean
  /** A program of a route: BPF_OK 0, BPF_DROP 2, BPF_REDIRECT 7, BPF_LWT_REROUTE 128. */
  lwt(program: HookProgram, place: 'in' | 'out' | 'xmit', device: Device, frame: Frame): number
  /** Runs work as another CPU. */
  onCpu(cpu: number, work: () => void): void
  /** Tracepoints of the xdp group that somebody listens to. */
  readonly traced: ReadonlySet<string>
  tracepoint(name: string, fields: Readonly<Record<string, number | string>>): void
  /** Nothing is left to do for now. */
  idle(): void
}
