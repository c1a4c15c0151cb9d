import { asmError, type Position, type Token } from './asm-lexer.js'
import { BPF_JMP, BPF_JMP32 } from './constants.js'
import { type InsnFields, insnFields } from './insn.js'
import { OP, type OpName } from './opcodes.js'
import { ALU_OPERATORS, COND_OPERATORS } from './operators.js'

/** Something a symbol stands for: the value and src of an ld_imm64, or the id of a called function. */
export interface AsmSymbol {
  readonly value: bigint
  /** BPF_PSEUDO_…; default 0. */
  readonly src?: number
  /** off of a kfunc call: the index of its BTF's descriptor. */
  readonly off?: number
}

/** Where a label's distance goes once labels are known. */
export interface LabelUse {
  readonly label: string
  readonly field: 'off' | 'imm'
  readonly position: Position
}

export interface Statement {
  readonly fields: InsnFields
  readonly use?: LabelUse
}

/** What the parser asks about names; undefined answers mean unknown. */
export interface AsmNames {
  isLabel(name: string): boolean
  helper(name: string): number | undefined
  symbol(name: string): AsmSymbol | undefined
}

interface Register {
  readonly number: number
  readonly narrow: boolean
}

interface Memory {
  readonly bits: number
  readonly signed: boolean
  readonly base: number
  readonly off: number
}

const ALU_BY_TEXT = new Map(Object.entries(ALU_OPERATORS).map(([op, text]) => [text, op]))
const COND_BY_TEXT = new Map(Object.entries(COND_OPERATORS).map(([op, text]) => [text, op]))
const ATOMIC_BY_TEXT: Readonly<Record<string, string>> = { '+=': 'add', '|=': 'or', '&=': 'and', '^=': 'xor' }
const WIDE_HINT = 'write `ll` after the number for a 64-bit load'

/** Parses one statement. `code` is the opcode a kernel listing shows: it tells `(18) r1 = 0x5` from `(b7) r1 = 5`. */
export class StatementParser {
  readonly #tokens: readonly Token[]
  readonly #line: number
  readonly #names: AsmNames
  readonly #code: number | undefined
  #at = 0

  constructor(tokens: readonly Token[], line: number, names: AsmNames, code?: number) {
    this.#tokens = tokens
    this.#line = line
    this.#names = names
    this.#code = code
  }

