import type { LoadedProgram } from '../machine.js'
import type { Addr } from '../types.js'
import { CodeWriter } from '../wasm/code-writer.js'
import { ModuleWriter } from '../wasm/module-writer.js'
import { ENTRY } from './compile.js'
import { HANDLE_TABLE_INDEX } from './emit-call.js'
import type { JitState } from './state.js'

interface Target {
  readonly handle: Addr
  readonly program: LoadedProgram
}

/** What a runner of this engine gives to others that go on in its program. */
export interface TailEntry {
  /** A wasm function (r1, frame) -> r0, or undefined where the program could not be compiled. */
  readonly entry: unknown
}

/** A WebAssembly.Table, as far as it is used: the types of an installed package want no host's declarations. */
export interface WasmTable {
  readonly length: number
  set(index: number, value: unknown): void
  grow(by: number): number
}

/**
 * The table of programs that tail calls reach. A program gets its place when it is first called so; its handle keeps the
 * index. Programs of another engine are reached through the host.
 */
export class TailTargets {
  readonly table: WasmTable = new WebAssembly.Table({ element: 'anyfunc', initial: 16 })
  readonly #state: JitState
  readonly #targets: (Target | undefined)[] = [undefined]

  constructor(state: JitState) {
    this.#state = state
  }

  /** Table index of the program in a slot of a program array, 0 where there is none. */
  resolve(map: Addr, index: number): number {
    const { machine } = this.#state
    const slot = machine.mapOf(map)?.elementAt?.(index >>> 0) ?? 0
    const handle = slot === 0 ? 0 : machine.memory.u32[slot >>> 2]!
    const program = handle === 0 ? undefined : machine.programOf(handle)
    if (program === undefined) return 0
    const known = machine.memory.u32[(handle + HANDLE_TABLE_INDEX) >>> 2]!
    return known !== 0 ? known : this.#add(handle, program)
  }

  #add(handle: Addr, program: LoadedProgram): number {
    const { machine } = this.#state
    const { runner } = program
    const own = 'entry' in runner ? (runner as typeof runner & TailEntry).entry : undefined
    const index = this.#free()
    if (index >= this.table.length) this.table.grow(this.table.length)
    this.table.set(index, own ?? this.#adapter(program))
    this.#targets[index] = { handle, program }
    machine.memory.u32[(handle + HANDLE_TABLE_INDEX) >>> 2] = index
    return index
  }

  /** An index whose program is gone, or a new one. */
  #free(): number {
    const { machine } = this.#state
    for (let index = 1; index < this.#targets.length; index++) {
      const target = this.#targets[index]
      if (target === undefined || machine.programOf(target.handle) !== target.program) return index
    }
    return this.#targets.length
  }

  /** An entry that has the host run the program. */
  #adapter(program: LoadedProgram): unknown {
    const { machine, cells } = this.#state
    const module = new ModuleWriter()
    const host = module.import('run', { params: ['i32'], results: [] })
    const code = new CodeWriter(2)
    code.get(0).op('i32.wrap_i64').call(host).i32(cells.result).memory('i64.load', 0).op('end')
    const entry = module.declare(`run_${program.image.name}`, ENTRY)
    module.define(entry, code)
    module.export('entry', entry)
    const run = (ctx: number): void => {
      program.runner.run(ctx >>> 0)
      const { i32 } = machine.memory
      i32[cells.result >>> 2] = machine.r0lo
      i32[(cells.result >>> 2) + 1] = machine.r0hi
    }
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module.build().bytes), {
      env: { memory: machine.memory.wasm, run },
    })
    return instance.exports['entry']
  }
}
