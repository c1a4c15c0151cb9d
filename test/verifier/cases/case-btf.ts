// BTF from the few C declarations a case needs: structs (as map values and arguments) and function prototypes with tags.

import { BtfBuilder } from '#src/btf/index.js'

const INTS: Readonly<Record<string, readonly [size: number, signed: boolean]>> = {
  ...{ char: [1, true], u8: [1, false], s8: [1, true], bool: [1, false], u16: [2, false], s16: [2, true] },
  ...{ int: [4, true], u32: [4, false], s32: [4, true], long: [8, true], u64: [8, false], s64: [8, true] },
}

/** Sizes of the kernel's structs that programs may hold in theirs. */
const SPECIAL: Readonly<Record<string, readonly [word: number, words: number]>> = {
  ...{ bpf_spin_lock: [4, 1], bpf_res_spin_lock: [4, 1], bpf_timer: [8, 2], bpf_wq: [8, 2], bpf_task_work: [8, 1] },
  ...{ bpf_list_head: [8, 2], bpf_list_node: [8, 3], bpf_rb_root: [8, 2], bpf_rb_node: [8, 4], bpf_refcount: [4, 1] },
  ...{ bpf_dynptr: [8, 2] },
}

const POINTER_TAGS: Readonly<Record<string, string>> = {
  ...{ __kptr: 'kptr', __kptr_untrusted: 'kptr_untrusted', __percpu_kptr: 'percpu_kptr', __uptr: 'uptr' },
}

const ARG_TAGS: Readonly<Record<string, string>> = {
  ...{ __arg_ctx: 'arg:ctx', __arg_nonnull: 'arg:nonnull', __arg_nullable: 'arg:nullable' },
  ...{ __arg_trusted: 'arg:trusted', __arg_untrusted: 'arg:untrusted', __arg_arena: 'arg:arena' },
}

interface Placed {
  readonly id: number
  readonly size: number
  readonly align: number
}

export interface CaseBtf {
  readonly bytes: Uint8Array
  /** BTF id of a function by its name. */
  readonly funcs: ReadonlyMap<string, number>
  /** Id and size of a type as C writes it (`u32`, `struct val`). */
  type(text: string): { readonly id: number; readonly size: number }
}

export function btfOfC(source: string): CaseBtf {
  const reader = new Reader(source)
  reader.declarations()
  const types = new Map<string, { id: number; size: number }>()
  for (const name of Object.keys(INTS)) types.set(name, reader.int(name))
  const { builder } = reader
  // Types a map's line names must exist before the bytes are made: all structs do.
  for (const [name, placed] of reader.structs) types.set(`struct ${name}`, placed)
  return {
    bytes: builder.build(),
    funcs: reader.funcs,
    type(text) {
      const found = types.get(text)
      if (found === undefined) throw new Error(`no type '${text}' in the case's C`)
      return found
    },
  }
}

class Reader {
  readonly builder = new BtfBuilder()
  readonly structs = new Map<string, Placed>()
  readonly funcs = new Map<string, number>()
  readonly #ints = new Map<string, Placed>()
  readonly #tokens: string[]
  #at = 0

  constructor(source: string) {
    this.#tokens = source.match(/\w+|\S/g) ?? []
  }

