import type { Btf } from './btf.js'
import type { BtfInt, BtfType } from './types.js'
import { JsonWriter } from './value/json-writer.js'

const anonymous = (name: string) => (name === '' ? '(anon)' : name)

function encoding(type: BtfInt): string {
  const flags = [type.signed, type.char, type.bool].filter(Boolean).length
  if (flags === 0) return '(none)'
  if (flags > 1) return 'UNKN'
  return type.signed ? 'SIGNED' : type.char ? 'CHAR' : 'BOOL'
}

type Field = readonly [name: string, value: string | number | bigint]

/** A type as bpftool shows it: its own fields, then perhaps a list. */
interface Shown {
  readonly fields: readonly Field[]
  readonly list?: { readonly name: string; readonly items: readonly (readonly Field[])[] }
}

function show(type: BtfType): Shown {
  switch (type.kind) {
    case 'void':
      return { fields: [] }
    case 'int':
      return {
        fields: [
          ['size', type.size],
          ['bits_offset', type.bitOffset],
          ['nr_bits', type.bits],
          ['encoding', encoding(type)],
        ],
      }
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'type_tag':
      return { fields: [['type_id', type.type]] }
    case 'array':
      return {
        fields: [
          ['type_id', type.type],
          ['index_type_id', type.indexType],
          ['nr_elems', type.length],
        ],
      }
    case 'struct':
    case 'union': {
      const items = type.members.map((member): Field[] => [
        ['name', anonymous(member.name)],
        ['type_id', member.type],
        ['bits_offset', member.bitOffset],
        ...(member.bitSize > 0 ? ([['bitfield_size', member.bitSize]] as Field[]) : []),
      ])
      return {
        fields: [
          ['size', type.size],
          ['vlen', type.members.length],
        ],
        list: { name: 'members', items },
      }
    }
    case 'enum':
    case 'enum64':
      return {
        fields: [
          ['encoding', type.signed ? 'SIGNED' : 'UNSIGNED'],
          ['size', type.size],
          ['vlen', type.values.length],
        ],
        list: {
          name: 'values',
          items: type.values.map(({ name, value }): Field[] => [
            ['name', anonymous(name)],
            ['val', value],
          ]),
        },
      }
    case 'fwd':
      return { fields: [['fwd_kind', type.union ? 'union' : 'struct']] }
    case 'func':
    case 'var':
      return {
        fields: [
          ['type_id', type.type],
          ['linkage', type.linkage],
        ],
      }
    case 'func_proto':
      return {
        fields: [
          ['ret_type_id', type.type],
          ['vlen', type.params.length],
        ],
        list: {
          name: 'params',
          items: type.params.map((param): Field[] => [
            ['name', anonymous(param.name)],
            ['type_id', param.type],
          ]),
        },
      }
    case 'datasec':
      return {
        fields: [
          ['size', type.size],
          ['vlen', type.vars.length],
        ],
        list: {
          name: 'vars',
          items: type.vars.map((entry): Field[] => [
            ['type_id', entry.type],
            ['offset', entry.offset],
            ['size', entry.size],
          ]),
        },
      }
    case 'float':
      return { fields: [['size', type.size]] }
    case 'decl_tag':
      return {
        fields: [
          ['type_id', type.type],
          ['component_idx', type.componentIdx],
        ],
      }
  }
}

const plain = (fields: readonly Field[]) => fields.map(([name, value]) => `${name}=${value}`).join(' ')

/** One type as `bpftool btf dump file X` prints it: "[1] INT 'int' size=4 …", members on lines of their own after a tab. */
export function formatRawType(btf: Btf, id: number): string {
  const type = btf.type(id)
  const { fields, list } = show(type)
  const head = `[${id}] ${type.kind.toUpperCase()} '${anonymous(type.name)}'`
  // A variable's linkage stands after a comma.
  const own = type.kind === 'var' ? `type_id=${type.type}, linkage=${type.linkage}` : plain(fields)
  let text = own === '' ? head : `${head} ${own}`
  const suffix = type.kind === 'enum64' ? (type.signed ? 'LL' : 'ULL') : ''
  for (const [i, item] of (list?.items ?? []).entries()) {
    const [[first, name], ...rest] = item as [Field, ...Field[]]
    text += first === 'name' ? `\n\t'${name}' ${plain(rest)}${suffix}` : `\n\t${plain(item)}`
    if (type.kind === 'datasec') text += sectionVariable(btf, type.vars[i]!.type)
  }
  return text
}

function sectionVariable(btf: Btf, id: number): string {
  if (id >= btf.typeCount) return ''
  const type = btf.type(id)
  return ` (${type.kind.toUpperCase()} '${anonymous(type.name)}')`
}

/** All own types (or those of `ids`) as `bpftool btf dump file X` prints them, one string a type, without line ends. */
export function* dumpRaw(btf: Btf, ids: Iterable<number> = ownTypes(btf)): Generator<string> {
  for (const id of ids) yield formatRawType(btf, id)
}

function* ownTypes(btf: Btf): Generator<number> {
  for (let id = btf.startId; id < btf.typeCount; id++) yield id
}

/** All own types (or those of `ids`) as `bpftool -j btf dump file X` prints them; with `pretty` as -p. */
export function dumpJson(btf: Btf, options: { pretty?: boolean; ids?: Iterable<number> } = {}): string {
  const writer = new JsonWriter(options.pretty ?? false)
  const put = (fields: readonly Field[]) => {
    for (const [name, value] of fields) {
      writer.name(name)
      if (typeof value === 'string') writer.string(value)
      else writer.raw(String(value))
    }
  }
  writer.startObject()
  writer.name('types')
  writer.startArray()
  for (const id of options.ids ?? ownTypes(btf)) {
    const type = btf.type(id)
    const { fields, list } = show(type)
    writer.startObject()
    put([['id', id], ['kind', type.kind.toUpperCase()], ['name', anonymous(type.name)], ...fields])
    if (list !== undefined) {
      writer.name(list.name)
      writer.startArray()
      for (const item of list.items) {
        writer.startObject()
        put(item)
        writer.endObject()
      }
      writer.endArray()
    }
    writer.endObject()
  }
  writer.endArray()
  writer.endObject()
  return writer.toString()
}
