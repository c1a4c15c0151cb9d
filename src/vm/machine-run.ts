import { InvariantError } from '../base/index.js'
import { WasmInterpreter } from './interpreter/wasm-interpreter.js'
import type { LoadedProgram, Machine } from './machine.js'
import type { Addr, Engine, ProgramImage } from './types.js'

export interface RawRunOptions {
  /** Instructions the program may execute; BudgetError beyond. Default: no limit. */
  readonly budget?: number
  /** Default: an interpreter. */
  readonly engine?: Engine
  /** Name in errors. Default `raw`. */
  readonly name?: string
}

export interface RawRunResult {
  readonly r0: bigint
  /** The memory after the run. */
  readonly mem: Uint8Array
}

/** One interpreter for all bare runs of a machine: each has a stack in its memory. */
const interpreters = new WeakMap<Machine, WasmInterpreter>()

function interpreterOf(machine: Machine): WasmInterpreter {
  const known = interpreters.get(machine) ?? new WasmInterpreter(machine)
  interpreters.set(machine, known)
  return known
}

/** An image of bare instructions: no references, no type. */
export function rawImage(machine: Machine, insns: Uint8Array, name = 'raw'): ProgramImage {
  return {
    name,
    type: 0,
    expectedAttachType: 0,
    insns,
    refs: new Map(),
    handle: machine.createHandle(undefined),
    hasFrags: false,
    sleepable: false,
  }
}

/**
 * Runs bare instructions on a copy of `mem`: r1 is its address (0 when it is empty), r2 its length, r10 the frame pointer.
 * Throws FormatError('insns') or UnsupportedError for what cannot be run, BudgetError, MemoryFault and ExecutionError from
 * the run. What it allocates is freed. Nothing keeps such a program from writing over the machine: use one for itself.
 */
export function runRaw(
  machine: Machine,
  insns: Uint8Array,
  mem: Uint8Array,
  options: RawRunOptions = {},
): RawRunResult {
  const engine = options.engine ?? interpreterOf(machine)
  const image = rawImage(machine, insns, options.name)
  const budget = machine.budget
  const addr = mem.length === 0 ? 0 : machine.memory.alloc(mem.length)
  let program: LoadedProgram | undefined
  try {
    machine.memory.write(addr, mem)
    if (options.budget !== undefined) machine.budget = options.budget
    program = machine.install(image, engine)
    program.runner.call(0, Int32Array.of(addr, 0, mem.length, 0, 0, 0, 0, 0, 0, 0))
    const r0 = (BigInt(machine.r0hi >>> 0) << 32n) | BigInt(machine.r0lo >>> 0)
    return { r0, mem: machine.memory.read(addr, mem.length) }
  } finally {
    machine.budget = budget
    giveBack(machine, addr, program, image)
  }
}

/** Frees what a run allocated. A program that no verifier has seen may have written over the allocator's records. */
function giveBack(machine: Machine, addr: Addr, program: LoadedProgram | undefined, image: ProgramImage): void {
  try {
    machine.memory.free(addr)
    if (program === undefined) machine.freeHandle(image.handle)
    else machine.uninstall(program)
  } catch (error) {
    if (!(error instanceof InvariantError)) throw error
  }
}
