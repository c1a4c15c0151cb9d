import { type Btf, type BtfComposite, type BtfMember, type BtfType, resolve } from '../../../btf/index.js'

/** Names that a generated module uses for other things. */
const TAKEN =
  'Array AttachTargets Attachment BpfMap BpfProgram Collection CollectionOptions Object ObjectSpec String Uint8Array'
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/

/** `two_words` as `TwoWords`. */
export function pascalCase(name: string): string {
  const words = name.split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
  const joined = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')
  return /^[A-Za-z]/.test(joined) ? joined : `T${joined}`
}

/** A name as a property of an object or an interface. */
export function propertyName(name: string): string {
  return IDENTIFIER.test(name) ? name : quoted(name)
}

/** A string in single quotes. */
export function quoted(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`
}

/** What decodeValue() makes of the types of a BTF, as TypeScript types: named structs, unions and enums are declared once. */
export class TsTypes {
  readonly #btf: Btf
  readonly #taken: Set<string>
  readonly #names = new Map<number, string>()
  readonly #declarations: string[] = []

  constructor(btf: Btf, reserved: readonly string[]) {
    this.#btf = btf
    this.#taken = new Set([...TAKEN.split(' '), ...reserved])
  }

  /** What was declared for the types asked about so far. */
  get declarations(): readonly string[] {
    return this.#declarations
  }

  /** The type of the values of `id`; 'unknown' for what has none. */
  typeOf(id: number): string {
    const { type, alias } = this.#skip(id)
    switch (type.kind) {
      case 'int':
        if (type.bool) return 'boolean'
        return type.size <= 4 && type.size !== 3 ? 'number' : 'bigint'
      case 'enum':
      case 'enum64':
        return this.#named(type, alias, (name) => {
          const other = type.size === 8 ? 'bigint' : 'number'
          const values = [...new Set(type.values.map((value) => `'${value.name}'`)), other].join(' | ')
          return `/** enum ${type.name || alias}: a ${other} where no enumerator fits. */\nexport type ${name} = ${values}\n`
        })
      case 'ptr':
        return 'bigint'
      case 'float':
        return type.size === 4 || type.size === 8 ? 'number' : 'Uint8Array'
      case 'array':
        return this.#array(type.type)
      case 'struct':
      case 'union':
        return this.#named(
          type,
          alias,
          (name) => `/** ${type.kind} ${type.name || alias} */\nexport interface ${name} ${this.#members(type)}\n`,
        )
      case 'var':
        return this.typeOf(type.type)
      default:
        return 'unknown'
    }
  }

  #array(elementId: number): string {
    const element = resolve(this.#btf, elementId)
    if (element.kind === 'int' && element.size === 1 && !element.bool) {
      // As the codec has it: `char[]` is text, arrays of a typedef of it are numbers.
      const declared = this.#skip(elementId)
      const text = declared.alias === '' && (element.char || element.name === 'char')
      if (text) return 'string'
      if (!element.signed && !element.char) return 'Uint8Array'
    }
    const inner = this.typeOf(elementId)
    return `readonly ${/[ |]/.test(inner) ? `(${inner})` : inner}[]`
  }

  /** A named type by its name, declared when it is first met; one without a name in its place. */
  #named(type: BtfType, alias: string, declare: (name: string) => string): string {
    const known = this.#names.get(type.id)
    if (known !== undefined) return known
    const own = type.name || alias
    if (own === '') {
      if (type.kind === 'struct' || type.kind === 'union') return this.#members(type)
      return type.kind === 'enum64' || (type.kind === 'enum' && type.size === 8) ? 'string | bigint' : 'string | number'
    }
    const wanted = pascalCase(own)
    let name = wanted
    for (let number = 2; this.#taken.has(name); number++) name = `${wanted}${number}`
    this.#taken.add(name)
    this.#names.set(type.id, name)
    this.#declarations.push(declare(name))
    return name
  }

  #members(type: BtfComposite): string {
    const lines = this.#fields(type, type.kind === 'union')
    return lines.length === 0 ? '{}' : `{\n${lines.map((line) => `  ${line.replaceAll('\n', '\n  ')}\n`).join('')}}`
  }

  /** Members, those of anonymous structs and unions among them. Of a union one is enough to set it. */
  #fields(type: BtfComposite, optional: boolean): string[] {
    return type.members.flatMap((member: BtfMember) => {
      if (member.name !== '') {
        return [`readonly ${propertyName(member.name)}${optional ? '?' : ''}: ${this.typeOf(member.type)}`]
      }
      const inner = resolve(this.#btf, member.type)
      if (inner.kind !== 'struct' && inner.kind !== 'union') return []
      return this.#fields(inner, optional || inner.kind === 'union')
    })
  }

  /** The type behind typedefs and qualifiers, and the name of the innermost typedef. */
  #skip(id: number): { readonly type: BtfType; readonly alias: string } {
    let alias = ''
    let type = this.#btf.type(id)
    for (let depth = 0; depth < 64; depth++) {
      switch (type.kind) {
        case 'typedef':
          alias = type.name
          type = this.#btf.type(type.type)
          break
        case 'const':
        case 'volatile':
        case 'restrict':
        case 'type_tag':
          type = this.#btf.type(type.type)
          break
        default:
          return { type, alias }
      }
    }
    throw this.#btf.error(`type [${id}] is nested more than 64 deep`)
  }
}