  #peek(): string {
    return this.#tokens[this.#at] ?? ''
  }

  #next(): string {
    return this.#tokens[this.#at++] ?? ''
  }

  #take(token: string): boolean {
    if (this.#peek() !== token) return false
    this.#at++
    return true
  }

  #expect(token: string): void {
    const found = this.#next()
    if (found !== token) throw new Error(`C of the case: expected '${token}', found '${found}'`)
  }

  int(name: string): Placed {
    const known = this.#ints.get(name)
    if (known !== undefined) return known
    const [size = 4, signed = true] = INTS[name] ?? []
    const id = this.builder.add({
      ...{ kind: 'int', name, size, bits: size * 8, bitOffset: 0 },
      ...{ signed, char: false, bool: name === 'bool' },
    })
    const made = { id, size, align: size }
    this.#ints.set(name, made)
    return made
  }

  /** A struct, made now where C leaves it undeclared: the kernel's special ones, else an empty one of that name. */
  struct(name: string): Placed {
    const known = this.structs.get(name)
    if (known !== undefined) return known
    const [word = 0, words = 0] = SPECIAL[name] ?? []
    const members = []
    if (words > 0) {
      const of = this.int(word === 8 ? 'u64' : 'u32')
      const array = this.builder.add({
        ...{ kind: 'array', name: '', type: of.id, indexType: this.int('u32').id, length: words },
      })
      members.push({ name: 'opaque', type: array, bitOffset: 0, bitSize: 0 })
    }
    const size = word * words
    const id = this.builder.add({ kind: 'struct', name, size, kindFlag: false, members })
    const made = { id, size, align: Math.max(1, word) }
    this.structs.set(name, made)
    return made
  }

  declarations(): void {
    while (this.#peek() !== '') {
      const isStatic = this.#take('static')
      this.#take('const')
      if (this.#peek() === 'struct' && this.#tokens[this.#at + 2] === '{') {
        this.#structBody()
        continue
      }
      this.#func(isStatic)
    }
  }

  #base(): Placed {
    this.#take('const')
    if (this.#take('struct')) return this.struct(this.#next())
    const name = this.#next()
    if (name === 'void') return { id: 0, size: 0, align: 1 }
    if (INTS[name] === undefined) throw new Error(`C of the case: no type is called '${name}'`)
    return this.int(name)
  }

  /** Stars and tags behind a type. */
  #pointers(base: Placed): Placed {
    let type = base
    const tags: string[] = []
    for (let tag = POINTER_TAGS[this.#peek()]; tag !== undefined; tag = POINTER_TAGS[this.#peek()]) {
      tags.push(tag)
      this.#at++
    }
    while (this.#take('*')) {
      let { id } = type
      for (let tag = POINTER_TAGS[this.#peek()]; tag !== undefined; tag = POINTER_TAGS[this.#peek()]) {
        tags.push(tag)
        this.#at++
      }
      for (const name of tags.splice(0)) {
        id = this.builder.add({ kind: 'type_tag', name, type: id, attribute: false })
      }
      type = { id: this.builder.add({ kind: 'ptr', name: '', type: id }), size: 8, align: 8 }
    }
    return type
  }

  #structBody(): void {
    this.#expect('struct')
    const name = this.#next()
    this.#expect('{')
    // A member may point to its own struct: its id is given out first.
    const id = this.builder.add({ kind: 'struct', name, size: 0, kindFlag: false, members: [] })
    this.structs.set(name, { id, size: 0, align: 1 })
    const members: { name: string; type: number; bitOffset: number; bitSize: number }[] = []
    const tags: { member: number; name: string }[] = []
    let size = 0
    let align = 1
    while (!this.#take('}')) {
      let type = this.#pointers(this.#base())
      const member = this.#next()
      if (this.#take('[')) {
        const count = this.#next()
        this.#expect(']')
        const array = this.builder.add({
          ...{ kind: 'array', name: '', type: type.id, indexType: this.int('u32').id, length: Number(count) },
        })
        type = { id: array, size: type.size * Number(count), align: type.align }
      }
      if (this.#take('__contains')) {
        this.#expect('(')
        const node = this.#next()
        this.#expect(',')
        tags.push({ member: members.length, name: `contains:${node}:${this.#next()}` })
        this.#expect(')')
      }
      this.#expect(';')
      size = Math.ceil(size / type.align) * type.align
      members.push({ name: member, type: type.id, bitOffset: size * 8, bitSize: 0 })
      size += type.size
      align = Math.max(align, type.align)
    }
    this.#expect(';')
    size = Math.ceil(size / align) * align
    this.builder.set(id, { kind: 'struct', name, size, kindFlag: false, members })
    this.structs.set(name, { id, size, align })
    for (const { member, name: tag } of tags) {
      this.builder.add({ kind: 'decl_tag', name: tag, type: id, componentIdx: member, attribute: false })
    }
  }

  #func(isStatic: boolean): void {
    const result = this.#pointers(this.#base())
    const name = this.#next()
    this.#expect('(')
    const params: { name: string; type: number }[] = []
    const tags: { param: number; name: string }[] = []
    while (!this.#take(')')) {
      const type = this.#pointers(this.#base())
      if (type.id === 0 && this.#peek() === ')') continue
      const param = /^(,|\)|__.*)$/.test(this.#peek()) ? `a${params.length}` : this.#next()
      for (let tag = ARG_TAGS[this.#peek()]; tag !== undefined; tag = ARG_TAGS[this.#peek()]) {
        tags.push({ param: params.length, name: tag })
        this.#at++
      }
      params.push({ name: param, type: type.id })
      this.#take(',')
    }
    const callback = this.#take('__exception_cb') ? this.#next() : undefined
    this.#expect(';')
    const proto = this.builder.add({ kind: 'func_proto', name: '', type: result.id, params })
    const linkage = isStatic ? 'static' : 'global'
    const id = this.builder.add({ kind: 'func', name, type: proto, linkage })
    this.funcs.set(name, id)
    for (const { param, name: tag } of tags) {
      this.builder.add({ kind: 'decl_tag', name: tag, type: id, componentIdx: param, attribute: false })
    }
    if (callback !== undefined) {
      const tag = `exception_callback:${callback}`
      this.builder.add({ kind: 'decl_tag', name: tag, type: id, componentIdx: -1, attribute: false })
    }
  }
}
