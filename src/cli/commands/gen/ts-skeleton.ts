import { type Btf, encodeBtf, parseBtf } from '../../../btf/index.js'
import { type MapSpec, type ObjectSpec, objectBtf } from '../../../object/index.js'
import { pascalCase, propertyName, quoted, TsTypes } from './ts-types.js'

export interface SkeletonOptions {
  /** The object's name, which the names in the module are made of. */
  readonly name: string
  /** The file's name, without its folder. */
  readonly file: string
  /** The bytes to embed; undefined for a subskeleton, which works on objects that somebody else loaded. */
  readonly bytes: Uint8Array | undefined
}

const DATA_ORIGINS: ReadonlySet<string> = new Set(['.data', '.rodata', '.bss'])
const PER_CPU = /percpu/
/** Values are other maps, programs, descriptors. */
const OBJECT_VALUED: ReadonlySet<string> = new Set([
  'prog_array',
  'perf_event_array',
  'cgroup_array',
  'array_of_maps',
  'hash_of_maps',
])
const LINE = 120

/** A data section: its property in the module, the interface of its variables. */
interface DataSection {
  readonly property: string
  readonly section: string
  readonly type: string
  readonly readonly: boolean
}

/**
 * The source of a TypeScript module over an object: its bytes, its programs and maps by name, keys and values and global
 * variables with the types that the object's BTF gives them.
 */
export function tsSkeleton(spec: ObjectSpec, options: SkeletonOptions): string {
  const className = pascalCase(options.name)
  const names = ['Maps', 'Programs', 'Attach', 'Loaded'].map((suffix) => className + suffix)
  const sections = dataSections(spec, className)
  const btf = objectBtf(spec)
  const types = new TsTypes(btf ?? parseBtf(encodeBtf([])), [className, ...names, ...sections.map(({ type }) => type)])
  const body = [
    ...sections.map((section) => variablesInterface(spec, section, types, btf)),
    mapsInterface(spec, className, types, btf),
    programsInterface(spec, className),
    ...(options.bytes === undefined
      ? [loadedClass(className, className, sections, false)]
      : [openedClass(className, sections, options.file), loadedClass(className, `${className}Loaded`, sections, true)]),
    ...(options.bytes === undefined ? [] : [embedded(options.bytes)]),
  ]
  return [head(options), imports(body.join(''), options.bytes !== undefined), ...types.declarations, ...body].join('\n')
}

function head({ file, bytes }: SkeletonOptions): string {
  const verb = bytes === undefined ? 'subskeleton' : 'skeleton'
  return `// Made by \`skep gen ${verb} ${file} --lang ts\`: do not edit, make it again.\n`
}

/** What the module uses: of a subskeleton, nothing that opens or loads. */
function imports(body: string, owner: boolean): string {
  const used = [
    ['attach', true],
    ['type Attachment', true],
    ['type AttachTargets', true],
    ['type BpfMap', body.includes(': BpfMap<')],
    ['type BpfProgram', body.includes(': BpfProgram\n')],
    ['type Collection', true],
    ['type CollectionOptions', owner],
    ['globalVariables', body.includes(' globalVariables(')],
    ['loadCollection', owner],
    ['type ObjectSpec', owner],
    ['openObject', owner],
  ] as const
  const lines = used.filter(([, wanted]) => wanted).map(([name]) => `  ${name},\n`)
  return `import {\n${lines.join('')}} from 'skep'\n`
}

function dataSections(spec: ObjectSpec, className: string): DataSection[] {
  return spec.maps
    .filter(({ origin, section }) => DATA_ORIGINS.has(origin) && variablesIn(spec, section).length > 0)
    .map(({ section, origin }) => {
      const property = section.replace(/^\./, '').replaceAll('.', '_')
      return { property, section, type: className + pascalCase(property), readonly: origin === '.rodata' }
    })
}

/** Those whose name says which is meant. */
function variablesIn(spec: ObjectSpec, section: string): ObjectSpec['variables'] {
  const all = spec.variables.filter((variable) => variable.section === section)
  return all.filter(({ name }) => all.filter((other) => other.name === name).length === 1)
}

function variablesInterface(spec: ObjectSpec, data: DataSection, types: TsTypes, btf: Btf | undefined): string {
  const lines = variablesIn(spec, data.section).map(({ name, typeId }) => {
    const type = btf === undefined || typeId === 0 ? 'Uint8Array' : types.typeOf(typeId)
    return `  ${propertyName(name)}: ${indent(type)}\n`
  })
  return `/** The variables of ${comment(data.section)}. */\nexport interface ${data.type} ${block(lines)}\n`
}

function mapsInterface(spec: ObjectSpec, className: string, types: TsTypes, btf: Btf | undefined): string {
  const lines = spec.maps
    .filter(({ origin }) => !DATA_ORIGINS.has(origin))
    .map((map) => {
      const entries = map.maxEntries === 0 ? '' : `, ${map.maxEntries} entries`
      const key = mapKey(map, types, btf)
      const text = `  /** ${comment(map.type)}${entries} */\n`
      return `${text}  readonly ${propertyName(map.name)}: BpfMap<${indent(key)}, ${indent(mapValue(map, types, btf))}>\n`
    })
  return `export interface ${className}Maps ${block(lines)}\n`
}

