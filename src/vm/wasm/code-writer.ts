import { ByteWriter } from './byte-writer.js'
import { EMPTY, MEMORY, type MemoryName, OTHER, PLAIN, type PlainName, VALUE_TYPE, type ValueType } from './opcodes.js'

/** Writes the instructions of one function, its locals declared as it goes. */
export class CodeWriter {
  readonly #out = new ByteWriter()
  readonly #params: number
  readonly #locals: ValueType[] = []

  constructor(params: number) {
    this.#params = params
  }

  /** Bytes of instructions so far. */
  get position(): number {
    return this.#out.length
  }

  /** A new local variable's index. */
  local(type: ValueType): number {
    this.#locals.push(type)
    return this.#params + this.#locals.length - 1
  }

  /** The declaration of locals and the instructions, with the final `end`. */
  body(): { readonly locals: Uint8Array; readonly instructions: Uint8Array } {
    const locals = new ByteWriter()
    const runs: [ValueType, number][] = []
    for (const type of this.#locals) {
      const last = runs.at(-1)
      if (last?.[0] === type) last[1]++
      else runs.push([type, 1])
    }
    locals.u32(runs.length)
    for (const [type, count] of runs) {
      locals.u32(count)
      locals.u8(VALUE_TYPE[type])
    }
    return { locals: locals.bytes, instructions: this.#out.bytes }
  }

  op(name: PlainName): this {
    this.#out.u8(PLAIN[name])
    return this
  }

  /** A load or store; `offset` is added to the address on the stack without wrapping around. */
  memory(name: MemoryName, offset: number): this {
    this.#out.u8(MEMORY[name])
    this.#out.u8(0)
    this.#out.u32(offset)
    return this
  }

  get(local: number): this {
    return this.#index(OTHER['local.get'], local)
  }

  set(local: number): this {
    return this.#index(OTHER['local.set'], local)
  }

  tee(local: number): this {
    return this.#index(OTHER['local.tee'], local)
  }

  i32(value: number): this {
    this.#out.u8(OTHER['i32.const'])
    this.#out.s32(value)
    return this
  }

  /** A 64-bit constant as halves; without the high one, the low one sign-extended. */
  i64(low: number, high = low >> 31): this {
    this.#out.u8(OTHER['i64.const'])
    this.#out.s64(low, high)
    return this
  }

  block(): this {
    return this.#open(OTHER.block, EMPTY)
  }

  loop(): this {
    return this.#open(OTHER.loop, EMPTY)
  }

  if(result?: ValueType): this {
    return this.#open(OTHER.if, result === undefined ? EMPTY : VALUE_TYPE[result])
  }

  br(depth: number): this {
    return this.#index(OTHER.br, depth)
  }

  brIf(depth: number): this {
    return this.#index(OTHER.br_if, depth)
  }

  /** The last depth is the default. */
  brTable(depths: readonly number[]): this {
    this.#index(OTHER.br_table, depths.length - 1)
    for (const depth of depths) this.#out.u32(depth)
    return this
  }

  call(func: number): this {
    return this.#index(OTHER.call, func)
  }

  callIndirect(type: number): this {
    this.#index(OTHER.call_indirect, type)
    this.#out.u8(0)
    return this
  }

  returnCallIndirect(type: number): this {
    this.#index(OTHER.return_call_indirect, type)
    this.#out.u8(0)
    return this
  }

  /** i64.trunc_sat_f64_s */
  truncateSaturating(): this {
    this.#out.u8(0xfc)
    this.#out.u8(0x06)
    return this
  }

  /** Pops length, source and target: copies memory. */
  memoryCopy(): this {
    this.#out.u8(OTHER['memory.copy'] >> 8)
    this.#out.u8(OTHER['memory.copy'] & 0xff)
    this.#out.u8(0)
    this.#out.u8(0)
    return this
  }

  /** Pops length, byte and target: fills memory. */
  memoryFill(): this {
    this.#out.u8(OTHER['memory.fill'] >> 8)
    this.#out.u8(OTHER['memory.fill'] & 0xff)
    this.#out.u8(0)
    return this
  }

  /** Pages of memory. */
  memorySize(): this {
    return this.#index(OTHER['memory.size'], 0)
  }

  #index(opcode: number, index: number): this {
    this.#out.u8(opcode)
    this.#out.u32(index)
    return this
  }

  #open(opcode: number, type: number): this {
    this.#out.u8(opcode)
    this.#out.u8(type)
    return this
  }
}
