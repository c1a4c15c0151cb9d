import type { BtfKind } from '../types.js'
import { CheckFailure, type CheckLog } from './log.js'
import { checkMember } from './members.js'
import type { RawTypes } from './raw-types.js'

/** MAX_RESOLVE_DEPTH: how many types may wait for each other. */
const MAX_DEPTH = 32

const VISITED = 1
const RESOLVED = 2

/** What ends a chain, which depends on what it began with: a struct may hold a pointer to itself, not itself. */
type Mode = 'open' | 'pointer' | 'aggregate'

export const isModifierKind = (kind: BtfKind) =>
  kind === 'typedef' || kind === 'volatile' || kind === 'const' || kind === 'restrict' || kind === 'type_tag'
const isComposite = (kind: BtfKind) => kind === 'struct' || kind === 'union'
/** Has no size of its own. */
const isSizeless = (kind: BtfKind) =>
  kind === 'void' || kind === 'fwd' || kind === 'func' || kind === 'func_proto' || kind === 'decl_tag'
/** Refers to others and may not be referred to. */
const isSourceOnly = (kind: BtfKind) => kind === 'var' || kind === 'decl_tag' || kind === 'datasec'

function needsResolving(kind: BtfKind): boolean {
  switch (kind) {
    case 'ptr':
    case 'struct':
    case 'union':
    case 'array':
    case 'var':
    case 'func':
    case 'decl_tag':
    case 'datasec':
      return true
    default:
      return isModifierKind(kind)
  }
}

interface Frame {
  readonly id: number
  /** First member not looked at yet. */
  next: number
}

/**
 * Second pass: every reference leads to a type that makes sense there, nothing contains itself, members lie inside their
 * struct. Follows the kernel's btf_check_all_types(), an explicit stack of at most 32 included.
 */
export class References {
  readonly types: RawTypes
  readonly log: CheckLog
  readonly #state: Uint8Array
  /** What a chain of modifiers, a pointer or a variable was found to end in. */
  readonly #target: Uint32Array
  readonly #arraySize: Float64Array
  #stack: Frame[] = []
  #mode: Mode = 'open'

  constructor(types: RawTypes, log: CheckLog) {
    this.types = types
    this.log = log
    this.#state = new Uint8Array(types.count)
    this.#target = new Uint32Array(types.count)
    this.#arraySize = new Float64Array(types.count)
  }

  run(): void {
    const { types } = this
    for (let id = 1; id < types.count; id++) {
      const kind = types.kind(id)
      if (needsResolving(kind)) this.#ensure(id)
      if (kind === 'func_proto') this.#prototype(id)
    }
  }

