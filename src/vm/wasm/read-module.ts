import { decodeText, FormatError } from '../../base/index.js'
import { MEMORY, OTHER, PLAIN } from './opcodes.js'

/** An instruction of a function: where its bytes lie in the module, and how deep it stands. */
export interface WasmInsn {
  readonly offset: number
  readonly length: number
  /** As the text format writes it: `i32.const 5`. Locals and functions by number. */
  readonly text: string
  /** Blocks, loops and ifs around it. */
  readonly depth: number
}

export interface WasmFunctionText {
  readonly index: number
  /** From the name section; empty without one. */
  readonly name: string
  readonly params: readonly string[]
  readonly results: readonly string[]
  /** Locals that are no parameters, in order. */
  readonly locals: readonly string[]
  /** Bytes of its instructions. */
  readonly start: number
  readonly end: number
  readonly insns: readonly WasmInsn[]
}

export interface WasmImport {
  readonly module: string
  readonly name: string
  /** `func 3`, `memory 1`, `table 1 funcref`. */
  readonly kind: 'func' | 'memory' | 'table'
  readonly type: WasmType | undefined
}

export interface WasmType {
  readonly params: readonly string[]
  readonly results: readonly string[]
}

export interface WasmModuleText {
  readonly imports: readonly WasmImport[]
  readonly functions: readonly WasmFunctionText[]
  readonly exports: readonly { readonly name: string; readonly index: number }[]
  /** Contents of custom sections other than the names. */
  readonly custom: ReadonlyMap<string, Uint8Array>
}

const TYPES: Readonly<Record<number, string>> = { 127: 'i32', 126: 'i64', 125: 'f32', 124: 'f64', 112: 'funcref' }
const PLAIN_NAMES = new Map<number, string>(Object.entries(PLAIN).map(([name, code]) => [code, name]))
const MEMORY_NAMES = new Map<number, string>(Object.entries(MEMORY).map(([name, code]) => [code, name]))
const OTHER_NAMES = new Map<number, string>(Object.entries(OTHER).map(([name, code]) => [code, name]))
const NO_BLOCK_TYPE = 0x40
const PREFIX = 0xfc
const SATURATING = 6

/** Reads the modules that this machine writes; what it never writes is a FormatError. */
export function readModule(bytes: Uint8Array): WasmModuleText {
  const cursor = new Cursor(bytes)
  const magic = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
  if (bytes.length < 8 || magic.some((byte, i) => bytes[i] !== byte)) {
    throw new FormatError('wasm', 'no WebAssembly module of version 1', { offset: 0 })
  }
  cursor.at = 8
  const types: WasmType[] = []
  const imports: WasmImport[] = []
  const functionTypes: number[] = []
  const exports: { name: string; index: number }[] = []
  const bodies: { start: number; end: number }[] = []
  const custom = new Map<string, Uint8Array>()
  let names = new Map<number, string>()
  while (cursor.at < bytes.length) {
    const id = cursor.u8()
    const size = cursor.u32()
    const end = cursor.at + size
    if (end > bytes.length) throw cursor.bad('a section ends behind the module')
    switch (id) {
      case 0: {
        const name = cursor.text()
        const content = bytes.subarray(cursor.at, end)
        if (name === 'name') names = readNames(new Cursor(content))
        else custom.set(name, content)
        break
      }
      case 1:
        for (let count = cursor.u32(); count > 0; count--) types.push(readType(cursor))
        break
      case 2:
        for (let count = cursor.u32(); count > 0; count--) imports.push(readImport(cursor, types))
        break
      case 3:
        for (let count = cursor.u32(); count > 0; count--) functionTypes.push(cursor.u32())
        break
      case 7:
        for (let count = cursor.u32(); count > 0; count--) {
          const name = cursor.text()
          cursor.u8()
          exports.push({ name, index: cursor.u32() })
        }
        break
      case 10:
        for (let count = cursor.u32(); count > 0; count--) {
          const length = cursor.u32()
          bodies.push({ start: cursor.at, end: cursor.at + length })
          cursor.at += length
        }
        break
      default:
        throw cursor.bad(`section ${id} is not one of ours`)
    }
    cursor.at = end
  }
  const imported = imports.filter(({ kind }) => kind === 'func').length
  const functions = bodies.map(({ start, end }, i) => {
    const type = types[functionTypes[i] ?? -1]
    if (type === undefined || end > bytes.length) throw cursor.bad(`function ${i} has no type, or no end`)
    const index = imported + i
    return { index, name: names.get(index) ?? '', ...type, ...readBody(new Cursor(bytes, start), end) }
  })
  return { imports, functions, exports, custom }
}

function readType(cursor: Cursor): WasmType {
  if (cursor.u8() !== 0x60) throw cursor.bad('no function type')
  const list = (): string[] => {
    const found: string[] = []
    for (let count = cursor.u32(); count > 0; count--) found.push(cursor.type())
    return found
  }
  const params = list()
  return { params, results: list() }
}

