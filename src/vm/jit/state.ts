import type { CallTable } from '../calls.js'
import { BudgetError } from '../errors.js'
import type { Machine } from '../machine.js'
import { allocCells, type Cells } from './cells.js'
import { TailTargets } from './tail-targets.js'

/** Most fuel handed out at once: it must fit 31 bits. */
const GRANT = 1 << 30

export interface JitOptions {
  /**
   * Test addresses before they are used, so that NULL and forged pointers are errors that name instruction and address.
   * Default true. Without it they trap where no memory is, and read or write the machine's own memory where there is.
   */
  readonly checked?: boolean
  /** Count instructions at loops, so that `machine.budget` ends a run. Default true. */
  readonly counted?: boolean
  /** Blind the program's constants (bpf_jit_harden), asked whenever a program is compiled. Default: no. */
  readonly blinded?: () => boolean
  /** Use WebAssembly's tail calls. Default: where the host has them. */
  readonly tailCalls?: boolean
}

/** What the compiled programs of one machine share. */
export class JitState {
  readonly machine: Machine
  readonly calls: CallTable
  readonly cells: Cells
  readonly options: JitOptions
  readonly targets: TailTargets
  /** Runs and calls of functions that are going on. */
  depth = 0
  /** Programs compiled so far: their numbers in names. */
  count = 0
  /** Fuel that was handed out and is not yet taken from the budget. */
  #granted = 0
  /** Of runs around the current one: what was handed out to them and what they have left. */
  readonly #outer: number[] = []

  constructor(machine: Machine, calls: CallTable, options: JitOptions) {
    this.machine = machine
    this.calls = calls
    this.options = options
    this.cells = allocCells(machine)
    this.targets = new TailTargets(this)
  }

  /** Random bits for a blinded constant. */
  readonly random = (): number => this.machine.random.u32() | 0

  /** Hands out fuel for a run. */
  beginRun(): void {
    const { i32 } = this.machine.memory
    const at = this.cells.fuel >>> 2
    if (this.depth > 1) this.#outer.push(this.#granted, i32[at]!)
    this.#granted = Math.min(this.machine.budget, GRANT) | 0
    i32[at] = this.#granted
  }

  /** Takes what a run used from the budget. */
  endRun(): void {
    const { i32 } = this.machine.memory
    const at = this.cells.fuel >>> 2
    this.machine.budget -= this.#granted - i32[at]!
    if (this.depth > 1) {
      i32[at] = this.#outer.pop()!
      this.#granted = this.#outer.pop()!
    }
  }

  /** More fuel for a loop that has `left` (less than none). Throws BudgetError when the budget is used up. */
  refuel(program: string, pc: number, left: number): number {
    const { machine } = this
    machine.budget -= this.#granted - left
    this.#granted = machine.budget < 0 ? 0 : Math.min(machine.budget, GRANT) | 0
    machine.memory.i32[this.cells.fuel >>> 2] = this.#granted
    if (machine.budget < 0) throw new BudgetError({ program, pc })
    return this.#granted
  }

  /** Counts instructions that the host has run, such as calls of a callback. */
  burn(program: string, pc: number, cost: number): void {
    const at = this.cells.fuel >>> 2
    const { i32 } = this.machine.memory
    const left = i32[at]! - cost
    i32[at] = left
    if (left < 0) this.refuel(program, pc, left)
  }
}
