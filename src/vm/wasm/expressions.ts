import { CodeWriter } from './code-writer.js'
import type { MemoryName, PlainName, ValueType } from './opcodes.js'

// Functions written as expressions and statements, for code that people read: maps, the interpreter. A value is a
// number (an i32 constant), a local, or an expression, which pushes one value when it is written.

export interface Local {
  readonly local: number
}

export type Expression = (code: CodeWriter) => void
export type Value = number | Local | Expression

/** Writes what pushes a value. */
export function push(code: CodeWriter, value: Value): void {
  if (typeof value === 'number') code.i32(value | 0)
  else if (typeof value === 'function') value(code)
  else code.get(value.local)
}

const unary =
  (op: PlainName) =>
  (a: Value): Expression =>
  (code) => {
    push(code, a)
    code.op(op)
  }

const binary =
  (op: PlainName) =>
  (a: Value, b: Value): Expression =>
  (code) => {
    push(code, a)
    push(code, b)
    code.op(op)
  }

const load =
  (name: MemoryName) =>
  (address: Value, offset = 0): Expression =>
  (code) => {
    push(code, address)
    code.memory(name, offset)
  }

export const add = binary('i32.add')
export const sub = binary('i32.sub')
export const mul = binary('i32.mul')
export const and = binary('i32.and')
export const or = binary('i32.or')
export const xor = binary('i32.xor')
export const shl = binary('i32.shl')
export const shr = binary('i32.shr_u')
export const shrSigned = binary('i32.shr_s')
export const rotl = binary('i32.rotl')
export const rotr = binary('i32.rotr')
export const eq = binary('i32.eq')
export const ne = binary('i32.ne')
/** Unsigned, as addresses and counts are. */
export const below = binary('i32.lt_u')
export const above = binary('i32.gt_u')
export const atLeast = binary('i32.ge_u')
export const atMost = binary('i32.le_u')
export const isZero = unary('i32.eqz')
export const leadingZeros = unary('i32.clz')
export const wrap = unary('i32.wrap_i64')
export const extend = unary('i64.extend_i32_u')

export const load8 = load('i32.load8_u')
export const load16 = load('i32.load16_u')
export const load32 = load('i32.load')
export const load64 = load('i64.load')

export const i64 =
  (low: number, high?: number): Expression =>
  (code) =>
    code.i64(low, high)
export const add64 = binary('i64.add')
export const sub64 = binary('i64.sub')
export const ne64 = binary('i64.ne')
export const above64 = binary('i64.gt_u')
export const below64 = binary('i64.lt_u')

/** The first value where the condition holds, else the second; both are computed. */
export const choose =
  (condition: Value, then: Value, otherwise: Value): Expression =>
  (code) => {
    push(code, then)
    push(code, otherwise)
    push(code, condition)
    code.op('select')
  }

/** A call that gives a value. */
export const call =
  (func: number, ...args: Value[]): Expression =>
  (code) => {
    for (const arg of args) push(code, arg)
    code.call(func)
  }

/** Leaves a block, or goes on with the next round of a loop. */
export type Jump = (condition?: Value) => void

/** Statements of one function. */
export class FunctionBuilder {
  readonly code: CodeWriter
  #depth = 0

  constructor(params: number) {
    this.code = new CodeWriter(params)
  }

  param(index: number): Local {
    return { local: index }
  }

  /** A new variable; `initial` is written where it is declared. */
  local(initial?: Value, type: ValueType = 'i32'): Local {
    const local = { local: this.code.local(type) }
    if (initial !== undefined) this.set(local, initial)
    return local
  }

  set({ local }: Local, value: Value): void {
    push(this.code, value)
    this.code.set(local)
  }

  store8(address: Value, offset: number, value: Value): void {
    this.#store('i32.store8', address, offset, value)
  }
  store16(address: Value, offset: number, value: Value): void {
    this.#store('i32.store16', address, offset, value)
  }
  store32(address: Value, offset: number, value: Value): void {
    this.#store('i32.store', address, offset, value)
  }
  store64(address: Value, offset: number, value: Value): void {
    this.#store('i64.store', address, offset, value)
  }

  if(condition: Value, then: () => void, otherwise?: () => void): void {
    push(this.code, condition)
    this.code.if()
    this.#depth++
    then()
    if (otherwise !== undefined) {
      this.code.op('else')
      otherwise()
    }
    this.#depth--
    this.code.op('end')
  }

  /** `body` may leave the block early. */
  block(body: (leave: Jump) => void): void {
    this.code.block()
    const label = ++this.#depth
    body((condition) => this.#jump(label, condition))
    this.#depth--
    this.code.op('end')
  }

  /** `body` runs again where it says so. */
  loop(body: (again: Jump) => void): void {
    this.code.loop()
    const label = ++this.#depth
    body((condition) => this.#jump(label, condition))
    this.#depth--
    this.code.op('end')
  }

  /** While the condition holds; `body` may leave early or begin the next round. */
  while(condition: Value, body: (leave: Jump, next: Jump) => void): void {
    this.block((leave) => {
      this.loop((again) => {
        leave(isZero(condition))
        body(leave, again)
        again()
      })
    })
  }

  return(value?: Value): void {
    if (value !== undefined) push(this.code, value)
    this.code.op('return')
  }

  /** A call whose result, if it has one, is not wanted. */
  do(func: number, args: readonly Value[], hasResult = false): void {
    for (const arg of args) push(this.code, arg)
    this.code.call(func)
    if (hasResult) this.code.op('drop')
  }

  /** Copies a number of bytes known now; long runs as a bulk operation. The two must not overlap. */
  copy(to: Value, from: Value, size: number): void {
    const { code } = this
    if (size > 128) {
      push(code, to)
      push(code, from)
      code.i32(size).memoryCopy()
      return
    }
    for (let at = 0; at < size; ) {
      const left = size - at
      push(code, to)
      push(code, from)
      if (left >= 8) code.memory('i64.load', at).memory('i64.store', at)
      else if (left >= 4) code.memory('i32.load', at).memory('i32.store', at)
      else if (left >= 2) code.memory('i32.load16_u', at).memory('i32.store16', at)
      else code.memory('i32.load8_u', at).memory('i32.store8', at)
      at += left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1
    }
  }

  /** Zeroes a number of bytes known now. */
  zero(at: Value, size: number): void {
    push(this.code, at)
    this.code.i32(0).i32(size).memoryFill()
  }

  #store(name: MemoryName, address: Value, offset: number, value: Value): void {
    push(this.code, address)
    push(this.code, value)
    this.code.memory(name, offset)
  }

  #jump(label: number, condition: Value | undefined): void {
    const depth = this.#depth - label
    if (condition === undefined) this.code.br(depth)
    else {
      push(this.code, condition)
      this.code.brIf(depth)
    }
  }
}
