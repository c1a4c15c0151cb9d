import { decodeInsnAt } from '../../isa/index.js'
import { type Callable, invokeWide } from '../calls.js'
import { BudgetError, ExecutionError, MemoryFault } from '../errors.js'
import { argumentHalves } from '../interpreter/decode.js'
import type { Machine } from '../machine.js'
import type { HelperFunction, ProgramImage } from '../types.js'
import { hasTailCalls } from '../wasm/features.js'
import { type CompiledModule, compileProgram } from './compile.js'
import type { HostFunction } from './emitter.js'
import type { CachedModule } from './module-cache.js'
import type { JitState } from './state.js'

type Host = (...args: number[]) => unknown

/** A compiled program in the host: its exports and how to find an instruction from an offset in its code. */
export interface LinkedModule {
  readonly compiled: CompiledModule
  readonly exports: Record<string, unknown>
  readonly id: number
}

/** Compiles a program (or, with `only`, one subprogram of it) and instantiates the module. Throws what wasm refuses. */
export function linkProgram(state: JitState, image: ProgramImage, only?: number): LinkedModule {
  const { compiled, module, id } = moduleOf(state, image, only)
  const { machine } = state
  const env: Record<string, unknown> = { memory: machine.memory.wasm }
  if (compiled.usesTable) env['table'] = state.targets.table
  for (const { name, host, callable, map } of compiled.imports) {
    if (host !== undefined) env[name] = HOST[host](state, image)
    else if (map !== undefined) env[name] = machine.mapOf(map.handle)?.functions?.()[map.name]
    else if (callable !== undefined) env[name] = helperImport(state, image, callable, name.startsWith('kfunc'))
  }
  const instance = new WebAssembly.Instance(module, { env })
  return { compiled, exports: instance.exports, id }
}

/** The program's module: the one that was made when it was loaded before, or a new one. Blinded code is never the same. */
function moduleOf(state: JitState, image: ProgramImage, only: number | undefined): CachedModule {
  const { machine, calls, cells, options } = state
  const cached = only === undefined && options.blinded?.() !== true
  const known = cached ? state.modules.find(image) : undefined
  if (known !== undefined) return known
  const id = ++state.count
  const compiled = compileProgram(
    image,
    {
      machine,
      calls,
      cells,
      id,
      checked: options.checked ?? true,
      counted: options.counted ?? image.verified !== true,
      blind: options.blinded?.() === true ? state.random : undefined,
      tailCalls: options.tailCalls ?? hasTailCalls(),
    },
    only,
  )
  const made = { compiled, module: new WebAssembly.Module(compiled.bytes), id }
  if (cached) state.modules.add(image, made)
  return made
}

const HOST: Record<HostFunction, (state: JitState, image: ProgramImage) => Host> = {
  fault: (_state, image) => (pc, lo, hi) => {
    const insn = decodeInsnAt(image.insns, pc)
    const write = insn.op?.kind !== 'ldx' && insn.op?.kind !== 'load_acquire'
    const base = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)
    const address = BigInt.asUintN(64, base + BigInt(insn.off))
    throw new MemoryFault({ program: image.name, pc }, { address, size: (insn.op?.bits ?? 0) / 8, write })
  },
  exhausted: (_state, image) => (pc) => {
    throw new BudgetError({ program: image.name, pc })
  },
  fail: (_state, image) => (pc, kind) => {
    const reason = kind === 0 ? 'too many nested calls' : 'the program runs off its last instruction'
    throw new ExecutionError({ program: image.name, pc }, reason)
  },
  loadPacket:
    ({ machine }) =>
    (operation, index, imm) => {
      const size = (operation & 0x18) === 0 ? 4 : (operation & 0x18) === 8 ? 2 : 1
      return machine.packet?.loadBytes((operation & 0xe0) === 0x40 ? (imm + index) | 0 : imm, size) ?? -1
    },
  tailCall: (state) => (map, index) => state.targets.resolve(map >>> 0, index),
  callRegister: (state, image) => (pc, target) => callRegister(state, image, pc, target),
}

function callRegister({ machine, calls, cells }: JitState, image: ProgramImage, pc: number, target: number): void {
  const words = machine.memory.i32.slice(cells.args >>> 2, (cells.args >>> 2) + 10)
  let lo: number
  let hi: number
  if (target > 0 && target < 65536) {
    const { args, result, run } = calls.helper(image, pc, target)
    const registers = new Int32Array(16)
    registers.set(words, 2)
    lo = invokeWide(machine, run, registers, argumentHalves(args))
    hi = result === 'i' ? lo >> 31 : result === 'l' ? machine.r0hi : 0
  } else {
    const subprogram = machine.functionOf(target)
    if (subprogram === undefined) {
      throw new ExecutionError({ program: image.name, pc }, 'calls a register that holds no function')
    }
    subprogram.program.runner.call(subprogram.slot, words)
    lo = machine.r0lo
    hi = machine.r0hi
  }
  const { i32 } = machine.memory
  i32[cells.result >>> 2] = lo
  i32[(cells.result >>> 2) + 1] = hi
}

/** A helper as wasm calls it. Kfuncs ask what program runs, which a tail call may have changed. */
function helperImport(state: JitState, image: ProgramImage, { args, result, run }: Callable, kfunc: boolean): Host {
  const { machine, cells } = state
  const halves = argumentHalves(args).length
  const plain = ofArity(machine, run, halves)
  if (result !== 'l' && !kfunc) return plain
  return (...values) => {
    if (kfunc) machine.image = image
    const lo = plain(...values)
    machine.memory.i32[(cells.result >>> 2) + 1] = machine.r0hi
    return lo
  }
}

/** A function of exactly so many numbers: V8 calls those fast. */
function ofArity(machine: Machine, run: HelperFunction, count: number): Host {
  switch (count) {
    case 0:
      return () => run(machine)
    case 1:
      return (a) => run(machine, a!)
    case 2:
      return (a, b) => run(machine, a!, b!)
    case 3:
      return (a, b, c) => run(machine, a!, b!, c!)
    case 4:
      return (a, b, c, d) => run(machine, a!, b!, c!, d!)
    case 5:
      return (a, b, c, d, e) => run(machine, a!, b!, c!, d!, e!)
    case 6:
      return (a, b, c, d, e, g) => run(machine, a!, b!, c!, d!, e!, g!)
    case 7:
      return (a, b, c, d, e, g, h) => run(machine, a!, b!, c!, d!, e!, g!, h!)
    default:
      return (...values) => run(machine, ...values)
  }
}