function readImport(cursor: Cursor, types: readonly WasmType[]): WasmImport {
  const module = cursor.text()
  const name = cursor.text()
  const kind = cursor.u8()
  if (kind === 0) return { module, name, kind: 'func', type: types[cursor.u32()] }
  if (kind === 1) cursor.type()
  else if (kind !== 2) throw cursor.bad(`an import of kind ${kind}`)
  // Limits: with or without a maximum.
  if (cursor.u8() === 1) cursor.u32()
  cursor.u32()
  return { module, name, kind: kind === 1 ? 'table' : 'memory', type: undefined }
}

function readNames(cursor: Cursor): Map<number, string> {
  const names = new Map<number, string>()
  while (cursor.more) {
    const kind = cursor.u8()
    const size = cursor.u32()
    const end = cursor.at + size
    if (kind === 1) {
      for (let count = cursor.u32(); count > 0; count--) {
        const index = cursor.u32()
        names.set(index, cursor.text())
      }
    }
    cursor.at = end
  }
  return names
}

function readBody(cursor: Cursor, end: number): Pick<WasmFunctionText, 'locals' | 'start' | 'end' | 'insns'> {
  const locals: string[] = []
  for (let runs = cursor.u32(); runs > 0; runs--) {
    const count = cursor.u32()
    const type = cursor.type()
    if (locals.length + count > 50_000) throw cursor.bad('more locals than a function may have')
    for (let i = 0; i < count; i++) locals.push(type)
  }
  const start = cursor.at
  const insns: WasmInsn[] = []
  let depth = 0
  while (cursor.at < end) {
    const offset = cursor.at
    const { text, opens, closes } = readInsn(cursor)
    if (closes) depth = Math.max(0, depth - 1)
    insns.push({ offset, length: cursor.at - offset, text, depth })
    if (opens) depth++
  }
  return { locals, start, end, insns }
}

function readInsn(cursor: Cursor): { text: string; opens: boolean; closes: boolean } {
  const code = cursor.u8()
  const plain = PLAIN_NAMES.get(code)
  if (plain !== undefined) return { text: plain, opens: plain === 'else', closes: plain === 'end' || plain === 'else' }
  const simple = (text: string) => ({ text, opens: false, closes: false })
  const memory = MEMORY_NAMES.get(code)
  if (memory !== undefined) {
    cursor.u32()
    const offset = cursor.u32()
    return simple(offset === 0 ? memory : `${memory} offset=${offset}`)
  }
  if (code === PREFIX) {
    const second = cursor.u8()
    if (second === SATURATING) return simple('i64.trunc_sat_f64_s')
    const name = OTHER_NAMES.get((PREFIX << 8) | second)
    if (name === undefined) throw cursor.bad(`instruction 0xfc 0x${second.toString(16)}`)
    for (let i = name === 'memory.copy' ? 2 : 1; i > 0; i--) cursor.u8()
    return simple(name)
  }
  const name = OTHER_NAMES.get(code)
  switch (name) {
    case 'block':
    case 'loop':
    case 'if': {
      const type = cursor.u8()
      return {
        text: type === NO_BLOCK_TYPE ? name : `${name} (result ${TYPES[type] ?? type})`,
        opens: true,
        closes: false,
      }
    }
    case 'i32.const':
      return simple(`${name} ${cursor.s64()}`)
    case 'i64.const':
      return simple(`${name} ${cursor.s64()}`)
    case 'br_table': {
      const labels: number[] = []
      for (let count = cursor.u32() + 1; count > 0; count--) labels.push(cursor.u32())
      return simple(`${name} ${labels.join(' ')}`)
    }
    case 'call_indirect':
    case 'return_call_indirect': {
      const type = cursor.u32()
      cursor.u32()
      return simple(`${name} (type ${type})`)
    }
    case 'memory.size':
      cursor.u32()
      return simple(name)
    case undefined:
      throw cursor.bad(`instruction 0x${code.toString(16)}`)
    default:
      return simple(`${name} ${cursor.u32()}`)
  }
}

class Cursor {
  at: number
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes
    this.at = at
  }

  get more(): boolean {
    return this.at < this.#bytes.length
  }

  bad(what: string): FormatError {
    return new FormatError('wasm', what, { offset: this.at })
  }

  u8(): number {
    const byte = this.#bytes[this.at]
    if (byte === undefined) throw this.bad('the module ends early')
    this.at++
    return byte
  }

  u32(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw this.bad('a number of more than 32 bits')
  }

  s64(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.u8()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asIntN(64, (byte & 0x40) === 0 ? value : value - (1n << (shift + 7n)))
    }
    throw this.bad('a number of more than 64 bits')
  }

  type(): string {
    const code = this.u8()
    const name = TYPES[code]
    if (name === undefined) throw this.bad(`type 0x${code.toString(16)}`)
    return name
  }

  text(): string {
    const length = this.u32()
    const start = this.at
    this.at += length
    if (this.at > this.#bytes.length) throw this.bad('a name ends behind the module')
    return decodeText(this.#bytes.subarray(start, this.at))
  }
}