function mapKey(map: MapSpec, types: TsTypes, btf: Btf | undefined): string {
  if (map.keySize === 0) return 'never'
  return btf === undefined || map.btfKeyTypeId === 0 ? 'Uint8Array | number | bigint' : types.typeOf(map.btfKeyTypeId)
}

function mapValue(map: MapSpec, types: TsTypes, btf: Btf | undefined): string {
  if (map.valueSize === 0) return 'never'
  if (OBJECT_VALUED.has(map.type)) return 'Uint8Array | { readonly fd: number }'
  const one = btf === undefined || map.btfValueTypeId === 0 ? 'Uint8Array' : types.typeOf(map.btfValueTypeId)
  if (!PER_CPU.test(map.type)) return one
  return `readonly ${/[ |]/.test(one) ? `(${one})` : one}[]`
}

function programsInterface({ programs, maps }: ObjectSpec, className: string): string {
  const operations = maps.filter(({ structOps }) => structOps !== undefined)
  const names = [`keyof ${className}Programs`, ...operations.map(({ name }) => quoted(name))].join(' | ')
  const lines = programs.map(
    ({ name, section }) => `  /** SEC("${comment(section)}") */\n  readonly ${propertyName(name)}: BpfProgram\n`,
  )
  return `export interface ${className}Programs ${block(lines)}

/** Where to attach which programs: \`{}\` for one whose section says it all. */
export type ${className}Attach = { readonly [Name in ${names}]?: AttachTargets }
`
}

function openedClass(className: string, sections: readonly DataSection[], file: string): string {
  const fields = sections.map(({ property, type }) => `  readonly ${property}: ${type}\n`).join('')
  const made = sections.map(
    ({ property, section }) => `    this.${property} = globalVariables(this.spec, ${quoted(section)})\n`,
  )
  return `/** ${comment(file)}, opened and not loaded: its variables, constants too, can still be set. */
export class ${className} {
  readonly spec: ObjectSpec
${fields}
  constructor() {
    this.spec = openObject(
      Uint8Array.from(atob(OBJECT), (byte) => byte.charCodeAt(0)),
      { file: ${quoted(file)} },
    )
${made.join('')}  }

  /** Creates the maps and loads the programs. Throws ObjectError, VerifierError, KernelError. */
  load(options: CollectionOptions): ${className}Loaded {
    return new ${className}Loaded(loadCollection(this.spec, options))
  }

  /** Opens and loads. */
  static load(options: CollectionOptions): ${className}Loaded {
    return new ${className}().load(options)
  }
}
`
}

function loadedClass(className: string, own: string, sections: readonly DataSection[], owner: boolean): string {
  const fields = sections
    .map(({ property, type, readonly }) => `  readonly ${property}: ${readonly ? `Readonly<${type}>` : type}\n`)
    .join('')
  const made = sections.map(
    ({ property, section }) => `    this.${property} = globalVariables(collection, ${quoted(section)})\n`,
  )
  const what = owner ? 'The object in a kernel.' : 'This part of an object that is in a kernel.'
  return `/** ${what} Variables are read and written while the programs run. */
export class ${own} implements Disposable {
  readonly collection: Collection
  readonly maps: ${className}Maps
  readonly programs: ${className}Programs
${fields}  readonly #attached: Attachment[] = []

  constructor(collection: Collection) {
    this.collection = collection
    this.maps = Object.fromEntries(collection.maps) as unknown as ${className}Maps
    this.programs = Object.fromEntries(collection.programs) as unknown as ${className}Programs
${made.join('')}  }

  /** Attaches the programs named, until \`detach\` or \`close\`. None stays attached if one fails. */
  attach(to: ${className}Attach): readonly Attachment[] {
    const made: Attachment[] = []
    try {
      for (const [name, targets] of Object.entries(to)) made.push(attach(this.collection, name, targets))
    } catch (error) {
      for (const attachment of made.reverse()) attachment[Symbol.dispose]()
      throw error
    }
    this.#attached.push(...made)
    return made
  }

  detach(): void {
    for (const attachment of this.#attached.splice(0).reverse()) attachment[Symbol.dispose]()
  }

  /** Detaches${owner ? ' and closes what was loaded' : '; what was loaded stays with whoever loaded it'}. */
  close(): void {
    this.detach()
${owner ? '    this.collection.close()\n' : ''}  }

  [Symbol.dispose](): void {
    this.close()
  }
}
`
}

function embedded(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('base64')
  const lines = text.match(new RegExp(`.{1,${LINE}}`, 'g')) ?? []
  return `/** The object file, in base64. */\nconst OBJECT = \`\n${lines.join('\n')}\n\`\n`
}

function block(lines: readonly string[]): string {
  return lines.length === 0 ? '{}' : `{\n${lines.join('')}}`
}

function indent(text: string): string {
  return text.replaceAll('\n', '\n  ')
}

function comment(text: string): string {
  return text.replaceAll('*/', '*\\/')
}
