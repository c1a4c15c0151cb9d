import { type CallTable, callTable } from '../calls.js'
import { BpfException, callError } from '../errors.js'
import type { Machine } from '../machine.js'
import type { Addr, Engine, ProgramImage, Runner } from '../types.js'
import { type DecodedProgram, decodeProgram, positionOf } from './decode.js'
import { execute } from './execute.js'
import { InterpreterState, SAVED_WORDS, type StepHook } from './state.js'

/** Runs one image on the interpreter. */
export class InterpreterRunner implements Runner {
  readonly decoded: DecodedProgram
  readonly #state: InterpreterState

  constructor(state: InterpreterState, decoded: DecodedProgram) {
    this.#state = state
    this.decoded = decoded
  }

  run(ctx: Addr): void {
    const state = this.#state
    const r = state.registers
    const tailCalls = state.tailCalls
    state.tailCalls = 0
    r[2] = ctx
    r[3] = 0
    this.#enter(this.decoded.entry)
    state.tailCalls = tailCalls
  }

  call(slot: number, args: Int32Array): void {
    const entry = positionOf(this.decoded, slot)
    const r = this.#state.registers
    const depth = this.#state.depth
    const save = this.#state.save
    // The caller is in a helper: its r6 to r9 outlive the call.
    for (let i = 0; i < 8; i++) save[depth * SAVED_WORDS + i] = r[12 + i]!
    for (let i = 0; i < 10; i++) r[2 + i] = args[i] ?? 0
    try {
      this.#enter(entry)
    } finally {
      for (let i = 0; i < 8; i++) r[12 + i] = save[depth * SAVED_WORDS + i]!
    }
  }

  #enter(entry: number): void {
    const state = this.#state
    const { machine, depth, registers: r } = state
    const image = machine.image
    const frame = r[20]!
    machine.image = this.decoded.image
    try {
      execute(state, this.decoded, entry)
    } catch (error) {
      const caught = this.#caught(error, depth)
      if (caught !== undefined) throw caught
    } finally {
      state.depth = depth
      machine.image = image
      r[20] = frame
    }
    machine.r0lo = r[0]!
    machine.r0hi = r[1]!
  }

  /** An error on its way out, as callers see it; undefined when the program's exception callback dealt with it. */
  #caught(error: unknown, depth: number): unknown {
    const state = this.#state
    if (error instanceof BpfException && depth === 0) {
      const callback = this.decoded.image.exceptionCallback
      const r = state.registers
      r[2] = r[0] = error.cookieLo
      r[3] = r[1] = error.cookieHi
      state.depth = depth
      if (callback !== undefined) execute(state, this.decoded, positionOf(this.decoded, callback))
      return undefined
    }
    return callError(error, state.place())
  }
}

/** The interpreter of one machine. */
export class Interpreter implements Engine {
  readonly name = 'interpreter'
  readonly #state: InterpreterState
  readonly #calls: CallTable

  constructor(machine: Machine, calls: CallTable = callTable()) {
    this.#calls = calls
    this.#state = new InterpreterState(machine, calls)
  }

  /** Throws FormatError('insns') for instructions that cannot be run, UnsupportedError for calls we do not have. */
  prepare(image: ProgramImage): InterpreterRunner {
    return new InterpreterRunner(this.#state, decodeProgram(image, this.#calls))
  }

  /** As `prepare`, with `onStep` called before every instruction: for debuggers, coverage and profiles. */
  prepareStepping(image: ProgramImage): InterpreterRunner {
    return new InterpreterRunner(this.#state, decodeProgram(image, this.#calls, true))
  }

  set onStep(hook: StepHook | undefined) {
    this.#state.onHook = hook
  }
}
