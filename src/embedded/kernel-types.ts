// BTF for the prototypes of kernel functions, from spec's table: what the verifier judges arguments by.

import type { BtfBuilder } from '../btf/index.js'
import { KERNEL_STRUCTS, kfuncByName, kfuncParams, kfuncReturns } from '../spec/index.js'

interface IntRow {
  readonly size: number
  readonly signed: boolean
  readonly char?: boolean
  readonly bool?: boolean
}

const INTS: Readonly<Record<string, IntRow>> = {
  bool: { size: 1, signed: false, bool: true },
  char: { size: 1, signed: true, char: true },
  u8: { size: 1, signed: false },
  'short int': { size: 2, signed: true },
  u16: { size: 2, signed: false },
  __be16: { size: 2, signed: false },
  int: { size: 4, signed: true },
  s32: { size: 4, signed: true },
  u32: { size: 4, signed: false },
  'unsigned int': { size: 4, signed: false },
  u64: { size: 8, signed: false },
  s64: { size: 8, signed: true },
  size_t: { size: 8, signed: false },
  'long unsigned int': { size: 8, signed: false },
}

const structs = new Map(KERNEL_STRUCTS.map((row) => [row.name, row]))

/** Adds types to a BTF as C spells them. */
export class KernelTypes {
  readonly #builder: BtfBuilder
  readonly #known = new Map<string, number>()

  constructor(builder: BtfBuilder) {
    this.#builder = builder
  }

  /** A kernel function with its prototype; one without a recorded row takes and gives nothing. */
  func(name: string): number {
    const row = kfuncByName(name)
    const params =
      row === undefined ? [] : kfuncParams(row).map((each) => ({ name: each.name, type: this.id(each.type) }))
    const type = row === undefined ? 0 : this.id(kfuncReturns(row))
    const proto = this.#builder.add({ kind: 'func_proto', name: '', type, params })
    return this.#builder.add({ kind: 'func', name, type: proto, linkage: 'static' })
  }

  id(spelled: string): number {
    const text = spelled.replace(/\bconst\b ?/g, '').trim()
    const known = this.#known.get(text)
    if (known !== undefined) return known
    const id = this.#make(text)
    this.#known.set(text, id)
    return id
  }

  #make(text: string): number {
    const builder = this.#builder
    if (text === 'void') return 0
    if (text === 'void (*)()' || text === 'bpf_task_work_callback_t') {
      const proto = builder.add({ kind: 'func_proto', name: '', type: 0, params: [] })
      return builder.add({ kind: 'ptr', name: '', type: proto })
    }
    if (text.endsWith('*')) return builder.add({ kind: 'ptr', name: '', type: this.id(text.slice(0, -1)) })
    const int = INTS[text]
    if (int !== undefined) {
      const { size, signed, char = false, bool = false } = int
      return builder.add({ kind: 'int', name: text, size, bits: size * 8, bitOffset: 0, signed, char, bool })
    }
    return this.#aggregate(text.replace(/^\w+ /, ''))
  }

  #aggregate(name: string): number {
    const builder = this.#builder
    const row = structs.get(name)
    if (row === undefined || row.kind === 'enum') {
      return builder.add({ kind: 'enum', name, size: 4, signed: false, values: [] })
    }
    const { kind, size, plain, first } = row
    const members = []
    if (first !== undefined) members.push({ name: 'first', type: this.id(`struct ${first}`), bitOffset: 0, bitSize: 0 })
    const start = first === undefined ? 0 : (structs.get(first)?.size ?? 0)
    if (plain !== true) {
      // A pointer inside keeps a program's memory from standing for it.
      const at = Math.max(0, size - 8)
      members.push({ name: '__kernel', type: this.id('void *'), bitOffset: at * 8, bitSize: 0 })
    } else if (start < size) {
      const index = this.id('unsigned int')
      const bytes = builder.add({
        kind: 'array',
        name: '',
        type: this.id('u8'),
        indexType: index,
        length: size - start,
      })
      members.push({ name: '__opaque', type: bytes, bitOffset: start * 8, bitSize: 0 })
    }
    return builder.add({ kind, name, size, kindFlag: false, members })
  }
}
