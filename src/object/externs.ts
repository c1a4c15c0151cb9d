import { alignOf, type Btf, type BtfFunc, type BtfVar, resolve, sizeOf } from '../btf/index.js'
import { SHN, STB, STT } from '../elf/index.js'
import { dataMap, dataMapName } from './data-maps.js'
import { asObjectError } from './object-error.js'
import { datasecVars, fail, type Source } from './source.js'
import type { ExternSpec, KconfigKind, MapSpec } from './types.js'

export interface FoundExterns {
  readonly externs: ExternSpec[]
  /** Index into `externs` by ELF symbol number. */
  readonly bySymbol: ReadonlyMap<number, number>
  /** Why an undefined symbol is no extern, by ELF symbol number: said when something needs it. */
  readonly unknown: ReadonlyMap<number, string>
  /** The map of all .kconfig values. */
  readonly kconfigMap: MapSpec | undefined
}

interface Candidate {
  readonly symbol: number
  readonly name: string
  readonly weak: boolean
  readonly type: BtfVar | BtfFunc
  readonly section: string
}

/** Finds what the object leaves to the kernel: .kconfig values, kernel symbols and kfuncs. */
export function collectExterns(source: Source): FoundExterns {
  const undefinedSymbols = source.elf.symbols.filter(
    (symbol) =>
      symbol.section === SHN.UNDEF && symbol.bind !== STB.LOCAL && symbol.type === STT.NOTYPE && symbol.name !== '',
  )
  if (undefinedSymbols.length === 0) {
    return { externs: [], bySymbol: new Map(), unknown: new Map(), kconfigMap: undefined }
  }
  return asObjectError(source.file, () => {
    const declared = source.btf === undefined ? new Map<string, number>() : declaredExterns(source.btf)
    const sectionOf = externSections(source)
    const unknown = new Map<number, string>()
    const candidates: Candidate[] = []
    for (const { index, name, bind } of undefinedSymbols) {
      const btfId = declared.get(name)
      const section = btfId === undefined ? undefined : sectionOf.get(btfId)
      if (source.btf === undefined || btfId === undefined) unknown.set(index, `failed to find BTF for extern '${name}'`)
      else if (section === undefined) unknown.set(index, `failed to find BTF for extern '${name}' [${btfId}] section`)
      else if (section !== '.kconfig' && section !== '.ksyms') {
        unknown.set(index, `unrecognized extern section '${section}'`)
      } else {
        const type = source.btf.type(btfId) as BtfVar | BtfFunc
        candidates.push({ symbol: index, name, weak: bind === STB.WEAK, type, section })
      }
    }
    return placeExterns(source, candidates, unknown)
  })
}

/** Ids of the VARs and FUNCs of extern linkage, by name. */
function declaredExterns(btf: Btf): Map<string, number> {
  const found = new Map<string, number>()
  for (let id = btf.startId; id < btf.typeCount; id++) {
    const kind = btf.kindOf(id)
    if (kind !== 'var' && kind !== 'func') continue
    const type = btf.type(id)
    if ((type.kind === 'var' || type.kind === 'func') && type.linkage === 'extern') found.set(type.name, id)
  }
  return found
}

function externSections(source: Source): Map<number, string> {
  const found = new Map<number, string>()
  for (const datasec of source.datasecs.values()) for (const { type } of datasec.vars) found.set(type, datasec.name)
  return found
}

function placeExterns(source: Source, candidates: readonly Candidate[], unknown: Map<number, string>): FoundExterns {
  const btf = source.btf
  const bySymbol = new Map<number, number>()
  const externs: ExternSpec[] = []
  if (btf === undefined) return { externs, bySymbol, unknown, kconfigMap: undefined }
  const configs = candidates
    .filter(({ section }) => section === '.kconfig')
    .map((candidate) => ({ candidate, ...kconfigShape(source, btf, candidate) }))
    // libbpf's order: large alignment first, then small size, then by name.
    .sort(
      (a, b) => b.align - a.align || a.size - b.size || (a.candidate.name < b.candidate.name ? -1 : a === b ? 0 : 1),
    )
  let end = 0
  for (const { candidate, kind, signed, size, align } of configs) {
    const offset = Math.ceil(end / align) * align
    end = offset + size
    bySymbol.set(candidate.symbol, externs.length)
    externs.push({
      name: candidate.name,
      kind: 'kconfig',
      weak: candidate.weak,
      btfId: candidate.type.id,
      typeId: candidate.type.type,
      kconfig: { offset, size, kind, signed },
      resolved: false,
    })
  }
  if (end > 1 << 24) fail(source, `the .kconfig externs need ${end} bytes`, { section: '.kconfig' })
  for (const candidate of candidates) {
    if (candidate.section === '.kconfig') continue
    const isFunction = candidate.type.kind === 'func'
    const target = isFunction ? candidate.type : resolve(btf, candidate.type.type)
    bySymbol.set(candidate.symbol, externs.length)
    externs.push({
      name: candidate.name,
      kind: isFunction ? 'kfunc' : 'ksym',
      weak: candidate.weak,
      btfId: candidate.type.id,
      typeId: isFunction ? candidate.type.type : target.kind === 'void' ? 0 : target.id,
      kconfig: undefined,
      resolved: false,
    })
  }
  const datasec = source.datasecs.get('.kconfig')
  const kconfigMap =
    configs.length === 0
      ? undefined
      : dataMap({
          name: dataMapName(source.name, '.kconfig'),
          section: '.kconfig',
          origin: '.kconfig',
          size: end,
          contents: new Uint8Array(end),
          btfValueTypeId: datasec?.id ?? 0,
          mmapable: datasecVars(source, '.kconfig').length > 0,
        })
  return { externs, bySymbol, unknown, kconfigMap }
}

function kconfigShape(
  source: Source,
  btf: Btf,
  { name, type }: Candidate,
): { kind: KconfigKind; signed: boolean; size: number; align: number } {
  const place = { section: '.kconfig', symbol: name }
  if (type.kind === 'func') return fail(source, `extern function ${name} is unsupported under .kconfig section`, place)
  const size = sizeOf(btf, type.type)
  if (size <= 0) return fail(source, `failed to resolve size of extern (kcfg) '${name}': ${size}`, place)
  const align = alignOf(btf, type.type)
  if (align <= 0) return fail(source, `failed to determine alignment of extern (kcfg) '${name}': ${align}`, place)
  const target = resolve(btf, type.type)
  const shape = (kind: KconfigKind, signed = false) => ({ kind, signed, size, align })
  switch (target.kind) {
    case 'int':
      if (target.bool) {
        if (target.size === 1) return shape('bool')
        break
      }
      if (target.size === 1) return shape('char', target.signed)
      if (target.size === 2 || target.size === 4 || target.size === 8) return shape('int', target.signed)
      break
    case 'enum':
      if (target.size === 4 && target.name === 'libbpf_tristate') return shape('tristate')
      break
    case 'array': {
      const element = resolve(btf, target.type)
      if (element.kind === 'int' && element.size === 1 && !element.bool && target.length > 0) return shape('string')
      break
    }
    default:
  }
  return fail(source, `extern (kcfg) '${name}': type is unsupported`, place)
}
