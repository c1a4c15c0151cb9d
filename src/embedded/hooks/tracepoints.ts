import type { World } from '../world.js'

/** Tracepoints that fire here. Those of the group bpf are the ones that Linux had until 4.17, and perf's users know. */
export const TRACEPOINT_NAMES = [
  'bpf_map_create',
  'bpf_map_lookup_elem',
  'bpf_map_update_elem',
  'bpf_map_delete_elem',
  'bpf_map_next_key',
  'bpf_obj_get_map',
  'bpf_obj_get_prog',
  'bpf_obj_pin_map',
  'bpf_obj_pin_prog',
  'bpf_prog_load',
  'bpf_prog_put_rcu',
  'xdp_bulk_tx',
  'xdp_cpumap_enqueue',
  'xdp_cpumap_kthread',
  'xdp_devmap_xmit',
  'xdp_exception',
  'xdp_redirect',
  'xdp_redirect_err',
] as const

/** One firing of a tracepoint: `name` without its group, fields as the format names them. */
export interface TraceEvent {
  readonly name: string
  /** CLOCK_MONOTONIC, ns. */
  readonly time: bigint
  readonly cpu: number
  readonly pid: number
  readonly comm: string
  readonly fields: Readonly<Record<string, number | string>>
}

export interface Subscription {
  /** Names it wants: 'xdp_redirect' … */
  readonly names: readonly string[]
  readonly fire: (event: TraceEvent) => void
}

/** Who listens to which tracepoint. */
export class Tracepoints {
  readonly #world: World
  readonly #subscriptions = new Set<Subscription>()
  /** Names that somebody listens to. */
  readonly names = new Set<string>()

  constructor(world: World) {
    this.#world = world
  }

  add(subscription: Subscription): Disposable {
    this.#subscriptions.add(subscription)
    this.#collect()
    return {
      [Symbol.dispose]: () => {
        this.#subscriptions.delete(subscription)
        this.#collect()
      },
    }
  }

  fire(name: string, fields: Readonly<Record<string, number | string>>): void {
    if (!this.names.has(name)) return
    const { machine } = this.#world
    const { pid, comm } = machine.task
    const event: TraceEvent = { name, time: machine.clock.monotonic(), cpu: machine.cpu, pid, comm, fields }
    for (const one of this.#subscriptions) if (one.names.includes(name)) one.fire(event)
  }

  #collect(): void {
    this.names.clear()
    for (const one of this.#subscriptions) for (const name of one.names) this.names.add(name)
  }
}
