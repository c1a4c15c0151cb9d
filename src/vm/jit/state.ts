import type { CallTable } from '../calls.js'
import { BudgetError } from '../errors.js'
import type { Machine } from '../machine.js'
import { allocCells, type Cells } from './cells.js'
import { ModuleCache } from './module-cache.js'
import { TailTargets } from './tail-targets.js'

/** The fuel of a run without a budget: no run lives to burn it. */
const MOST = Number.MAX_SAFE_INTEGER

export interface JitOptions {
  /**
   * Test addresses before they are used, so that NULL and forged pointers are errors that name instruction and address.
   * Default true. Without it they trap where no memory is, and read or write the machine's own memory where there is.
   */
  readonly checked?: boolean
  /** Count instructions at loops, so that `machine.budget` ends a run. Default: in programs that were not verified. */
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
  readonly modules: ModuleCache
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
    this.modules = new ModuleCache(machine)
  }

  /** Random bits for a blinded constant. */
  readonly random = (): number => this.machine.random.u32() | 0

  /** Hands a run the budget as fuel. */
  beginRun(): void {
    if (this.depth > 1) this.#outer.push(this.#granted, this.#left())
    this.#grant(this.machine.budget)
  }

  /** Takes what a run used from the budget. */
  endRun(): void {
    this.machine.budget -= this.#granted - this.#left()
    if (this.depth > 1) {
      const left = this.#outer.pop()!
      this.#granted = this.#outer.pop()!
      this.#setLeft(left)
    }
  }

  /** Counts instructions that the host has run, such as calls of a callback. Throws BudgetError. */
  burn(program: string, pc: number, cost: number): void {
    const left = this.#left() - cost
    this.#setLeft(left)
    if (left < 0) throw new BudgetError({ program, pc })
  }

  #grant(fuel: number): void {
    this.#granted = Math.min(fuel, MOST)
    this.#setLeft(this.#granted)
  }

  #left(): number {
    const { i32 } = this.machine.memory
    const at = this.cells.fuel >>> 2
    return i32[at + 1]! * 0x1_0000_0000 + (i32[at]! >>> 0)
  }

  #setLeft(left: number): void {
    const { i32 } = this.machine.memory
    const at = this.cells.fuel >>> 2
    const high = Math.floor(left / 0x1_0000_0000)
    i32[at] = left - high * 0x1_0000_0000
    i32[at + 1] = high
  }
}
