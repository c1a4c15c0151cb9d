import { ByteWriter } from './byte-writer.js'
import type { CodeWriter } from './code-writer.js'
import { VALUE_TYPE, type ValueType } from './opcodes.js'

export interface FunctionType {
  readonly params: readonly ValueType[]
  readonly results: readonly ValueType[]
}

interface FunctionEntry {
  readonly type: number
  readonly name: string
  code: CodeWriter | undefined
}

/** A module's bytes and, for each function it defines, where its instructions begin. */
export interface ModuleBytes {
  readonly bytes: Uint8Array
  /** By index among the defined functions. */
  readonly codeStarts: readonly number[]
  /** Bytes of their instructions. */
  readonly codeLengths: readonly number[]
}

const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const
const MAGIC = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)

/**
 * Puts a module together. It imports memory 0 as `env.memory`, table 0 as `env.table` where asked, and functions; those
 * must all be imported before the first function is declared.
 */
export class ModuleWriter {
  readonly #types: string[] = []
  readonly #typeBytes = new ByteWriter()
  readonly #imports: { readonly name: string; readonly type: number }[] = []
  readonly #functions: FunctionEntry[] = []
  readonly #exports: { readonly name: string; readonly index: number }[] = []
  #table = false

  /** Index of a function type. */
  type({ params, results }: FunctionType): number {
    const key = `${params.join()}>${results.join()}`
    const known = this.#types.indexOf(key)
    if (known >= 0) return known
    const out = this.#typeBytes
    out.u8(0x60)
    for (const list of [params, results]) {
      out.u32(list.length)
      for (const type of list) out.u8(VALUE_TYPE[type])
    }
    return this.#types.push(key) - 1
  }

  importTable(): void {
    this.#table = true
  }

  /** Imports `env.name`; its function index. */
  import(name: string, type: FunctionType): number {
    return this.#imports.push({ name, type: this.type(type) }) - 1
  }

  /** Number of imported functions: defined ones follow. */
  get imported(): number {
    return this.#imports.length
  }

  /** A function to be defined; its index. */
  declare(name: string, type: FunctionType): number {
    return this.#imports.length + this.#functions.push({ type: this.type(type), name, code: undefined }) - 1
  }

  define(index: number, code: CodeWriter): void {
    ;(this.#functions[index - this.#imports.length] as FunctionEntry).code = code
  }

  export(name: string, index: number): void {
    this.#exports.push({ name, index })
  }

  build(): ModuleBytes {
    const out = new ByteWriter()
    out.raw(MAGIC)
    const section = (id: number, fill: (content: ByteWriter) => void): number => {
      const content = new ByteWriter()
      fill(content)
      out.u8(id)
      out.u32(content.length)
      const start = out.length
      out.raw(content.bytes)
      return start
    }
    section(SECTION.type, (content) => {
      content.u32(this.#types.length)
      content.raw(this.#typeBytes.bytes)
    })
    section(SECTION.import, (content) => this.#writeImports(content))
    section(SECTION.function, (content) => {
      content.u32(this.#functions.length)
      for (const { type } of this.#functions) content.u32(type)
    })
    section(SECTION.export, (content) => {
      content.u32(this.#exports.length)
      for (const { name, index } of this.#exports) {
        content.text(name)
        content.u8(0)
        content.u32(index)
      }
    })
    const starts: number[] = []
    const codeLengths: number[] = []
    const codeStart = section(SECTION.code, (content) => {
      content.u32(this.#functions.length)
      for (const { code, name } of this.#functions) {
        if (code === undefined) throw new TypeError(`function ${name} was declared and not defined`)
        const { locals, instructions } = code.body()
        content.u32(locals.length + instructions.length)
        content.raw(locals)
        starts.push(content.length)
        codeLengths.push(instructions.length)
        content.raw(instructions)
      }
    })
    section(0, (content) => this.#writeNames(content))
    return { bytes: out.bytes.slice(), codeStarts: starts.map((start) => codeStart + start), codeLengths }
  }

  #writeImports(content: ByteWriter): void {
    content.u32(1 + (this.#table ? 1 : 0) + this.#imports.length)
    content.text('env')
    content.text('memory')
    content.u8(2)
    content.u8(0)
    content.u32(1)
    if (this.#table) {
      content.text('env')
      content.text('table')
      content.u8(1)
      content.u8(0x70)
      content.u8(0)
      content.u32(1)
    }
    for (const { name, type } of this.#imports) {
      content.text('env')
      content.text(name)
      content.u8(0)
      content.u32(type)
    }
  }

  /** The name section: what profilers and stack traces show. */
  #writeNames(content: ByteWriter): void {
    content.text('name')
    const names = new ByteWriter()
    names.u32(this.#functions.length)
    this.#functions.forEach(({ name }, i) => {
      names.u32(this.#imports.length + i)
      names.text(name)
    })
    content.u8(1)
    content.sized(names.bytes)
  }
}
