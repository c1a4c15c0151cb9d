import { type CallTable, callTable, invokeWide } from '../calls.js'
import { BpfException, BudgetError, callError, ExecutionError, MemoryFault, wideAddress } from '../errors.js'
import type { Machine } from '../machine.js'
import type { Addr, Engine, ProgramImage, Runner } from '../types.js'
import { argumentHalves } from './decode.js'
import { castArena, probeLoad } from './rare-operations.js'
import { FRAME_SIZE, type StepHook } from './state.js'
import { FRAMES, interpreterModule, RECORD, SAVED, STATE, type WasmHost } from './wasm-code.js'
import { encodeProgram, type WasmProgram } from './wasm-program.js'

/** Room below the last frame for accesses that reach below it. */
const GUARD = 32768
/** Instructions that a run without a budget gets. */
const MOST = 2 ** 40
const MAX_TAIL_CALLS = 33

type Execute = (state: number, record: number, depth: number) => void

/** Runs one image on the WebAssembly interpreter. */
export class WasmInterpreterRunner implements Runner {
  readonly #owner: WasmInterpreter
  readonly #number: number
  readonly program: WasmProgram
  #address: Addr = 0

  constructor(owner: WasmInterpreter, number: number, program: WasmProgram) {
    this.#owner = owner
    this.#number = number
    this.program = program
  }

  run(ctx: Addr): void {
    const owner = this.#owner
    const { tailCalls } = owner
    owner.tailCalls = 0
    try {
      owner.setArguments([ctx, 0])
      owner.enter(this.program, this.address)
    } finally {
      owner.tailCalls = tailCalls
    }
  }

  call(slot: number, args: Int32Array): void {
    const record = this.recordOf(slot)
    this.#owner.callee(() => {
      this.#owner.setArguments(args)
      this.#owner.enter(this.program, record)
    })
  }

  /** Where the program's records lie in memory: they are put there when it first runs. */
  get address(): Addr {
    if (this.#address === 0) {
      const { memory } = this.#owner.machine
      const { records } = this.program
      this.#address = memory.alloc(records.length * 4)
      memory.i32.set(records, this.#address >>> 2)
    }
    return this.#address
  }

  /** The record of an instruction. Throws ExecutionError where there is none. */
  recordOf(slot: number): Addr {
    const index = this.program.indexes[slot]
    if (index === undefined || index < 0) {
      throw new ExecutionError({ program: this.program.image.name, pc: slot }, 'there is no instruction here')
    }
    return this.address + index * RECORD.size
  }

  dispose(): void {
    this.#owner.forget(this.#number)
    this.#owner.machine.memory.free(this.#address)
    this.#address = 0
  }
}

/**
 * The interpreter of one machine in WebAssembly (wasm-code.ts): what runs programs where the compiler is off. Registers lie
 * in the machine's memory, where hooks and debuggers see them.
 */
export class WasmInterpreter implements Engine {
  readonly name = 'interpreter'
  readonly machine: Machine
  /** Tail calls that the current run has made. */
  tailCalls = 0
  onStep: StepHook | undefined
  readonly #calls: CallTable
  readonly #state: Addr
  readonly #stackTop: Addr
  readonly #runners: (WasmInterpreterRunner | undefined)[] = []
  #execute: Execute | undefined
  /** The record that the host was last asked at. */
  #record: Addr = 0

  constructor(machine: Machine, calls: CallTable = callTable()) {
    this.machine = machine
    this.#calls = calls
    this.#state = machine.memory.alloc(STATE.frames + FRAMES * SAVED.size)
    const size = GUARD + FRAMES * FRAME_SIZE
    this.#stackTop = machine.memory.alloc(size) + size
  }

  /** Throws FormatError('insns') for instructions that cannot be run, UnsupportedError for calls we do not have. */
  prepare(image: ProgramImage): WasmInterpreterRunner {
    return this.#prepare(image, false)
  }

  /** As `prepare`, with `onStep` called before every instruction: for debuggers, coverage and profiles. */
  prepareStepping(image: ProgramImage): WasmInterpreterRunner {
    return this.#prepare(image, true)
  }

