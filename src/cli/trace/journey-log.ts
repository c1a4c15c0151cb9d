import type { JourneyStep, NetworkControl } from '../../embedded/index.js'
import { summarizePacket } from '../../packet/index.js'

/** A packet's way, from its first step to its last. */
export interface Journey {
  readonly packet: number
  readonly parent: number | undefined
  /** One line of what it is, when it was seen first. */
  readonly summary: string
  readonly steps: JourneyStep[]
  /** Its bytes when it was seen last. */
  bytes: Uint8Array
}

export interface TraceCounts {
  packets: number
  steps: number
  readonly verdicts: Map<string, number>
  readonly drops: Map<string, number>
  readonly redirects: Map<string, number>
  readonly delivered: Map<string, number>
}

/** Gathers the steps of packets while it is open. `done` gets the journeys in order when `flush` says that all is quiet. */
export class JourneyLog implements Disposable {
  readonly counts: TraceCounts = {
    packets: 0,
    steps: 0,
    verdicts: new Map(),
    drops: new Map(),
    redirects: new Map(),
    delivered: new Map(),
  }
  readonly #watch: Disposable
  readonly #open = new Map<number, Journey>()

  constructor(network: NetworkControl) {
    this.#watch = network.watch((step, bytes) => this.#step(step, bytes))
  }

  /** The journeys since the last call. */
  flush(): Journey[] {
    const journeys = [...this.#open.values()].sort((a, b) => a.packet - b.packet)
    this.#open.clear()
    return journeys
  }

  get waiting(): boolean {
    return this.#open.size > 0
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]()
  }

  #step(step: JourneyStep, bytes: Uint8Array | undefined): void {
    if (step.packet === 0 || bytes === undefined) return
    let journey = this.#open.get(step.packet)
    if (journey === undefined) {
      journey = { packet: step.packet, parent: step.parent, summary: summary(bytes), steps: [], bytes: bytes.slice() }
      this.#open.set(step.packet, journey)
      this.counts.packets++
    }
    journey.steps.push(step)
    journey.bytes = bytes.slice()
    this.#count(step)
  }

  #count(step: JourneyStep): void {
    const { counts } = this
    counts.steps++
    const add = (map: Map<string, number>, key: string): void => void map.set(key, (map.get(key) ?? 0) + 1)
    if (step.what === 'program') add(counts.verdicts, `${step.program?.name ?? '?'} ${step.verdict ?? ''}`)
    if (step.what === 'drop') add(counts.drops, step.reason ?? '')
    if (step.what === 'redirect') add(counts.redirects, step.target ?? '')
    if (step.what === 'deliver') add(counts.delivered, `${step.device} ${step.target ?? step.hook}`)
  }
}

function summary(bytes: Uint8Array): string {
  try {
    return summarizePacket(bytes)
  } catch {
    return `${bytes.length} bytes`
  }
}