  #ensure(id: number): void {
    if (this.#state[id] === RESOLVED) return
    const { log, types } = this
    this.#mode = 'open'
    this.#stack = []
    try {
      this.#push(id)
      for (let frame = this.#stack.at(-1); frame !== undefined; frame = this.#stack.at(-1)) this.#step(frame)
    } catch (error) {
      if (error instanceof CheckFailure && error.message === '') {
        const what = error.errno === 'E2BIG' ? `Exceeded max resolving depth:${MAX_DEPTH}` : 'Loop detected'
        log.failType(types, id, what, error.errno)
      }
      throw error
    }
    if (!this.#isSettled(id)) log.failType(types, id, 'Invalid resolve state')
  }

  #push(id: number): void {
    if (this.#stack.length === MAX_DEPTH) throw new CheckFailure('E2BIG', '')
    if (this.#state[id] !== 0) throw new CheckFailure('EEXIST', '')
    this.#state[id] = VISITED
    this.#stack.push({ id, next: 0 })
    if (this.#mode !== 'open') return
    const kind = this.types.kind(id)
    if (kind === 'ptr') this.#mode = 'pointer'
    else if (isComposite(kind) || kind === 'array') this.#mode = 'aggregate'
  }

  #pop(target: number, arraySize = 0): void {
    const frame = this.#stack.pop()!
    this.#target[frame.id] = target
    this.#arraySize[frame.id] = arraySize
    this.#state[frame.id] = RESOLVED
  }

  /** Must `id` be resolved before what refers to it? Pushes it then. */
  #waits(id: number): boolean {
    if (this.#isSink(this.types.kind(id)) || this.#state[id] === RESOLVED) return false
    this.#push(id)
    return true
  }

  #isSink(kind: BtfKind): boolean {
    switch (this.#mode) {
      case 'open':
        return !needsResolving(kind)
      case 'pointer':
        return !isModifierKind(kind) && kind !== 'ptr'
      case 'aggregate':
        return !isModifierKind(kind) && kind !== 'array' && !isComposite(kind)
    }
  }

  /** What a resolved modifier, variable, pointer or function was found to lead to. */
  follow(id: number): number {
    return this.#target[id]!
  }

  /** The sized type behind `id` and its size; undefined where there is none. */
  sized(id: number): { id: number; size: number } | undefined {
    const { types } = this
    if (!types.has(id)) return undefined
    const end = isModifierKind(types.kind(id)) || types.kind(id) === 'var' ? this.#target[id]! : id
    const kind = types.kind(end)
    if (isSizeless(kind)) return undefined
    if (kind === 'array') return { id: end, size: this.#arraySize[end]! }
    if (kind === 'ptr') return { id: end, size: 8 }
    if (isModifierKind(kind) || kind === 'var') return undefined
    return { id: end, size: types.word(end) }
  }

  #step(frame: Frame): void {
    switch (this.types.kind(frame.id)) {
      case 'ptr':
        this.#pointer(frame.id)
        break
      case 'array':
        this.#array(frame.id)
        break
      case 'struct':
      case 'union':
        this.#composite(frame)
        break
      case 'var':
        this.#variable(frame.id)
        break
      case 'datasec':
        this.#datasec(frame)
        break
      case 'func':
        this.#func(frame.id)
        break
      case 'decl_tag':
        this.#declTag(frame.id)
        break
      default:
        this.#modifier(frame.id)
    }
  }

  #fail(id: number, what: string): never {
    return this.log.failType(this.types, id, what)
  }

  #modifier(id: number): void {
    const { types } = this
    const next = types.word(id)
    if (!types.has(next) || isSourceOnly(types.kind(next))) this.#fail(id, 'Invalid type_id')
    if (this.#waits(next)) return
    this.#pop(this.#behind(id, next))
  }

  #pointer(id: number): void {
    const { types } = this
    const next = types.word(id)
    if (!types.has(next) || isSourceOnly(types.kind(next))) this.#fail(id, 'Invalid type_id')
    if (this.#waits(next)) return
    // A modifier met inside a struct stopped at the pointer it leads to: that one must not lead back here.
    if (isModifierKind(types.kind(next))) {
      const end = this.follow(next)
      if (types.kind(end) === 'ptr' && this.#waits(end)) return
    }
    this.#pop(this.#behind(id, next))
  }

  /** What a modifier or pointer to `next` ends in: something sized, or void, a forward declaration, a prototype. */
  #behind(id: number, next: number): number {
    const { types } = this
    const sized = this.sized(next)
    if (sized !== undefined) return sized.id
    const end = this.#state[next] === RESOLVED ? this.follow(next) : next
    const kind = types.kind(end)
    if (kind !== 'void' && kind !== 'fwd' && kind !== 'func_proto') this.#fail(id, 'Invalid type_id')
    return end
  }

  #variable(id: number): void {
    const { types } = this
    const next = types.word(id)
    if (!types.has(next) || isSourceOnly(types.kind(next))) this.#fail(id, 'Invalid type_id')
    if (this.#waits(next)) return
    if (isModifierKind(types.kind(next))) {
      const end = this.follow(next)
      if (types.kind(end) === 'ptr' && this.#waits(end)) return
    }
    const sized = this.sized(next)
    if (sized === undefined) this.#fail(id, 'Invalid type_id')
    this.#pop(sized.id)
  }

  #array(id: number): void {
    const { types } = this
    const at = types.at(id)
    const [element, index, length] = [types.u32(at + 12), types.u32(at + 16), types.u32(at + 20)]
    const unusable = (type: number) =>
      !types.has(type) || isSizeless(types.kind(type)) || isSourceOnly(types.kind(type))
    if (unusable(index)) this.#fail(id, 'Invalid index')
    if (this.#waits(index)) return
    const indexType = this.sized(index)
    if (indexType === undefined || types.kind(indexType.id) !== 'int' || !isRegularInt(types, indexType.id)) {
      this.#fail(id, 'Invalid index')
    }
    if (unusable(element)) this.#fail(id, 'Invalid elem')
    if (this.#waits(element)) return
    const elementType = this.sized(element)
    if (elementType === undefined) this.#fail(id, 'Invalid elem')
    if (types.kind(elementType.id) === 'int' && !isRegularInt(types, elementType.id))
      this.#fail(id, 'Invalid array of int')
    if (length > 0 && elementType.size > Math.floor(0xffff_ffff / length))
      this.#fail(id, 'Array size overflows U32_MAX')
    this.#pop(elementType.id, elementType.size * length)
  }

  #composite(frame: Frame): void {
    const { types } = this
    const { id } = frame
    // Coming back from a member that had to be resolved first: it is checked now.
    for (let i = frame.next; i < types.vlen(id); i++) {
      const member = types.u32(types.at(id) + 12 + 12 * i + 4)
      if (!types.has(member) || isSizeless(types.kind(member)) || isSourceOnly(types.kind(member))) {
        this.log.failMember(types, id, i, 'Invalid member')
      }
      frame.next = i
      if (this.#waits(member)) return
      checkMember(this, id, i)
    }
    this.#pop(0)
  }

  #datasec(frame: Frame): void {
    const { types } = this
    const log: CheckLog = this.log
    const { id } = frame
    for (let i = frame.next; i < types.vlen(id); i++) {
      const at = types.at(id) + 12 + 12 * i
      const variable = types.u32(at)
      if (!types.has(variable) || types.kind(variable) !== 'var')
        log.failVariable(types, id, i, 'Not a VAR kind member')
      if (this.#state[variable] !== RESOLVED) {
        frame.next = i + 1
        if (this.#waits(variable)) return
      }
      const sized = this.sized(types.word(variable))
      if (sized === undefined) log.failVariable(types, id, i, 'Invalid type')
      if (types.u32(at + 8) < sized.size) log.failVariable(types, id, i, 'Invalid size')
    }
    this.#pop(0)
  }

  #func(id: number): void {
    const { types } = this
    const proto = types.word(id)
    if (!types.has(proto) || types.kind(proto) !== 'func_proto') this.#fail(id, 'Invalid type_id')
    for (let i = 0; i < types.vlen(proto); i++) {
      const at = types.at(proto) + 12 + 8 * i
      if (types.u32(at) === 0 && types.u32(at + 4) !== 0) this.#fail(id, `Invalid arg#${i + 1}`)
    }
    this.#pop(proto)
  }

  #declTag(id: number): void {
    const { types } = this
    const next = types.word(id)
    const kind = types.has(next) ? types.kind(next) : 'void'
    if (!(kind === 'func' || isComposite(kind) || kind === 'var' || kind === 'typedef'))
      this.#fail(id, 'Invalid type_id')
    if (this.#waits(next)) return
    const component = types.i32(types.at(id) + 12)
    if (component !== -1) {
      if (kind === 'var' || kind === 'typedef') this.#fail(id, 'Invalid component_idx')
      const count = types.vlen(kind === 'func' ? types.word(next) : next)
      if (component >= count) this.#fail(id, 'Invalid component_idx')
    }
    this.#pop(next)
  }

  /** Is what was found about a type what its kind should have? */
  #isSettled(id: number): boolean {
    const kind = this.types.kind(id)
    if (this.#state[id] !== RESOLVED) return false
    if (kind === 'ptr' || kind === 'var' || isModifierKind(kind)) {
      const end = this.types.kind(this.#target[id]!)
      return !isModifierKind(end) && end !== 'var' && end !== 'datasec'
    }
    return true
  }

  #prototype(id: number): void {
    const { types } = this
    const returned = types.word(id)
    if (returned !== 0) {
      if (!types.has(returned) || isSourceOnly(types.kind(returned))) this.#fail(id, 'Invalid return type')
      if (needsResolving(types.kind(returned))) this.#ensure(returned)
      if (this.sized(returned) === undefined) this.#fail(id, 'Invalid return type')
    }
    let count = types.vlen(id)
    const arg = (i: number) => types.at(id) + 12 + 8 * i
    if (count > 0 && types.u32(arg(count - 1) + 4) === 0) {
      if (types.u32(arg(count - 1)) !== 0) this.#fail(id, `Invalid arg#${count}`)
      count--
    }
    for (let i = 0; i < count; i++) {
      const bad = (): never => this.#fail(id, `Invalid arg#${i + 1}`)
      const nameOff = types.u32(arg(i))
      const type = types.u32(arg(i) + 4)
      if (!types.has(type) || isSourceOnly(types.kind(type))) bad()
      if (nameOff !== 0 && !(types.isNameOffset(nameOff) && types.isIdentifier(nameOff))) bad()
      if (needsResolving(types.kind(type))) this.#ensure(type)
      if (this.sized(type) === undefined) bad()
    }
  }

  /** The kernel also refuses a tag behind a qualifier: tags come first. */
  checkTagOrder(): void {
    const { types, log } = this
    for (let id = 1; id < types.count; id++) {
      let kind = types.kind(id)
      if (!isModifierKind(kind)) continue
      let inTags = kind === 'type_tag'
      for (let at = id; isModifierKind(kind); kind = types.kind(at)) {
        if (kind === 'type_tag') {
          if (!inTags) log.fail("Type tags don't precede modifiers")
        } else inTags = false
        at = types.word(at)
      }
    }
  }
}

/** An int whose value is 1, 2, 4, 8 or 16 whole bytes: no bitfield of the old kind. */
export function isRegularInt(types: RawTypes, id: number): boolean {
  const data = types.u32(types.at(id) + 12)
  const bits = data & 0xff
  return ((data >>> 16) & 0xff) === 0 && [8, 16, 32, 64, 128].includes(bits)
}
