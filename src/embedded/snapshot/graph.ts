import { FormatError } from '../../base/index.js'

/** Something that is not written but named, because it is put back in another way. */
export interface External {
  readonly kind: string
  readonly id: number
}

export interface GraphRules {
  /** Names of classes whose objects are written, by constructor. */
  readonly classes: ReadonlyMap<unknown, string>
  /** What an object is named by, if it is not to be written. */
  external(value: object): External | undefined
  /** A property that is left out. */
  omit(className: string | undefined, name: string): boolean
}

export interface ReadRules {
  /** An object of a class, still empty; `fields` are those of its fields that are plain values. */
  make(className: string, fields: ReadonlyMap<string, unknown>): object
  external(external: External): unknown
}

type Encoded = string | number | boolean | null | { readonly [kind: string]: unknown }
type Node =
  | { readonly c?: string; readonly o: readonly (readonly [string, Encoded])[] }
  | { readonly a: readonly Encoded[] }
  | { readonly m: readonly (readonly [Encoded, Encoded])[] }
  | { readonly s: readonly Encoded[] }

const MAGIC = new TextEncoder().encode('SKEPSNAP')
const VERSION = 1
const HEAD = MAGIC.length + 8

/**
 * Writes plain data with everything they refer to: objects, arrays, Map, Set, bytes, bigint, and objects of the named classes; each
 * object once, however many refer to it. Functions become undefined.
 */
export function writeGraph(root: unknown, rules: GraphRules): Uint8Array {
  const nodes: Node[] = []
  const known = new Map<object, number>()
  const blobs: Uint8Array[] = []
  let blobSize = 0

  const encode = (value: unknown): Encoded => {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value
      case 'number':
        return Number.isFinite(value) && !Object.is(value, -0) ? value : { f: String(value) }
      case 'bigint':
        return { n: String(value) }
      case 'undefined':
      case 'function':
      case 'symbol':
        return { u: 1 }
    }
    if (value === null) return null
    if (value instanceof Uint8Array) {
      blobs.push(value)
      blobSize += value.length
      return { b: [blobSize - value.length, value.length] }
    }
    const external = rules.external(value as object)
    return external === undefined ? { r: node(value as object) } : { x: [external.kind, external.id] }
  }

  const node = (value: object): number => {
    const before = known.get(value)
    if (before !== undefined) return before
    const index = nodes.length
    known.set(value, index)
    nodes.push({ a: [] })
    if (Array.isArray(value)) nodes[index] = { a: value.map(encode) }
    else if (value instanceof Map) nodes[index] = { m: [...value].map(([key, item]) => [encode(key), encode(item)]) }
    else if (value instanceof Set) nodes[index] = { s: [...value].map(encode) }
    else {
      const className = rules.classes.get(value.constructor)
      const fields = Object.entries(value).filter(([name]) => !rules.omit(className, name))
      const o = fields.map(([name, item]) => [name, encode(item)] as const)
      nodes[index] = className === undefined ? { o } : { c: className, o }
    }
    return index
  }

  const start = encode(root)
  const json = new TextEncoder().encode(JSON.stringify({ start, nodes }))
  const out = new Uint8Array(HEAD + json.length + blobSize)
  out.set(MAGIC)
  const view = new DataView(out.buffer)
  view.setUint32(MAGIC.length, VERSION, true)
  view.setUint32(MAGIC.length + 4, json.length, true)
  out.set(json, HEAD)
  let at = HEAD + json.length
  for (const blob of blobs) {
    out.set(blob, at)
    at += blob.length
  }
  return out
}

/** Reads what writeGraph wrote. Throws FormatError. */
export function readGraph(bytes: Uint8Array, rules: ReadRules): unknown {
  try {
    return read(bytes, rules)
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError)) throw error
    throw new FormatError('snapshot', `its tables cannot be read: ${error.message}`)
  }
}

function read(bytes: Uint8Array, rules: ReadRules): unknown {
  const wrong = (reason: string): never => {
    throw new FormatError('snapshot', reason)
  }
  if (bytes.length < HEAD || !MAGIC.every((byte, i) => bytes[i] === byte)) wrong('this is no snapshot of a kernel')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const version = view.getUint32(MAGIC.length, true)
  if (version !== VERSION) wrong(`it is of version ${version}, this is ${VERSION}`)
  const jsonLength = view.getUint32(MAGIC.length + 4, true)
  if (HEAD + jsonLength > bytes.length) wrong('it is cut off')
  const blobs = bytes.subarray(HEAD + jsonLength)
  const { start, nodes } = parse(bytes.subarray(HEAD, HEAD + jsonLength), wrong)

  const made: (object | undefined)[] = new Array(nodes.length)
  const decode = (value: Encoded): unknown => {
    if (value === null || typeof value !== 'object') return value
    if ('u' in value) return undefined
    if ('n' in value) return BigInt(String(value.n))
    if ('f' in value) return Number(value.f)
    if ('b' in value) {
      const [offset, length] = value.b as readonly [number, number]
      if (!(offset >= 0 && length >= 0 && offset + length <= blobs.length)) wrong('bytes are missing')
      return blobs.slice(offset, offset + length)
    }
    if ('x' in value) {
      const [kind, id] = value.x as readonly [string, number]
      return rules.external({ kind, id })
    }
    const index = value.r as number
    return made[index] ?? wrong('it refers to nothing')
  }
  // First every object, empty; then what is in them: they refer to each other.
  for (const [index, node] of nodes.entries()) {
    if ('a' in node) made[index] = []
    else if ('m' in node) made[index] = new Map()
    else if ('s' in node) made[index] = new Set()
    else if (node.c === undefined) made[index] = {}
    else {
      const plain = node.o.filter(
        ([, item]) => item === null || typeof item !== 'object' || !('r' in item || 'x' in item),
      )
      made[index] = rules.make(node.c, new Map(plain.map(([name, item]) => [name, decode(item)])))
    }
  }
  for (const [index, node] of nodes.entries()) {
    const target = made[index] as object
    if ('a' in node) (target as unknown[]).push(...node.a.map(decode))
    else if ('m' in node)
      for (const [key, item] of node.m) (target as Map<unknown, unknown>).set(decode(key), decode(item))
    else if ('s' in node) for (const item of node.s) (target as Set<unknown>).add(decode(item))
    else for (const [name, item] of node.o) put(target, name, decode(item))
  }
  return decode(start)
}

/** Fields that are Maps or arrays already keep them, and take what is in the new one: others hold on to them. */
function put(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true })
}

function parse(
  bytes: Uint8Array,
  wrong: (reason: string) => never,
): { readonly start: Encoded; readonly nodes: readonly Node[] } {
  try {
    const { start, nodes } = JSON.parse(new TextDecoder().decode(bytes)) as { start: Encoded; nodes: Node[] }
    if (Array.isArray(nodes)) return { start, nodes }
  } catch {
    // Said below.
  }
  return wrong('its tables cannot be read')
}
