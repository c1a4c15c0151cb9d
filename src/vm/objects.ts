import type { Machine } from './machine.js'
import { releaseFields } from './special-fields.js'
import type { Addr, SpecialField } from './types.js'

interface ObjectRecord {
  readonly fields: readonly SpecialField[]
  /** Per-CPU objects: bytes from one CPU's copy to the next one's; 0 for others. */
  readonly stride: number
  /** Offset of its bpf_refcount; -1: it has one owner. */
  readonly refcount: number
}

/** Objects that programs allocate (bpf_obj_new, bpf_percpu_obj_new) and what happens to them in lists, trees and kptrs. */
export class Objects {
  readonly #machine: Machine
  readonly #records = new Map<Addr, ObjectRecord>()

  constructor(machine: Machine) {
    this.#machine = machine
  }

  /** Number of live objects. */
  get count(): number {
    return this.#records.size
  }

  /** A zeroed object with its special fields made ready. Throws OutOfMemoryError. */
  create(size: number, fields: readonly SpecialField[] = []): Addr {
    const addr = this.#machine.memory.alloc(size)
    const refcount = fields.find((field) => field.kind === 'refcount')?.offset ?? -1
    if (refcount >= 0) this.#machine.memory.u32[(addr + refcount) >>> 2] = 1
    this.#records.set(addr, { fields, stride: 0, refcount })
    return addr
  }

  /** A zeroed object with a copy for every CPU. */
  createPerCpu(size: number): Addr {
    const stride = Math.ceil(size / 8) * 8
    const addr = this.#machine.memory.alloc(stride * this.#machine.cpus)
    this.#records.set(addr, { fields: [], stride, refcount: -1 })
    return addr
  }

  /** A CPU's copy of a per-CPU object; other objects have one for all. */
  copyOf(addr: Addr, cpu: number): Addr {
    return addr + (this.#records.get(addr)?.stride ?? 0) * cpu
  }

  /** Another reference to a refcounted object. */
  acquire(addr: Addr): void {
    const record = this.#records.get(addr)
    const u32 = this.#machine.memory.u32
    if (record !== undefined && record.refcount >= 0) u32[(addr + record.refcount) >>> 2]!++
  }

  /** Gives up a reference; the last one frees the object. Nothing happens for what is no object of a program. */
  drop(addr: Addr): void {
    const record = this.#records.get(addr)
    if (record === undefined) return
    const { memory } = this.#machine
    if (record.refcount >= 0) {
      const left = memory.u32[(addr + record.refcount) >>> 2]! - 1
      memory.u32[(addr + record.refcount) >>> 2] = left
      if (left > 0) return
    }
    this.#records.delete(addr)
    releaseFields(
      this.#machine,
      record.fields.filter((field) => field.kind !== 'refcount'),
      addr,
    )
    memory.free(addr)
  }

  /** The object around an address of one of its fields. */
  around(addr: Addr): Addr {
    return this.#machine.memory.startOf(addr)
  }
}
