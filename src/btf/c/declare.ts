import type { Btf } from '../btf.js'
import { Aligner, sizeOf } from '../resolve.js'
import type { BtfAlias, BtfComposite, BtfEnum, BtfEnum64, BtfFuncProto, BtfFwd, BtfType } from '../types.js'
import type { Budget } from './budget.js'
import { isPacked, padding } from './layout.js'
import { CNames } from './names.js'

/** More lines of padding than this and a struct is nonsense. */
const MAX_PADDING_BYTES = 1 << 26

/** Writes C declarations and definitions, piece by piece, into `out`. */
export class CWriter {
  readonly out: string[] = []
  readonly names: CNames
  readonly #btf: Btf
  readonly #budget: Budget
  readonly #aligner: Aligner

  constructor(btf: Btf, budget: Budget) {
    this.#btf = btf
    this.#budget = budget
    this.names = new CNames(btf)
    this.#aligner = new Aligner(btf)
  }

  /** "struct name" or "union name". */
  compositeTag(type: BtfComposite): void {
    this.#tag(type.kind, type.id)
  }

  fwd(type: BtfFwd): void {
    this.#tag(type.union ? 'union' : 'struct', type.id)
  }

  #tag(keyword: string, id: number): void {
    const name = this.names.tag(id)
    this.out.push(keyword, name === '' ? '' : ' ', name)
  }

  enumDefinition(type: BtfEnum | BtfEnum64, level: number): void {
    this.#tag('enum', type.id)
    if (type.values.length === 0) return
    const indent = tabs(level + 1)
    this.out.push(' {')
    const suffix = type.kind === 'enum' ? '' : type.signed ? 'LL' : 'ULL'
    for (const { name, value } of type.values) {
      this.out.push('\n', indent, this.names.enumerator(name), ` = ${value}${suffix},`)
    }
    this.out.push('\n', tabs(level), '}')
  }

  /** The definition with its members; anonymous types inside are written out in place. */
  compositeDefinition(type: BtfComposite, level: number): void {
    const { out } = this
    const indent = `\n${tabs(level + 1)}`
    const packed = isPacked(this.#aligner, type)
    this.#tag(type.kind, type.id)
    out.push(' {')
    let end = 0
    let afterBitfield = false
    const pad = (to: number, align: number, betweenBitfields: boolean) => {
      if (to - end > MAX_PADDING_BYTES)
        throw this.#btf.error(`${type.kind} '${type.name}' has a hole of ${to - end} bits`)
      for (const line of padding(this.#btf, { from: end, to, align, betweenBitfields })) out.push(indent, line, ';')
    }
    for (const member of type.members) {
      const bitfield = member.bitSize > 0
      pad(member.bitOffset, packed ? 1 : this.#aligner.of(member.type), afterBitfield && bitfield)
      out.push(indent)
      this.declaration(member.type, member.name, level + 1)
      if (bitfield) out.push(`: ${member.bitSize}`)
      out.push(';')
      end = member.bitOffset + (bitfield ? member.bitSize : sizeOf(this.#btf, member.type) * 8)
      afterBitfield = bitfield
    }
    if (type.kind === 'struct') pad(type.size * 8, packed ? 1 : this.#aligner.of(type.id), false)
    if (type.members.length > 0 || type.size > 0) out.push('\n', tabs(level))
    out.push(packed ? '} __attribute__((packed))' : '}')
  }

  typedefDefinition(type: BtfAlias, level = 0): void {
    const name = this.names.typedef(type.id)
    // Old GCC describes this one, which is built in, as void.
    if (type.type === 0 && name === '__gnuc_va_list') {
      this.out.push('typedef __builtin_va_list __gnuc_va_list')
      return
    }
    this.out.push('typedef ')
    this.declaration(type.type, name, level)
  }

  /** "const char *name[3]": the type with a name (or none) in its place. */
  declaration(id: number, name: string, level: number): void {
    this.#budget.step(id, () => {
      // From the outermost derivation down to what is derived from.
      const chain: BtfType[] = []
      for (let at = id; ; ) {
        const type = this.#btf.type(at)
        this.#budget.step(at, () => chain.push(type))
        if (chain.length > 4096) throw this.#btf.error(`type [${id}] is part of a cycle`)
        const next = derivedFrom(type)
        if (next === undefined) break
        at = next
      }
      this.#chain(chain, name, level)
    })
  }

  #chain(chain: BtfType[], name: string, level: number): void {
    const { out } = this
    let afterPointer = true
    for (let type = chain.pop(); type !== undefined; type = chain.pop()) {
      switch (type.kind) {
        case 'void':
          this.#prefixes(chain)
          out.push('void')
          break
        case 'int':
        case 'float':
          this.#prefixes(chain)
          out.push(type.name)
          break
        case 'struct':
        case 'union':
          this.#prefixes(chain)
          if (type.name === '') this.compositeDefinition(type, level)
          else this.compositeTag(type)
          break
        case 'enum':
        case 'enum64':
          this.#prefixes(chain)
          if (type.name === '') this.enumDefinition(type, level)
          else this.#tag('enum', type.id)
          break
        case 'fwd':
          this.#prefixes(chain)
          this.fwd(type)
          break
        case 'typedef':
          this.#prefixes(chain)
          out.push(this.names.typedef(type.id))
          break
        case 'ptr':
          out.push(afterPointer ? '*' : ' *')
          break
        case 'volatile':
        case 'const':
        case 'restrict':
          out.push(' ', type.kind)
          break
        case 'type_tag':
          this.#prefixes(chain)
          out.push(type.attribute ? ` __attribute__((${type.name}))` : ` __attribute__((btf_type_tag("${type.name}")))`)
          break
        case 'array':
          this.#array(type.length, chain, name, afterPointer, level)
          return
        case 'func_proto':
          this.#function(type, chain, name, afterPointer, level)
          return
        default:
          return
      }
      afterPointer = type.kind === 'ptr'
    }
    this.#name(name, afterPointer)
  }

  #name(name: string, afterPointer: boolean): void {
    if (name !== '' && !afterPointer) this.out.push(' ')
    this.out.push(name)
  }

  /** Qualifiers of the base type go before it. */
  #prefixes(chain: BtfType[]): void {
    for (let type = chain.at(-1); type !== undefined && isQualifier(type); type = chain.at(-1)) {
      this.out.push(type.kind, ' ')
      chain.pop()
    }
  }

  #array(length: number, chain: BtfType[], name: string, afterPointer: boolean, level: number): void {
    dropQualifiers(chain)
    const next = chain.at(-1)
    if (next === undefined) {
      this.#name(name, afterPointer)
      this.out.push(`[${length}]`)
      return
    }
    const nested = next.kind === 'array'
    if (name !== '' && !afterPointer) this.out.push(' ')
    if (!nested) this.out.push('(')
    this.#chain(chain, name, level)
    if (!nested) this.out.push(')')
    this.out.push(`[${length}]`)
  }

  #function(type: BtfFuncProto, chain: BtfType[], name: string, afterPointer: boolean, level: number): void {
    const { out } = this
    dropQualifiers(chain)
    if (chain.length > 0) {
      out.push(' (')
      this.#chain(chain, name, level)
      out.push(')')
    } else this.#name(name, afterPointer)
    const { params } = type
    // Clang writes f(void) as one parameter of type void.
    if (params.length === 0 || (params.length === 1 && params[0]!.type === 0)) {
      out.push('(void)')
      return
    }
    out.push('(')
    for (const [i, param] of params.entries()) {
      if (i > 0) out.push(', ')
      if (i === params.length - 1 && param.type === 0) out.push('...')
      else this.declaration(param.type, param.name, level)
    }
    out.push(')')
  }
}

/** libbpf indents no further than this. */
function tabs(level: number): string {
  return '\t'.repeat(Math.min(level, 13))
}

function derivedFrom(type: BtfType): number | undefined {
  switch (type.kind) {
    case 'ptr':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'type_tag':
    case 'array':
    case 'func_proto':
      return type.type
    default:
      return undefined
  }
}

function isQualifier(type: BtfType): boolean {
  return type.kind === 'volatile' || type.kind === 'const' || type.kind === 'restrict'
}

/** GCC repeats an element's qualifiers on the array, and marks noreturn functions volatile: neither is C. */
function dropQualifiers(chain: BtfType[]): void {
  for (let type = chain.at(-1); type !== undefined && isQualifier(type); type = chain.at(-1)) chain.pop()
}
