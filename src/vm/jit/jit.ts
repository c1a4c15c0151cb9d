import { type CallTable, callTable } from '../calls.js'
import { BpfException, callError, ExecutionError, MemoryFault } from '../errors.js'
import { decodeProgram, positionOf } from '../interpreter/decode.js'
import { WasmInterpreter } from '../interpreter/wasm-interpreter.js'
import type { Machine } from '../machine.js'
import type { Addr, Engine, ProgramImage, Runner } from '../types.js'
import { FRAME_SIZE, MAX_FRAMES } from './cells.js'
import { type JitImage, jitImage } from './image.js'
import { type LinkedModule, linkProgram } from './link.js'
import { type JitOptions, JitState } from './state.js'

interface Entry {
  readonly module: LinkedModule
  readonly run: (ctx: number) => number
  readonly repeat: (ctx: number, count: number, fuel: number) => number
  /** Absent in programs that do not run on packets. */
  readonly burst: ((plan: number, from: number, to: number, fuel: number) => number) | undefined
  readonly managed: boolean
}

/** Runs one image as WebAssembly, compiled when it first runs. */
export class JitRunner implements Runner {
  readonly #state: JitState
  readonly #image: ProgramImage
  readonly #fallback: () => Runner
  #entry: Entry | undefined
  /** The interpreter's, where the host does not take the module. */
  #other: Runner | undefined
  readonly #functions = new Map<number, { readonly module: LinkedModule; readonly call: () => void }>()

  constructor(state: JitState, image: ProgramImage, fallback: () => Runner) {
    this.#state = state
    this.#image = image
    this.#fallback = fallback
  }

  /** The wasm function (r1, frame) -> r0; undefined where it could not be compiled. */
  get entry(): unknown {
    return this.#compiled()?.module.exports['entry']
  }

  /** The compiled module; undefined where it could not be compiled. */
  image(): JitImage | undefined {
    const compiled = this.#compiled()?.module.compiled
    return compiled === undefined ? undefined : jitImage(compiled)
  }

  /** Compiles the program if it has not been yet. */
  compile(): void {
    this.#compiled()
  }

