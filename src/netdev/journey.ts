import type { Device } from './device.js'
import type { Frame } from './frame.js'

/** One step of a packet. */
export interface JourneyStep {
  /** Number of the packet, from 1. */
  readonly packet: number
  /** Clone of this packet, at its first step. */
  readonly parent?: number
  /** CLOCK_MONOTONIC, ns. */
  readonly time: bigint
  /** Inode of the namespace, device and its number there. */
  readonly netns: number
  readonly device: string
  readonly ifindex: number
  /** Where: 'driver', 'xdp', 'tcx', 'tc', 'bridge', 'ip', 'socket', 'qdisc', 'port' … */
  readonly hook: string
  /** What happened: 'receive', 'program', 'redirect', 'forward', 'deliver', 'transmit', 'drop', 'reply', 'clone', 'down'. */
  readonly what: string
  readonly mode?: string
  readonly program?: { readonly id: number; readonly name: string }
  readonly verdict?: string
  readonly target?: string
  /** SKB_DROP_REASON_*, or what XDP calls it. */
  readonly reason?: string
  readonly note?: string
  readonly length: number
  /** Bytes a program changed. */
  readonly changes?: readonly { readonly offset: number; readonly before: string; readonly after: string }[]
}

/** What a step adds to where it happened. */
export type StepDetails = Omit<Partial<JourneyStep>, 'packet' | 'time' | 'netns' | 'device' | 'ifindex' | 'length'> & {
  readonly hook: string
  readonly what: string
}

/** Gets each step, and the packet as it is then. */
export type JourneySink = (step: JourneyStep, frame: Frame | undefined) => void

/** Tells packets' ways to whoever wants to know. */
export class Journeys {
  readonly #sinks = new Set<JourneySink>()
  readonly #now: () => bigint
  #last = 0

  constructor(now: () => bigint) {
    this.#now = now
  }

  add(sink: JourneySink): void {
    this.#sinks.add(sink)
  }

  /** True if nobody listens any more. */
  remove(sink: JourneySink): boolean {
    this.#sinks.delete(sink)
    return this.#sinks.size === 0
  }

  #tell(step: JourneyStep, frame: Frame | undefined): void {
    for (const sink of this.#sinks) sink(step, frame)
  }

  /** Numbers a new packet. */
  begin(frame: Frame, device: Device, parent?: number): void {
    frame.packet = ++this.#last
    const details = { hook: 'driver', what: parent === undefined ? 'receive' : 'clone' }
    this.step(device, frame, parent === undefined ? details : { ...details, parent })
  }

  /** Numbers a packet that starts here, without a step. */
  number(frame: Frame): void {
    frame.packet = ++this.#last
  }

  step(device: Device, frame: Frame, details: StepDetails): void {
    if (frame.packet === 0) this.number(frame)
    const { netns, name, ifindex } = device
    const place = { packet: frame.packet, time: this.#now(), netns: netns.inode, device: name, ifindex }
    this.#tell({ ...place, length: frame.length, ...details }, frame)
  }

  /** Something that is not about a packet. */
  note(device: Device, what: string): void {
    const { netns, name, ifindex } = device
    const place = { packet: 0, time: this.#now(), netns: netns.inode, device: name, ifindex }
    this.#tell({ ...place, length: 0, hook: 'device', what }, undefined)
  }
}
