import { type Btf, BtfBuilder, type BtfType, type NewBtfType } from '../btf/index.js'
import { asObjectError } from './object-error.js'
import { objectBtf } from './parsed.js'
import type { ObjectSpec } from './types.js'

/** What a kernel may not know in BTF; libbpf rewrites each into something older. */
export type BtfFeature =
  | 'func'
  | 'global_func'
  | 'datasec'
  | 'float'
  | 'decl_tag'
  | 'type_tag'
  | 'enum64'
  | 'qmark_datasec'

export interface LoadableBtfOptions {
  /** Features the kernel lacks. */
  readonly lacks?: readonly BtfFeature[]
}

/**
 * The object's BTF as BPF_BTF_LOAD takes it, little-endian: externs of .kconfig and .ksyms become allocated variables, hidden
 * functions static, and what the kernel lacks is replaced by equally large older types. Ids and string offsets stay those
 * of the object, so function and line records go with it. Undefined for an object without BTF.
 * @throws ObjectError for BTF that cannot be read.
 */
export function loadableBtf(spec: ObjectSpec, options: LoadableBtfOptions = {}): Uint8Array | undefined {
  return asObjectError(spec.file, () => {
    const btf = objectBtf(spec)
    if (btf === undefined) return undefined
    const builder = new BtfBuilder({ from: btf })
    fixKsyms(btf, builder)
    fixKconfig(spec, btf, builder)
    markStatic(spec, btf, builder)
    fixNames(btf, builder)
    const lacks = new Set(options.lacks ?? [])
    if (lacks.size > 0) sanitize(builder, lacks)
    return builder.build()
  })
}

/** .ksyms has no bytes; each symbol is given a place of an int. Functions cannot be in a DATASEC: a stand-in variable is. */
function fixKsyms(btf: Btf, builder: BtfBuilder): void {
  const id = btf.findByName('.ksyms', 'datasec')
  const datasec = id === undefined ? undefined : btf.type(id)
  if (id === undefined || datasec?.kind !== 'datasec') return
  const hasFunctions = datasec.vars.some(({ type }) => btf.kindOf(type) === 'func')
  const int =
    findInt(btf) ??
    builder.add({ kind: 'int', name: 'int', size: 4, bits: 32, bitOffset: 0, signed: true, char: false, bool: false })
  const dummy = 'dummy_ksym'
  const dummyId = hasFunctions ? builder.add({ kind: 'var', name: dummy, type: int, linkage: 'global' }) : 0
  const vars = datasec.vars.map(({ type }, i) => {
    const symbol = btf.type(type)
    const place = { offset: 4 * i, size: 4 }
    if (symbol.kind === 'func') {
      const proto = btf.type(symbol.type)
      if (proto.kind === 'func_proto') {
        const params = proto.params.map((param) =>
          param.type !== 0 && param.name === '' ? { ...param, name: dummy } : param,
        )
        builder.set(proto.id, { ...proto, params })
      }
      builder.set(type, { ...symbol, linkage: 'global' })
      return { ...place, type: dummyId }
    }
    if (symbol.kind === 'var') builder.set(type, { ...symbol, type: int, linkage: 'global' })
    return { ...place, type }
  })
  builder.set(id, { ...datasec, size: 4 * vars.length, vars })
}

function findInt(btf: Btf): number | undefined {
  for (let id = btf.startId; id < btf.typeCount; id++) {
    if (btf.kindOf(id) !== 'int') continue
    const type = btf.type(id)
    if (type.kind === 'int' && type.bits === 32) return id
  }
  return undefined
}

function fixKconfig(spec: ObjectSpec, btf: Btf, builder: BtfBuilder): void {
  const id = btf.findByName('.kconfig', 'datasec')
  const datasec = id === undefined ? undefined : btf.type(id)
  const map = spec.maps.find((candidate) => candidate.origin === '.kconfig')
  if (id === undefined || datasec?.kind !== 'datasec' || map === undefined) return
  const offsets = new Map(spec.externs.map((extern) => [extern.btfId, extern.kconfig?.offset]))
  const vars = datasec.vars.map((entry) => {
    const variable = btf.type(entry.type)
    if (variable.kind === 'var') builder.set(entry.type, { ...variable, linkage: 'global' })
    return { ...entry, offset: offsets.get(entry.type) ?? entry.offset }
  })
  vars.sort((a, b) => a.offset - b.offset)
  builder.set(id, { ...datasec, size: map.valueSize, vars })
}

/** Hidden global functions: the verifier may look through calls of them. */
function markStatic(spec: ObjectSpec, btf: Btf, builder: BtfBuilder): void {
  for (const { name, global, hidden } of spec.functions) {
    if (!global || !hidden) continue
    const id = btf.findByName(name, 'func')
    const func = id === undefined ? undefined : btf.type(id)
    if (id !== undefined && func?.kind === 'func') builder.set(id, { ...func, linkage: 'static' })
  }
}