  parse(): Statement {
    const statement = this.#statement()
    // llvm-objdump names the target of a jump in angle brackets.
    const jumps = (statement.fields.code & 7) === BPF_JMP || (statement.fields.code & 7) === BPF_JMP32
    if (jumps && this.#is('<') && this.#tokens.some((token) => token.text === '>')) return statement
    const rest = this.#peek()
    if (rest.kind !== 'end') throw this.#error(`unexpected '${rest.text}' after the instruction`)
    return statement
  }

  #statement(): Statement {
    const { kind, text } = this.#peek()
    if (text === '*') return this.#store()
    if (kind !== 'word') throw this.#error(`expected an instruction, found '${text}'`)
    if (registerOf(text) !== undefined) return this.#assignment()
    this.#at++
    switch (text) {
      case 'exit':
        return this.#emit('exit')
      case 'goto':
      case 'may_goto':
        return this.#jump(text, {}, 'off')
      case 'gotol':
        return this.#jump(text, {}, 'imm')
      case 'gotox':
      case 'callx':
        return this.#emit(text, { dst: this.#register(false).number })
      case 'call':
        return this.#call()
      case 'if':
        return this.#conditional()
      case 'lock':
        return this.#lock()
      case 'store_release':
        return this.#storeRelease()
      case 'ld_pseudo':
        return this.#pseudo()
      case 'nospec':
        return this.#emit('nospec')
      default:
        this.#at--
        if (/^[rw]\d+$/.test(text)) throw this.#error(`there is no register '${text}'`, 'registers are r0 to r10')
        throw this.#error(
          `unknown instruction '${text}'`,
          'an instruction reads like `r0 = 1`, `if r1 > 2 goto +3` or `exit`',
        )
    }
  }

  // `*(u32 *)(r1 + 4) = r2` and `= 5`
  #store(): Statement {
    this.#expect('*')
    const { bits, signed, base, off } = this.#memory()
    if (signed) throw this.#error('a store has no sign', `write *(u${bits} *)`)
    this.#expect('=')
    const register = this.#optionalRegister()
    if (register !== undefined) {
      if (register.narrow && bits === 64) throw this.#error('a 64-bit store needs an r register')
      return this.#emit(`stx${bits}`, { dst: base, src: register.number, off })
    }
    return this.#emit(`st${bits}`, { dst: base, off, imm: this.#imm(bits === 64) })
  }

  // `lock *(u64 *)(r1 + 0) += r2`
  #lock(): Statement {
    this.#expect('*')
    const { bits, base, off } = this.#memory()
    const operator = this.#next().text
    const op = ATOMIC_BY_TEXT[operator]
    if (op === undefined || bits < 32) {
      this.#at--
      throw this.#error(
        op === undefined ? `'${operator}' is no atomic operation` : `there are no ${bits}-bit atomic operations`,
        'atomic operations are +=, |=, &= and ^= on u32 and u64',
      )
    }
    return this.#emit(`atomic_${op}${bits}`, { dst: base, off, src: this.#anyWidth(bits) })
  }

  #storeRelease(): Statement {
    this.#expect('(')
    const { bits, base, off } = this.#memory()
    this.#expect(',')
    const src = this.#anyWidth(bits)
    this.#expect(')')
    return this.#emit(`store_release${bits}`, { dst: base, src, off })
  }

  // llvm-objdump's `ld_pseudo r1, 0x1, 0x5`
  #pseudo(): Statement {
    const dst = this.#register(false).number
    this.#expect(',')
    const src = Number(this.#number(0n, 6n))
    this.#expect(',')
    return this.#emit('ld_imm64', { dst, src, imm64: this.#number(-(1n << 63n), (1n << 64n) - 1n) })
  }

  #call(): Statement {
    const token = this.#next()
    if (token.text === 'pc' && this.#isSign()) {
      const imm = this.#distance(32)
      this.#skipName()
      return this.#emit('call_pc', { imm })
    }
    if (token.kind === 'number' || token.text === '-' || token.text === '+') {
      this.#at--
      return this.#emit('call', { imm: this.#imm(false) })
    }
    if (token.kind !== 'word') throw this.#errorAt(token, 'expected a function to call')
    // The kernel writes the id behind the name, of helpers and kfuncs alike.
    if (this.#is('#')) {
      this.#at++
      const helper = ['unknown', 'bpf_unspec'].includes(token.text) || this.#names.helper(token.text) !== undefined
      return this.#emit(helper ? 'call' : 'call_kfunc', { imm: this.#imm(false) })
    }
    if (token.text === 'kernel' && this.#is('-')) {
      this.#expect('-')
      this.#expect('function')
      this.#expect('#')
      return this.#emit('call_kfunc', { imm: this.#imm(false) })
    }
    if (this.#names.isLabel(token.text)) {
      return this.#emit('call_pc', {}, { label: token.text, field: 'imm', position: this.#position(token) })
    }
    const id = this.#names.helper(token.text)
    if (id !== undefined) return this.#emit('call', { imm: id })
    const symbol = this.#names.symbol(token.text)
    if (symbol !== undefined) {
      const { value, src = 0, off = 0 } = symbol
      return this.#emit('call', { src, off, imm: Number(BigInt.asIntN(32, value)) })
    }
    throw this.#errorAt(
      token,
      `unknown function '${token.text}'`,
      'helpers are called by number or name (`call bpf_map_lookup_elem`), subprograms by label',
    )
  }

  #conditional(): Statement {
    const left = this.#register()
    const operatorToken = this.#peek()
    const operator = this.#operator()
    const op = COND_BY_TEXT.get(operator)
    if (op === undefined) throw this.#errorAt(operatorToken, `'${operator}' is no comparison`)
    const bits = left.narrow ? 32 : 64
    const right = this.#optionalRegister()
    if (right !== undefined && right.narrow !== left.narrow) {
      throw this.#error('both sides of a comparison must be r or both w registers')
    }
    // A number may be signed or, as the kernel prints it, the u32 it is encoded as.
    const fields = right === undefined ? { imm: this.#imm(false) } : { src: right.number }
    this.#expect('goto')
    return this.#jump(`${op}${bits}_${right === undefined ? 'imm' : 'reg'}`, { dst: left.number, ...fields }, 'off')
  }

  #jump(name: string, fields: Omit<InsnFields, 'code'>, field: 'off' | 'imm'): Statement {
    const token = this.#peek()
    if (token.kind === 'word' && !(token.text === 'pc' && this.#isSign(1))) {
      this.#at++
      if (!this.#names.isLabel(token.text)) throw this.#errorAt(token, `unknown label '${token.text}'`)
      return this.#emit(name, fields, { label: token.text, field, position: this.#position(token) })
    }
    if (token.text === 'pc') this.#at++
    return this.#emit(name, { ...fields, [field]: this.#distance(field === 'off' ? 16 : 32) })
  }

  #distance(bits: 16 | 32): number {
    const limit = 1n << BigInt(bits - 1)
    return Number(this.#number(-limit, limit - 1n))
  }

  // Everything that begins with a register.
  #assignment(): Statement {
    const dst = this.#register()
    const operatorToken = this.#peek()
    const operator = this.#operator()
    if (operator === '=') return this.#value(dst)
    const op = ALU_BY_TEXT.get(operator)
    if (op === undefined) throw this.#errorAt(operatorToken, `'${operator}' is no operation on a register`)
    const bits = dst.narrow ? 32 : 64
    const right = this.#optionalRegister()
    if (right === undefined) return this.#emit(`${op}${bits}_imm`, { dst: dst.number, imm: this.#imm(!dst.narrow) })
    if (right.narrow !== dst.narrow) throw this.#error('both operands must be r or both w registers')
    return this.#emit(`${op}${bits}_reg`, { dst: dst.number, src: right.number })
  }

  // The right side of `r1 = …`
  #value(dst: Register): Statement {
    const bits = dst.narrow ? 32 : 64
    const token = this.#peek()
    if (token.text === '*') return this.#load(dst)
    if (token.text === '(') return this.#signExtend(dst)
    if (token.text === '&') return this.#percpu(dst)
    if (token.text === '-') {
      const operand = registerOf(this.#tokens[this.#at + 1]?.text ?? '')
      if (operand === undefined) return this.#number64(dst)
      this.#at += 2
      if (operand.number !== dst.number || operand.narrow !== dst.narrow) {
        throw this.#errorAt(
          token,
          'negation works on one register',
          `write ${registerText(dst)} = -${registerText(dst)}`,
        )
      }
      return this.#emit(`neg${bits}`, { dst: dst.number })
    }
    if (token.kind !== 'word') return this.#number64(dst)
    const register = this.#optionalRegister()
    if (register !== undefined) {
      if (register.narrow !== dst.narrow) throw this.#errorAt(token, 'both operands must be r or both w registers')
      return this.#emit(`mov${bits}_reg`, { dst: dst.number, src: register.number })
    }
    const swap = /^(be|le|bswap)(16|32|64)$/.exec(token.text)
    if (swap !== null) return this.#swap(dst, `${swap[1]}${swap[2]}`)
    if (token.text === 'load_acquire') return this.#loadAcquire(dst)
    if (token.text === 'addr_space_cast') return this.#addressSpaceCast(dst)
    if (/^(atomic(64)?_|c?(mp)?xchg)/.test(token.text)) return this.#atomic(dst)
    return this.#symbol(dst)
  }

  #number64(dst: Register): Statement {
    const start = this.#at
    const value = this.#number(-(1n << 63n), (1n << 64n) - 1n)
    if (this.#is('ll') || this.#code === 0x18) {
      if (this.#is('ll')) this.#at++
      if (dst.narrow) throw this.#error('a 64-bit load needs an r register')
      return this.#emit('ld_imm64', { dst: dst.number, imm64: value })
    }
    this.#at = start
    return this.#emit(dst.narrow ? 'mov32_imm' : 'mov64_imm', { dst: dst.number, imm: this.#imm(!dst.narrow) })
  }

  // `r1 = my_map ll`, `r1 = map[id:5]`
  #symbol(dst: Register): Statement {
    const token = this.#peek()
    let name = ''
    while (this.#peek().kind !== 'end' && !(this.#is('ll') && !this.#peek().joined)) name += this.#next().text
    const symbol = this.#names.symbol(name)
    if (symbol !== undefined) {
      if (this.#is('ll')) this.#at++
      return this.#emit('ld_imm64', { dst: dst.number, src: symbol.src ?? 0, imm64: symbol.value })
    }
    if (this.#names.isLabel(name)) {
      if (this.#is('ll')) this.#at++
      return this.#emit('ld_func', { dst: dst.number }, { label: name, field: 'imm', position: this.#position(token) })
    }
    throw this.#errorAt(
      token,
      `unknown symbol '${name}'`,
      'symbols are those the caller names, or labels of subprograms',
    )
  }

  #load(dst: Register): Statement {
    this.#expect('*')
    const { bits, signed } = this.#type()
    if (this.#is('skb')) {
      this.#at++
      this.#expect('[')
      const register = this.#optionalRegister()
      let imm = 0
      if (register === undefined) imm = this.#imm(false)
      else if (this.#isSign()) {
        // The kernel prints a negative displacement behind its plus.
        if (this.#is('+')) this.#at++
        imm = this.#imm(false)
      }
      this.#expect(']')
      if (dst.number !== 0 || dst.narrow) throw this.#error('packet loads go to r0')
      if (signed) throw this.#error('packet loads have no sign')
      return register === undefined
        ? this.#emit(`ld_abs${bits}`, { imm })
        : this.#emit(`ld_ind${bits}`, { src: register.number, imm })
    }
    const { base, off } = this.#place()
    if (dst.narrow && (bits === 64 || signed)) {
      throw this.#error(`${signed ? 'a sign-extending' : 'a 64-bit'} load needs an r register`)
    }
    if (signed && bits === 64) throw this.#error('there is no s64 load', 'write *(u64 *)')
    return this.#emit(`${signed ? 'ldsx' : 'ldx'}${bits}`, { dst: dst.number, src: base, off })
  }

  #loadAcquire(dst: Register): Statement {
    this.#at++
    this.#expect('(')
    const { bits, base, off } = this.#memory()
    this.#expect(')')
    if (dst.narrow && bits === 64) throw this.#error('a 64-bit load needs an r register')
    return this.#emit(`load_acquire${bits}`, { dst: dst.number, src: base, off })
  }

  #signExtend(dst: Register): Statement {
    this.#expect('(')
    const token = this.#next()
    const from = /^s(8|16|32)$/.exec(token.text)?.[1]
    const bits = dst.narrow ? 32 : 64
    if (from === undefined || Number(from) >= bits) {
      throw this.#errorAt(token, `'${token.text}' is no narrower signed type`, 'a move extends from s8, s16 or s32')
    }
    this.#expect(')')
    const register = this.#register()
    if (register.narrow !== dst.narrow) throw this.#error('both operands must be r or both w registers')
    return this.#emit(`movsx${bits}_${from}`, { dst: dst.number, src: register.number })
  }

  #swap(dst: Register, name: string): Statement {
    this.#at++
    const operand = this.#register()
    if (operand.number !== dst.number || operand.narrow || dst.narrow) {
      throw this.#error('a byte swap works on one r register', `write r${dst.number} = ${name} r${dst.number}`)
    }
    return this.#emit(name, { dst: dst.number })
  }

  #percpu(dst: Register): Statement {
    for (const text of ['&', '(', 'void', '__percpu', '*', ')', '(']) this.#expect(text)
    const src = this.#register(false).number
    this.#expect(')')
    return this.#emit('mov64_percpu', { dst: dst.number, src })
  }

  #addressSpaceCast(dst: Register): Statement {
    this.#at++
    this.#expect('(')
    const src = this.#register(false).number
    this.#expect(',')
    const to = Number(this.#number(0n, 0xffffn))
    this.#expect(',')
    const from = Number(this.#number(0n, 0xffffn))
    this.#expect(')')
    return this.#emit('addr_space_cast', { dst: dst.number, src, imm: (to << 16) | from })
  }

  // Both spellings: LLVM's `w1 = xchg32_32(r2 + 0, w1)`, the kernel's `r1 = atomic64_xchg((u64 *)(r2 +0), r1)`.
  #atomic(dst: Register): Statement {
    const token = this.#next()
    const llvm = /^(xchg|cmpxchg)(_64|32_32)$/.exec(token.text)
    const kernel = /^atomic(?:64)?_(?:fetch_(add|or|and|xor)|(xchg|cmpxchg))$/.exec(token.text)
    const op = llvm?.[1] ?? kernel?.[1] ?? kernel?.[2]
    if (op === undefined) throw this.#errorAt(token, `unknown atomic operation '${token.text}'`)
    this.#expect('(')
    const bits = llvm === null ? this.#type().bits : llvm[2] === '_64' ? 64 : 32
    const { base, off } = llvm === null ? this.#place() : this.#displacement()
    this.#expect(',')
    const swapsR0 = op === 'cmpxchg'
    if (swapsR0) {
      this.#sameRegister(0)
      this.#expect(',')
    }
    const src = this.#anyWidth(bits)
    this.#expect(')')
    const result = swapsR0 ? 0 : src
    if (dst.number !== result) throw this.#errorAt(token, `the old value goes to r${result}, not r${dst.number}`)
    const name = op === 'xchg' || swapsR0 ? `atomic_${op}${bits}` : `atomic_fetch_${op}${bits}`
    return this.#emit(name, { dst: base, src, off })
  }

  #sameRegister(number: number): void {
    const register = this.#register()
    if (register.number === number) return
    this.#at--
    throw this.#error(`expected r${number}`)
  }

  // `(u32 *)(r1 + 4)`
  #memory(): Memory {
    return { ...this.#type(), ...this.#place() }
  }

  #type(): { bits: number; signed: boolean } {
    this.#expect('(')
    const token = this.#next()
    const match = /^([us])(8|16|32|64)$/.exec(token.text)
    if (match === null)
      throw this.#errorAt(token, `'${token.text}' is no memory type`, 'types are u8, u16, u32, u64, s8, s16, s32')
    this.#expect('*')
    this.#expect(')')
    return { bits: Number(match[2]), signed: match[1] === 's' }
  }

  #place(): { base: number; off: number } {
    this.#expect('(')
    const place = this.#displacement()
    this.#expect(')')
    return place
  }

  #displacement(): { base: number; off: number } {
    const base = this.#register(false).number
    return { base, off: this.#isSign() ? Number(this.#number(-0x8000n, 0x7fffn)) : 0 }
  }

  /** A register whose width follows from the access: w is allowed up to 32 bits. */
  #anyWidth(bits: number): number {
    const register = this.#register()
    if (!register.narrow || bits <= 32) return register.number
    this.#at--
    throw this.#error(`a ${bits}-bit operation needs an r register`)
  }

  #register(narrowToo = true): Register {
    const token = this.#peek()
    const register = this.#optionalRegister()
    if (register === undefined) throw this.#errorAt(token, `expected a register, found '${token.text || 'the end'}'`)
    if (register.narrow && !narrowToo) throw this.#errorAt(token, `expected an r register, found '${token.text}'`)
    return register
  }

  #optionalRegister(): Register | undefined {
    const token = this.#peek()
    const register = token.kind === 'word' ? registerOf(token.text) : undefined
    if (register === undefined) {
      if (/^[rw]\d+$/.test(token.text))
        throw this.#errorAt(token, `there is no register '${token.text}'`, 'registers are r0 to r10')
      return undefined
    }
    this.#at++
    return register
  }

  /** A 32-bit operand. `wide`: it is sign-extended to 64 bits, so a number above s32 would not be what it says. */
  #imm(wide: boolean): number {
    const token = this.#peek()
    const value = this.#number(-0x8000_0000n, 0xffff_ffffn, WIDE_HINT)
    if (wide && value > 0x7fff_ffffn) {
      throw this.#errorAt(
        token,
        `${value} is sign-extended from 32 bits and would become ${BigInt.asIntN(32, value)}`,
        `write ${BigInt.asIntN(32, value)} if that is meant; ${WIDE_HINT}`,
      )
    }
    return Number(BigInt.asIntN(32, value))
  }

  /** An optional sign and a number in [low, high]. */
  #number(low: bigint, high: bigint, hint?: string): bigint {
    const first = this.#peek()
    let negative = false
    // `+ -4` is the kernel's way with a negative displacement.
    while (this.#isSign()) if (this.#next().text === '-') negative = !negative
    const token = this.#next()
    if (token.kind !== 'number') throw this.#errorAt(token, `expected a number, found '${token.text || 'the end'}'`)
    // Digits beyond any 64-bit number are not worth converting.
    const magnitude = token.text.length > 40 ? 1n << 65n : BigInt(token.text)
    const value = negative ? -magnitude : magnitude
    if (value < low || value > high)
      throw this.#errorAt(first, `${negative ? '-' : ''}${token.text.slice(0, 40)} does not fit ${low}..${high}`, hint)
    return value
  }

  /** An operator, `s` prefix included: `s>>=`. */
  #operator(): string {
    const sign = this.#peek()
    if (sign.text === 's' && this.#tokens[this.#at + 1]?.joined === true) {
      this.#at++
      return `s${this.#operator()}`
    }
    const token = this.#next()
    if (token.kind !== 'punctuation')
      throw this.#errorAt(token, `expected an operator, found '${token.text || 'the end'}'`)
    return token.text
  }

  /** `#name` behind a subprogram call. */
  #skipName(): void {
    if (!this.#is('#')) return
    while (this.#peek().kind !== 'end') this.#at++
  }

  #emit(name: string, fields: Omit<InsnFields, 'code'> = {}, use?: LabelUse): Statement {
    if (!Object.hasOwn(OP, name)) throw this.#error(`there is no such instruction (${name})`)
    const statement = { fields: insnFields(name as OpName, fields) }
    return use === undefined ? statement : { ...statement, use }
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? (this.#tokens.at(-1) as Token)
  }
  #next(): Token {
    const token = this.#peek()
    if (token.kind !== 'end') this.#at++
    return token
  }
  #is(text: string): boolean {
    return this.#peek().text === text
  }
  #isSign(ahead = 0): boolean {
    const text = this.#tokens[this.#at + ahead]?.text
    return text === '+' || text === '-'
  }
  #expect(text: string): void {
    const token = this.#next()
    if (token.text !== text) throw this.#errorAt(token, `expected '${text}', found '${token.text || 'the end'}'`)
  }
  #position(token: Token): Position {
    return { line: this.#line, column: token.column }
  }
  #error(reason: string, hint?: string): Error {
    return this.#errorAt(this.#peek(), reason, hint)
  }
  #errorAt(token: Token, reason: string, hint?: string): Error {
    return asmError(this.#position(token), reason, hint)
  }
}

function registerOf(text: string): Register | undefined {
  const match = /^([rw])(\d|1[01])$/.exec(text)
  return match === null ? undefined : { number: Number(match[2]), narrow: match[1] === 'w' }
}

function registerText({ number, narrow }: Register): string {
  return `${narrow ? 'w' : 'r'}${number}`
}
