import type { ProgObject } from './objects.js'

type Side = 'ingress' | 'egress'

interface Cgroup {
  readonly id: bigint
  readonly ingress: ProgObject[]
  readonly egress: ProgObject[]
}

const ROOT = 1n

/** The cgroup v2 hierarchy, as far as packets need it: its root, to which everything belongs. */
export class Cgroups {
  readonly #all = new Map<bigint, Cgroup>([[ROOT, { id: ROOT, ingress: [], egress: [] }]])

  /** Programs for packets of a socket in this cgroup, in the order they run. */
  programsOf(id: bigint, side: Side): readonly ProgObject[] {
    return this.#all.get(id)?.[side] ?? []
  }

  attach(id: bigint, side: Side, program: ProgObject): void {
    this.#all.get(id)?.[side].push(program)
  }

  /** False if it was not attached. */
  detach(id: bigint, side: Side, program: ProgObject): boolean {
    const list = this.#all.get(id)?.[side] ?? []
    const at = list.indexOf(program)
    if (at < 0) return false
    list.splice(at, 1)
    return true
  }
}