/**
 * Rust names pointers and uses characters that C does not have; the kernel refuses both. Names lose what is not allowed;
 * C's own are not touched.
 */
function fixNames(btf: Btf, builder: BtfBuilder): void {
  for (let id = btf.startId; id < btf.typeCount; id++) {
    const kind = btf.kindOf(id)
    const mustBeAnonymous = kind === 'ptr' || kind === 'array' || kind === 'func_proto'
    const isComposite = kind === 'struct' || kind === 'union'
    const name = btf.typeName(id)
    const fixed = mustBeAnonymous ? '' : ANY_NAME.has(kind) ? name : identifier(name)
    if (fixed !== name) builder.set(id, { ...(builder.type(id) as NewBtfType), name: fixed })
    if (!isComposite && kind !== 'enum' && kind !== 'enum64' && kind !== 'func_proto') continue
    const type = builder.type(id) as NewBtfType
    if (type.kind === 'struct' || type.kind === 'union') {
      if (type.members.every((member) => identifier(member.name) === member.name)) continue
      builder.set(id, {
        ...type,
        members: type.members.map((member) => ({ ...member, name: identifier(member.name) })),
      })
    } else if (type.kind === 'enum' && type.values.some((value) => identifier(value.name) !== value.name)) {
      builder.set(id, { ...type, values: type.values.map((value) => ({ ...value, name: identifier(value.name) })) })
    } else if (type.kind === 'func_proto' && type.params.some((param) => identifier(param.name) !== param.name)) {
      builder.set(id, { ...type, params: type.params.map((param) => ({ ...param, name: identifier(param.name) })) })
    }
  }
}

/** Kinds whose names the kernel takes as they are: `unsigned int`, sections, free text. */
const ANY_NAME: ReadonlySet<string> = new Set(['int', 'float', 'datasec', 'decl_tag', 'type_tag'])

function identifier(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_.]*$/.test(name) || name === '') return name
  return name.replace(/[^A-Za-z0-9_.]/g, '_').replace(/^(?=[^A-Za-z_])/, '_')
}

function sanitize(builder: BtfBuilder, lacks: ReadonlySet<BtfFeature>): void {
  let placeholder = 0
  const end = builder.typeCount
  for (let id = 1; id < end; id++) {
    const type = builder.type(id) as BtfType
    const replacement = sanitized(type, lacks, builder, () => {
      placeholder ||= builder.add({ ...BYTE, name: 'enum64_placeholder' })
      return placeholder
    })
    if (replacement !== undefined) builder.set(id, replacement)
  }
}

const BYTE = { kind: 'int', size: 1, bits: 8, bitOffset: 0, signed: false, char: false, bool: false } as const

function sanitized(
  type: BtfType,
  lacks: ReadonlySet<BtfFeature>,
  builder: BtfBuilder,
  placeholder: () => number,
): NewBtfType | undefined {
  const { name } = type
  switch (type.kind) {
    case 'var':
      return lacks.has('datasec') ? { ...BYTE, name } : undefined
    case 'decl_tag':
      return lacks.has('decl_tag') ? { ...BYTE, name } : undefined
    case 'datasec':
      if (lacks.has('datasec')) {
        const members = type.vars.map(({ type: variable, offset }) => ({
          name: (builder.type(variable) as BtfType).name,
          type: variable,
          bitOffset: offset * 8,
          bitSize: 0,
        }))
        return { kind: 'struct', name: name.replace(/[.?]/g, '_'), size: type.size, kindFlag: false, members }
      }
      return lacks.has('qmark_datasec') && name.startsWith('?') ? { ...type, name: `_${name.slice(1)}` } : undefined
    case 'func_proto':
      if (!lacks.has('func')) return undefined
      return {
        kind: 'enum',
        name,
        size: 4,
        signed: false,
        // Enumerators need names.
        values: type.params.map((param, i) => ({ name: param.name || `arg${i}`, value: param.type })),
      }
    case 'func':
      if (lacks.has('func')) return { kind: 'typedef', name, type: type.type }
      return lacks.has('global_func') ? { ...type, linkage: 'static' } : undefined
    case 'float':
      return lacks.has('float')
        ? { kind: 'struct', name: '', size: type.size, kindFlag: false, members: [] }
        : undefined
    case 'type_tag':
      return lacks.has('type_tag') ? { kind: 'const', name: '', type: type.type } : undefined
    case 'enum':
      return lacks.has('enum64') && type.signed ? { ...type, signed: false } : undefined
    case 'enum64':
      if (!lacks.has('enum64')) return undefined
      return {
        kind: 'union',
        name,
        size: type.size,
        kindFlag: false,
        members: type.values.map((value) => ({ name: value.name, type: placeholder(), bitOffset: 0, bitSize: 0 })),
      }
    default:
      return undefined
  }
}