  #prepare(image: ProgramImage, hooks: boolean): WasmInterpreterRunner {
    const free = this.#runners.indexOf(undefined)
    const number = free < 0 ? this.#runners.length : free
    const module = interpreterModule()
    const program = encodeProgram(image, this.#calls, { module, state: this.#state, number, hooks })
    const runner = new WasmInterpreterRunner(this, number, program)
    this.#runners[number] = runner
    return runner
  }

  forget(number: number): void {
    this.#runners[number] = undefined
  }

  /** Puts r1 to r5. */
  setArguments(args: ArrayLike<number>): void {
    const { i32 } = this.machine.memory
    const at = (this.#state >>> 2) + 2
    for (let i = 0; i < 10; i++) i32[at + i] = args[i] ?? 0
  }

  /** Runs what is called from a helper: the caller's r6 to r9 outlive it. */
  callee(run: () => void): void {
    const { memory } = this.machine
    const at = (this.#state + STATE.r6) >>> 2
    const saved = memory.i32.slice(at, at + 8)
    try {
      run()
    } finally {
      memory.i32.set(saved, at)
    }
  }

  /** Executes from a record until the frame exits; the result is in r0 and the machine's. */
  enter(program: WasmProgram, record: Addr): void {
    const { machine } = this
    const { memory, image } = machine
    const execute = this.#execute ?? this.#instantiate()
    const state = this.#state >>> 2
    const depthAt = state + STATE.depth / 4
    const depth = memory.i32[depthAt]!
    const frame = memory.i32[state + STATE.r10 / 4]!
    if (depth >= FRAMES) throw new ExecutionError({ program: program.image.name, pc: 0 }, 'too many nested calls')
    const granted = depth === 0 ? Math.min(machine.budget, MOST) : 0
    if (depth === 0) this.#setFuel(granted)
    else if (this.#fuel() < 0) throw new BudgetError(this.#place(record))
    memory.i32[state + STATE.r10 / 4] = this.#stackTop - depth * FRAME_SIZE
    memory.i32[state + STATE.r10 / 4 + 1] = 0
    machine.image = program.image
    try {
      execute(this.#state, record, depth)
    } catch (error) {
      memory.i32[depthAt] = depth
      const caught = this.#caught(error, depth, program)
      if (caught !== undefined) throw caught
    } finally {
      if (depth === 0) machine.budget -= granted - this.#fuel()
      machine.memory.i32[depthAt] = depth
      machine.memory.i32[state + STATE.r10 / 4] = frame
      machine.image = image
    }
    machine.r0lo = machine.memory.i32[state]!
    machine.r0hi = machine.memory.i32[state + 1]!
  }

  /** An error on its way out, as callers see it; undefined when the program's exception callback dealt with it. */
  #caught(error: unknown, depth: number, program: WasmProgram): unknown {
    if (error instanceof BpfException && depth === 0) {
      const { i32 } = this.machine.memory
      const state = this.#state >>> 2
      i32[state] = error.cookieLo
      i32[state + 1] = error.cookieHi
      const callback = program.image.exceptionCallback
      if (callback === undefined) return undefined
      this.setArguments([error.cookieLo, error.cookieHi])
      i32[state + STATE.r10 / 4] = this.#stackTop
      const runner = this.#runners.find((candidate) => candidate?.program === program)
      this.#execute?.(this.#state, runner!.recordOf(callback), 0)
      return undefined
    }
    return callError(error, this.#place(this.#record))
  }

  #instantiate(): Execute {
    const { module, special, arms } = interpreterModule()
    const { machine } = this
    const env = { memory: machine.memory.wasm, ...this.#host() }
    const { exports } = new WebAssembly.Instance(module, { env })
    const exit = (this.#state + STATE.exit) >>> 2
    machine.memory.i32[exit] = arms.get('exit') ?? special.runsOff
    this.#execute = exports['execute'] as Execute
    return this.#execute
  }

  #host(): Record<WasmHost, (record: number, kind: number) => unknown> {
    const { machine } = this
    const registers = this.#state >>> 2
    return {
      fault: (record, kind) => this.#fault(record >>> 0, kind & 255, kind >= 256),
      exhausted: (record) => {
        throw new BudgetError(this.#place(record >>> 0))
      },
      tooDeep: (record) => {
        throw new ExecutionError(this.#place(record >>> 0), 'too many nested calls')
      },
      runsOff: (record) => {
        throw new ExecutionError(this.#place(record >>> 0), 'the program runs off its last instruction')
      },
      call: (record) => {
        this.#record = record >>> 0
        const { i32 } = machine.memory
        const at = this.#record >>> 2
        const { program } = this.#runners[i32[at + RECORD.program / 4]!]!
        const { run, halves, result } = program.calls[i32[at + RECORD.imm / 4]!]!
        const lo = invokeAt(machine, run, i32, registers + 2, halves)
        const words = machine.memory.i32
        words[registers] = lo
        words[registers + 1] = result === 'i' ? lo >> 31 : result === 'l' ? machine.r0hi : 0
      },
      callRegister: (record) => this.#callRegister(record >>> 0),
      tailCall: (record) => {
        this.#record = record >>> 0
        return this.#tailCall()
      },
      loadPacket: (record) => {
        this.#record = record >>> 0
        const { i32 } = machine.memory
        const at = this.#record >>> 2
        const { image } = this.#runners[i32[at + RECORD.program / 4]!]!.program
        const operation = image.insns[i32[at + RECORD.slot / 4]! * 8]!
        const size = (operation & 0x18) === 0 ? 4 : (operation & 0x18) === 8 ? 2 : 1
        const imm = i32[at + RECORD.imm / 4]!
        const index = i32[i32[at + RECORD.src / 4]! >>> 2]!
        const value = machine.packet?.loadBytes((operation & 0xe0) === 0x40 ? (imm + index) | 0 : imm, size) ?? -1
        if (value < 0) return 0
        machine.memory.i32[registers] = value
        machine.memory.i32[registers + 1] = 0
        return 1
      },
      rare: (record) => this.#rare(record >>> 0),
      hook: (record) => {
        this.#record = record >>> 0
        const { i32 } = machine.memory
        const at = this.#record >>> 2
        const { image } = this.#runners[i32[at + RECORD.program / 4]!]!.program
        this.onStep?.(image, i32[at + RECORD.slot / 4]!, i32.subarray(registers, registers + 22))
      },
    }
  }

  #place(record: Addr): { program: string; pc: number } {
    const { i32 } = this.machine.memory
    const runner = record === 0 ? undefined : this.#runners[i32[(record + RECORD.program) >>> 2]!]
    return { program: runner?.program.image.name ?? '', pc: i32[(record + RECORD.slot) >>> 2] ?? 0 }
  }

  #fault(record: Addr, size: number, write: boolean): never {
    const { i32 } = this.machine.memory
    const at = record >>> 2
    const register = i32[at + (write ? RECORD.dst : RECORD.src) / 4]! >>> 2
    const address = wideAddress(i32[register]!, i32[register + 1]!, i32[at + RECORD.off / 4]!)
    throw new MemoryFault(this.#place(record), { address, size, write })
  }

  /** bpf_tail_call(r1 ctx, r2 map, r3 index): the record to go on with; 0 when the call fails and the caller continues. */
  #tailCall(): Addr {
    const { machine } = this
    const { memory } = machine
    const registers = this.#state >>> 2
    const slot = machine.mapOf(memory.i32[registers + 4]!)?.elementAt?.(memory.i32[registers + 6]! >>> 0) ?? 0
    if (slot === 0 || this.tailCalls >= MAX_TAIL_CALLS) return 0
    const handle = memory.u32[slot >>> 2]!
    const target = handle === 0 ? undefined : machine.programOf(handle)
    if (target === undefined) return 0
    this.tailCalls++
    machine.image = target.image
    const { runner } = target
    if (runner instanceof WasmInterpreterRunner && this.#runners.includes(runner)) return runner.address
    // A program of another engine: run it here and leave with its result.
    runner.run(memory.u32[registers + 2]!)
    machine.memory.i32[registers] = machine.r0lo
    machine.memory.i32[registers + 1] = machine.r0hi
    return this.#state + STATE.exit
  }

  /** callx: the register holds a helper's number or a function's handle. */
  #callRegister(record: Addr): void {
    this.#record = record
    const { machine } = this
    const { memory } = machine
    const registers = this.#state >>> 2
    const at = record >>> 2
    const target = memory.i32[memory.i32[at + RECORD.dst / 4]! >>> 2]!
    const { image } = this.#runners[memory.i32[at + RECORD.program / 4]!]!.program
    let lo: number
    let hi: number
    if (target > 0 && target < 65536) {
      const { args, result, run } = this.#calls.helper(image, memory.i32[at + RECORD.slot / 4]!, target)
      lo = invokeWide(machine, run, memory.i32.slice(registers, registers + 22), argumentHalves(args))
      hi = result === 'i' ? lo >> 31 : result === 'l' ? machine.r0hi : 0
    } else {
      const subprogram = machine.functionOf(target)
      if (subprogram === undefined) {
        throw new ExecutionError(this.#place(record), 'calls a register that holds no function')
      }
      subprogram.program.runner.call(subprogram.slot, memory.i32.slice(registers + 2, registers + 12))
      lo = machine.r0lo
      hi = machine.r0hi
    }
    machine.memory.i32[registers] = lo
    machine.memory.i32[registers + 1] = hi
  }

  /** Casts between address spaces, and loads that read zero where there is nothing. */
  #rare(record: Addr): void {
    const { memory } = this.machine
    const at = record >>> 2
    const { program } = this.#runners[memory.i32[at + RECORD.program / 4]!]!
    const insn = program.rare.get(memory.i32[at + RECORD.slot / 4]!)!
    const dst = memory.i32[at + RECORD.dst / 4]! >>> 2
    const src = memory.i32[at + RECORD.src / 4]! >>> 2
    if (insn.op?.kind === 'addr_space_cast') castArena(program.image, memory.i32, dst, src, insn.imm === 1)
    else {
      const kind = (insn.op?.bits ?? 64) / 8 + (insn.op?.signed === true ? 16 : 0)
      probeLoad(memory, memory.i32, dst, src, insn.off, kind)
    }
  }

  /** Fuel is kept in bytes of records. */
  #fuel(): number {
    const { i32 } = this.machine.memory
    const at = (this.#state + STATE.fuel) >>> 2
    return (i32[at + 1]! * 0x1_0000_0000 + (i32[at]! >>> 0)) / RECORD.size
  }

  #setFuel(instructions: number): void {
    const { i32 } = this.machine.memory
    const at = (this.#state + STATE.fuel) >>> 2
    const bytes = Math.floor(instructions) * RECORD.size
    const high = Math.floor(bytes / 0x1_0000_0000)
    i32[at] = bytes - high * 0x1_0000_0000
    i32[at + 1] = high
  }
}

/** Calls `run` with the words at `base` whose indexes are given. */
function invokeAt(
  machine: Machine,
  run: (machine: Machine, ...args: number[]) => number,
  w: Int32Array,
  base: number,
  h: readonly number[],
): number {
  switch (h.length) {
    case 0:
      return run(machine)
    case 1:
      return run(machine, w[base + h[0]!]!)
    case 2:
      return run(machine, w[base + h[0]!]!, w[base + h[1]!]!)
    case 3:
      return run(machine, w[base + h[0]!]!, w[base + h[1]!]!, w[base + h[2]!]!)
    case 4:
      return run(machine, w[base + h[0]!]!, w[base + h[1]!]!, w[base + h[2]!]!, w[base + h[3]!]!)
    case 5:
      return run(machine, w[base + h[0]!]!, w[base + h[1]!]!, w[base + h[2]!]!, w[base + h[3]!]!, w[base + h[4]!]!)
    default:
      return run(machine, ...h.map((half) => w[base + half]!))
  }
}
