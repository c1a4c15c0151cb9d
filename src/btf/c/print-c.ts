import type { Btf } from '../btf.js'
import { Budget } from './budget.js'
import { CWriter } from './declare.js'
import { DefinitionOrder } from './order.js'

/** GCC's names for vector element types, which other compilers do not know. */
const GCC_ALIASES: Readonly<Record<string, string>> = {
  __Poly8_t: 'unsigned char',
  __Poly16_t: 'unsigned short',
  __Poly64_t: 'unsigned long long',
  __Poly128_t: 'unsigned __int128',
}

const BEING_WRITTEN = 1
const WRITTEN = 2

/** Prints definitions with the forward declarations they need, each once. */
class CPrinter {
  readonly writer: CWriter
  readonly #btf: Btf
  readonly #budget: Budget
  readonly #order: DefinitionOrder
  readonly #state: Uint8Array
  /** Forward declared; for a typedef: defined, though what it names is not complete yet. */
  readonly #declared: Uint8Array

  constructor(btf: Btf) {
    this.#btf = btf
    this.#budget = new Budget(btf)
    this.#order = new DefinitionOrder(btf, this.#budget)
    this.writer = new CWriter(btf, this.#budget)
    this.#state = new Uint8Array(btf.typeCount)
    this.#declared = new Uint8Array(btf.typeCount)
  }

  print(id: number): void {
    for (const needed of this.#order.take(id)) this.#emit(needed, 0)
  }

  #end(): void {
    this.writer.out.push(';\n\n')
  }

  /** Makes type `id` usable: defines it when `container` is 0, else declares what the container's definition needs of it. */
  #emit(id: number, container: number): void {
    this.#budget.step(id, () => this.#emitType(id, container))
  }

  #emitType(id: number, container: number): void {
    const state = this.#state
    if (state[id] === WRITTEN) return
    const type = this.#btf.type(id)
    if (state[id] === BEING_WRITTEN) {
      this.#break(id, container)
      return
    }
    switch (type.kind) {
      case 'int': {
        const alias = GCC_ALIASES[type.name]
        if (alias !== undefined) this.writer.out.push(`typedef ${alias} ${type.name};\n\n`)
        state[id] = WRITTEN
        break
      }
      case 'enum':
      case 'enum64':
        if (container === 0) {
          this.writer.enumDefinition(type, 0)
          this.#end()
        }
        state[id] = WRITTEN
        break
      case 'ptr':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
      case 'array':
        this.#emit(type.type, container)
        break
      case 'fwd':
        this.writer.fwd(type)
        this.#end()
        state[id] = WRITTEN
        break
      case 'typedef':
        state[id] = BEING_WRITTEN
        this.#emit(type.type, id)
        this.#defineTypedef(id)
        state[id] = WRITTEN
        break
      case 'struct':
      case 'union': {
        const named = type.name !== ''
        state[id] = BEING_WRITTEN
        if (container === 0 || !named) {
          for (const member of type.members) this.#emit(member.type, named ? id : container)
        } else if (id !== container) this.#declareTag(id)
        if (container === 0) {
          this.writer.compositeDefinition(type, 0)
          this.#end()
        }
        state[id] = container === 0 ? WRITTEN : 0
        break
      }
      case 'func_proto':
        this.#emit(type.type, container)
        for (const param of type.params) this.#emit(param.type, container)
        break
      default:
        break
    }
  }

  /** The type is used while its own definition is being prepared: a forward declaration breaks the loop. */
  #break(id: number, container: number): void {
    const type = this.#btf.type(id)
    if (type.kind === 'typedef') this.#defineTypedef(id)
    else if ((type.kind === 'struct' || type.kind === 'union') && id !== container && type.name !== '')
      this.#declareTag(id)
  }

  #declareTag(id: number): void {
    const type = this.#btf.type(id)
    if (this.#declared[id] !== 0 || (type.kind !== 'struct' && type.kind !== 'union')) return
    this.writer.compositeTag(type)
    this.#end()
    this.#declared[id] = 1
  }

  #defineTypedef(id: number): void {
    const type = this.#btf.type(id)
    // The compiler has this one built in.
    if (this.#declared[id] !== 0 || type.kind !== 'typedef') return
    this.#declared[id] = 1
    if (type.name === '__builtin_va_list') return
    this.writer.typedefDefinition(type)
    this.#end()
  }
}

export interface PrintCOptions {
  /** Only these types and what they need; all when left out. */
  readonly roots?: Iterable<number>
  /** Without the include guard and the preserve_access_index pragma of bpftool's header. */
  readonly bare?: boolean
}

const PROLOGUE = `#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

`
const EPILOGUE = `#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
`

/**
 * The types as a C header, as `bpftool btf dump file X format c` prints them: in an order that compiles, with forward
 * declarations, padding and packing that give the same layout. Throws FormatError for types that are no C (cycles).
 */
export function printC(btf: Btf, options: PrintCOptions = {}): string {
  const printer = new CPrinter(btf)
  if (options.roots !== undefined) for (const id of options.roots) printer.print(id)
  else for (let id = btf.startId; id < btf.typeCount; id++) printer.print(id)
  const text = printer.writer.out.join('')
  return options.bare === true ? text : PROLOGUE + text + EPILOGUE
}

/** One declaration of type `id`, as C: `declareC(btf, id, 'x')` is "const char *x[3]" or, without a name, "const char *[3]". */
export function declareC(btf: Btf, id: number, name = ''): string {
  const writer = new CWriter(btf, new Budget(btf))
  writer.declaration(id, name, 0)
  return writer.out.join('')
}

/** The definition of one struct, union, enum or typedef, with anonymous members in place and nothing else. */
export function defineC(btf: Btf, id: number): string {
  const writer = new CWriter(btf, new Budget(btf))
  const type = btf.type(id)
  if (type.kind === 'struct' || type.kind === 'union') writer.compositeDefinition(type, 0)
  else if (type.kind === 'enum' || type.kind === 'enum64') writer.enumDefinition(type, 0)
  else if (type.kind === 'typedef') writer.typedefDefinition(type)
  else writer.declaration(id, '', 0)
  return `${writer.out.join('')};`
}