  run(ctx: Addr): void {
    const entry = this.#entry ?? this.#compiled()
    if (entry === undefined) {
      this.#other!.run(ctx)
      return
    }
    const state = this.#state
    const { machine, cells } = state
    if (!entry.managed) {
      const { image } = machine
      machine.image = this.#image
      try {
        machine.r0lo = entry.run(ctx)
      } catch (error) {
        throw this.#caught(error)
      } finally {
        machine.image = image
      }
      machine.r0hi = machine.memory.i32[(cells.result >>> 2) + 1]!
      return
    }
    this.#managed(() => {
      machine.memory.i32[cells.tailCalls >>> 2] = 0
      state.beginRun()
      try {
        machine.r0lo = entry.run(ctx)
      } finally {
        state.endRun()
      }
      machine.r0hi = machine.memory.i32[(cells.result >>> 2) + 1]!
    })
  }

  repeat(ctx: Addr, count: number): void {
    const entry = this.#compiled()
    const { machine, cells } = this.#state
    const { budget } = machine
    // The driver hands out fuel itself, the same for every run: budgets beyond that are counted run by run.
    if (entry === undefined || (entry.managed && budget > 0x3fff_ffff)) {
      for (let run = 0; run < count; run++) {
        machine.budget = budget
        this.run(ctx)
      }
      return
    }
    this.#managed(() => {
      this.#state.beginRun()
      try {
        machine.r0lo = entry.repeat(ctx, count, Math.min(budget, 0x3fff_ffff) | 0)
      } finally {
        this.#state.endRun()
      }
      machine.r0hi = machine.memory.i32[(cells.result >>> 2) + 1]!
    })
  }

  dispose(): void {
    this.#other?.dispose?.()
  }

  burst(plan: Addr, from: number, to: number): number {
    const run = this.#compiled()?.burst
    const { machine } = this.#state
    const { budget } = machine
    // The driver hands out fuel itself, see `repeat`.
    if (run === undefined || budget > 0x3fff_ffff) return from
    let stopped = from
    this.#managed(() => {
      this.#state.beginRun()
      try {
        stopped = run(plan, from, to, budget | 0)
      } finally {
        this.#state.endRun()
      }
    })
    return stopped
  }

  /** May it leave by bpf_throw? Then each run ends by itself. */
  #throws(): boolean {
    return [...(this.#image.kfuncs?.values() ?? [])].includes('bpf_throw')
  }

  call(slot: number, args: Int32Array): void {
    const state = this.#state
    const { machine, cells } = state
    const { memory } = machine
    const code = this.#functions.get(slot) ?? this.#function(slot)
    if (code === undefined) {
      this.#other!.call(slot, args)
      return
    }
    const frame = memory.u32[cells.frame >>> 2]!
    if (frame < cells.stackLimit + MAX_FRAMES * FRAME_SIZE) {
      throw new ExecutionError({ program: this.#image.name, pc: slot }, 'too many nested calls')
    }
    for (let i = 0; i < 10; i++) memory.i32[(cells.args >>> 2) + i] = args[i] ?? 0
    this.#managed(() => {
      // A callback uses the fuel of the run it is part of.
      const outermost = state.depth === 1
      if (outermost) state.beginRun()
      try {
        state.burn(this.#image.name, slot, 2)
        code.call()
      } finally {
        if (outermost) state.endRun()
      }
      machine.r0lo = machine.memory.i32[cells.result >>> 2]!
      machine.r0hi = machine.memory.i32[(cells.result >>> 2) + 1]!
    })
  }

  /** Runs compiled code that may run other code, and puts the stack and the number of tail calls back. */
  #managed(run: () => void): void {
    const state = this.#state
    const { machine, cells } = state
    const { image } = machine
    const frame = machine.memory.u32[cells.frame >>> 2]!
    const tailCalls = machine.memory.u32[cells.tailCalls >>> 2]!
    state.depth++
    machine.image = this.#image
    try {
      run()
    } catch (error) {
      machine.memory.u32[cells.frame >>> 2] = frame
      if (!(error instanceof BpfException && state.depth === 1)) throw this.#caught(error)
      this.#exception(error)
    } finally {
      state.depth--
      machine.memory.u32[cells.tailCalls >>> 2] = tailCalls
      machine.image = image
    }
  }

  /** bpf_throw: the cookie is the result, or what the program's exception callback makes of it. */
  #exception({ cookieLo, cookieHi }: BpfException): void {
    const { machine } = this.#state
    const callback = this.#image.exceptionCallback
    machine.r0lo = cookieLo
    machine.r0hi = cookieHi
    if (callback !== undefined) this.call(callback, Int32Array.of(cookieLo, cookieHi))
  }

  #compiled(): Entry | undefined {
    if (this.#entry !== undefined || this.#other !== undefined) return this.#entry
    try {
      const module = linkProgram(this.#state, this.#image)
      const { exports, compiled } = module
      this.#entry = {
        module,
        run: exports['run'] as Entry['run'],
        repeat: exports['repeat'] as Entry['repeat'],
        burst: this.#throws() ? undefined : (exports['burst'] as Entry['burst']),
        managed: compiled.managed,
      }
      for (const slot of compiled.callable) {
        this.#functions.set(slot, { module, call: exports[`call${slot}`] as () => void })
      }
    } catch (error) {
      this.#fallBack(error)
    }
    return this.#entry
  }

  #function(slot: number): { readonly module: LinkedModule; readonly call: () => void } | undefined {
    if (this.#other !== undefined) return undefined
    positionOf(decodeProgram(this.#image, this.#state.calls), slot)
    try {
      const module = linkProgram(this.#state, this.#image, slot)
      const code = { module, call: module.exports[`call${slot}`] as () => void }
      this.#functions.set(slot, code)
      return code
    } catch (error) {
      this.#fallBack(error)
      return undefined
    }
  }

  /** Engines refuse functions of more than some megabytes: those are interpreted. */
  #fallBack(error: unknown): void {
    if (!(error instanceof WebAssembly.CompileError)) throw error
    this.#other = this.#fallback()
  }

  /** An error on its way out, as callers see it: traps become the errors that the interpreter throws. */
  #caught(error: unknown): unknown {
    const { name } = this.#image
    if (error instanceof WebAssembly.RuntimeError) {
      const place = { program: name, pc: this.#slotOf(error) }
      if (error.message.includes('memory access')) {
        return new MemoryFault(place, { address: 0xffff_ffffn, size: 0, write: false })
      }
      return new ExecutionError(place, error.message)
    }
    return callError(error, { program: name, pc: error instanceof Error ? this.#slotOf(error) : 0 })
  }

  /** The instruction that an error's stack names: the innermost wasm frame has the offset in the module. */
  #slotOf(error: Error): number {
    const found = /bpf_prog_(\d+)_[^\n]*wasm-function\[\d+\]:0x([0-9a-f]+)/.exec(error.stack ?? '')
    if (found === null) return 0
    const id = Number(found[1])
    const modules = [this.#entry?.module, ...[...this.#functions.values()].map(({ module }) => module)]
    const module = modules.find((candidate) => candidate?.id === id)
    return module === undefined ? 0 : slotAt(module, Number.parseInt(found[2]!, 16))
  }
}

function slotAt({ compiled: { offsets, slots } }: LinkedModule, offset: number): number {
  let low = 0
  let high = offsets.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (offsets[middle]! <= offset) low = middle + 1
    else high = middle
  }
  return slots[low - 1] ?? 0
}

/** The compiler of one machine: BPF to WebAssembly. */
export class Jit implements Engine {
  readonly name = 'jit'
  readonly #state: JitState
  readonly #calls: CallTable
  #interpreter: WasmInterpreter | undefined

  constructor(machine: Machine, options: JitOptions = {}, calls: CallTable = callTable()) {
    this.#calls = calls
    this.#state = new JitState(machine, calls, options)
  }

  /** Throws what the interpreter's `prepare` throws. The program is compiled when it first runs. */
  prepare(image: ProgramImage): JitRunner {
    decodeProgram(image, this.#calls)
    return new JitRunner(this.#state, image, () => {
      this.#interpreter ??= new WasmInterpreter(this.#state.machine, this.#calls)
      return this.#interpreter.prepare(image)
    })
  }
}
