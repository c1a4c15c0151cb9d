import type { Memory } from '../memory.js'
import { FunctionBuilder, type Local } from './expressions.js'
import { type FunctionType, ModuleWriter } from './module-writer.js'
import type { ValueType } from './opcodes.js'

/** Functions of 32-bit numbers, as JavaScript and other modules call them. */
export type WasmFunction = (...args: number[]) => number

const SIGNATURE = (params: number, results: number): FunctionType => ({
  params: Array<ValueType>(params).fill('i32'),
  results: Array<ValueType>(results).fill('i32'),
})

/** A module of functions that are written with a FunctionBuilder, over the machine's memory. All take and give i32. */
export class WasmUnit {
  readonly #module = new ModuleWriter()
  readonly #env: Record<string, unknown>
  readonly #functions = new Map<string, number>()

  constructor(memory: Memory) {
    this.#env = { memory: memory.wasm }
  }

  /** A function of the host; all of them come before the first `define`. */
  import(name: string, params: number, results: number, run: (...args: number[]) => number | undefined): number {
    this.#env[name] = run
    return this.#module.import(name, SIGNATURE(params, results))
  }

  /** Defines and exports a function; its index. `results` is 0 or 1. */
  define(
    name: string,
    params: number,
    results: number,
    build: (f: FunctionBuilder, ...params: [Local, Local, Local, Local]) => void,
  ): number {
    const index = this.declare(name, params, results)
    this.body(index, params, build)
    return index
  }

  /** A function whose body comes later: for functions that call one another. */
  declare(name: string, params: number, results: number): number {
    const index = this.#module.declare(name, SIGNATURE(params, results))
    this.#functions.set(name, index)
    return index
  }

  body(
    index: number,
    params: number,
    build: (f: FunctionBuilder, ...params: [Local, Local, Local, Local]) => void,
  ): void {
    const f = new FunctionBuilder(params)
    build(f, f.param(0), f.param(1), f.param(2), f.param(3))
    f.code.op('end')
    this.#module.define(index, f.code)
  }

  /** The module's bytes, every function exported. */
  bytes(): Uint8Array {
    for (const [name, index] of this.#functions) this.#module.export(name, index)
    return this.#module.build().bytes
  }

  /** Compiles the module. It must not be used afterwards. */
  instantiate(): Readonly<Record<string, WasmFunction>> {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(this.bytes()), { env: this.#env })
    return instance.exports as Record<string, WasmFunction>
  }
}

/** The functions that `write` defines, compiled when they are first asked for. */
export function lazyFunctions<Name extends string>(
  memory: Memory,
  write: (unit: WasmUnit) => void,
): () => Readonly<Record<Name, WasmFunction>> {
  let functions: Readonly<Record<Name, WasmFunction>> | undefined
  return () => {
    if (functions === undefined) {
      const unit = new WasmUnit(memory)
      write(unit)
      functions = unit.instantiate() as Readonly<Record<Name, WasmFunction>>
    }
    return functions
  }
}
