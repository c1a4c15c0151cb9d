import type { ErrnoName } from '../../base/index.js'
import type { RawTypes } from './raw-types.js'

/** Ends a check; the log already says why. */
export class CheckFailure extends Error {
  override readonly name = 'CheckFailure'
  readonly errno: ErrnoName
  constructor(errno: ErrnoName, reason: string) {
    super(reason)
    this.errno = errno
  }
}

const ENCODINGS: Readonly<Record<number, string>> = { 0: '(none)', 1: 'SIGNED', 2: 'CHAR', 4: 'BOOL' }

/** Fields that follow a type's name in the kernel's BTF log. */
function details(types: RawTypes, id: number): string {
  const at = types.at(id)
  const word = types.word(id)
  switch (types.kind(id)) {
    case 'int': {
      const data = types.u32(at + 12)
      const encoding = ENCODINGS[(data >>> 24) & 0xf] ?? 'UNKN'
      return `size=${word} bits_offset=${(data >>> 16) & 0xff} nr_bits=${data & 0xff} encoding=${encoding}`
    }
    case 'array':
      return `type_id=${types.u32(at + 12)} index_type_id=${types.u32(at + 16)} nr_elems=${types.u32(at + 20)}`
    case 'struct':
    case 'union':
    case 'enum':
    case 'enum64':
    case 'datasec':
      return `size=${word} vlen=${types.vlen(id)}`
    case 'fwd':
      return types.kindFlag(id) ? 'union' : 'struct'
    case 'var':
      return `type_id=${word} linkage=${types.u32(at + 12)}`
    case 'float':
      return `size=${word}`
    case 'decl_tag':
      return `type=${word} component_idx=${types.i32(at + 12)}`
    case 'func_proto':
      return prototype(types, id)
    default:
      return `type_id=${word}`
  }
}

function prototype(types: RawTypes, id: number): string {
  const count = types.vlen(id)
  const args: string[] = []
  for (let i = 0; i < count; i++) {
    const at = types.at(id) + 12 + 8 * i
    const type = types.u32(at + 4)
    const vararg = i === count - 1 && type === 0
    args.push(vararg ? 'vararg' : `${type} ${types.name(types.u32(at))}`)
  }
  return `return=${types.word(id)} args=(${count === 0 ? 'void' : args.join(', ')})`
}

/** Writes the kernel's BTF log: every type as it is met, and what is wrong. */
export class CheckLog {
  readonly #write: ((text: string) => void) | undefined
  /** In the first pass each type was just printed; in the second its line is repeated before a member's. */
  resolving = false

  constructor(write: ((text: string) => void) | undefined) {
    this.#write = write
  }

  get wanted(): boolean {
    return this.#write !== undefined
  }

  line(text: string): void {
    this.#write?.(`${text}\n`)
  }

  /** Linux ends these lines without a line feed, those about a type with one. */
  fail(text: string, errno: ErrnoName = 'EINVAL'): never {
    this.#write?.(text)
    throw new CheckFailure(errno, text)
  }

  #failLine(text: string, errno: ErrnoName = 'EINVAL'): never {
    this.line(text)
    throw new CheckFailure(errno, text)
  }

  describe(types: RawTypes, id: number): string {
    return `[${id}] ${types.kind(id).toUpperCase()} ${types.name(types.nameOff(id))}`
  }

  /** The type with its fields, and what is wrong with it. */
  type(types: RawTypes, id: number): string {
    return `${this.describe(types, id)} ${details(types, id)}`
  }

  /** Its record is too short for its fields to be shown. */
  failBasic(types: RawTypes, id: number, what: string): never {
    return this.#failLine(`${this.describe(types, id)} ${what}`)
  }

  failType(types: RawTypes, id: number, what: string, errno: ErrnoName = 'EINVAL'): never {
    return this.#failLine(`${this.type(types, id)} ${what}`, errno)
  }

  member(types: RawTypes, struct: number, index: number, typeId?: number): string {
    const at = types.at(struct) + 12 + 12 * index
    const offset = types.u32(at + 8)
    const head = `\t${types.name(types.u32(at))} type_id=${typeId ?? types.u32(at + 4)}`
    if (!types.kindFlag(struct)) return `${head} bits_offset=${offset}`
    return `${head} bitfield_size=${offset >>> 24} bits_offset=${offset & 0xff_ffff}`
  }

  failMember(types: RawTypes, struct: number, index: number, what: string, typeId?: number): never {
    return this.#failElement(types, struct, this.member(types, struct, index, typeId), what)
  }

  variable(types: RawTypes, section: number, index: number): string {
    const at = types.at(section) + 12 + 12 * index
    return `\t type_id=${types.u32(at)} offset=${types.u32(at + 4)} size=${types.u32(at + 8)}`
  }

  failVariable(types: RawTypes, section: number, index: number, what: string): never {
    return this.#failElement(types, section, this.variable(types, section, index), what)
  }

  #failElement(types: RawTypes, owner: number, element: string, what: string): never {
    const head = this.resolving ? `${this.type(types, owner)}\n` : ''
    return this.#failLine(`${head}${element} ${what}`)
  }
}
