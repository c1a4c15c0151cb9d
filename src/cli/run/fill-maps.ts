import { readFileSync } from 'node:fs'
import { fromHex, UsageError } from '../../base/index.js'
import { type ObjectSpec, setVariable } from '../../object/index.js'
import type { BpfMap, Collection } from '../../sdk/index.js'

/** `--set NAME=VALUE`: gives global variables their values before the object is loaded. JSON values; typed by BTF. */
export function setVariables(spec: ObjectSpec, assignments: readonly string[]): void {
  for (const assignment of assignments) {
    const [name, text] = split(assignment, '--set NAME=VALUE')
    setVariable(spec, name, parseJson(text))
  }
}

/** `--max-entries NAME=N`: sizes that user space chooses (a map without one cannot be created). */
export function setMaxEntries(spec: ObjectSpec, assignments: readonly string[]): void {
  for (const assignment of assignments) {
    const [name, text] = split(assignment, '--max-entries NAME=N')
    const map = spec.maps.find((candidate) => candidate.name === name)
    if (map === undefined)
      throw new UsageError(
        `no map named '${name}'`,
        `there are ${spec.maps.map((each) => each.name).join(', ') || 'none'}`,
      )
    const entries = Number(text)
    if (!Number.isInteger(entries) || entries < 0 || entries > 0xffff_ffff)
      throw new UsageError(`--max-entries ${name}: '${text}' is no number of entries`)
    map.maxEntries = entries
  }
}

/** `--map NAME=FILE.json` (or inline JSON): entries `[{"key":…,"value":…}]` or an object of them. */
export function fillMaps(collection: Collection, assignments: readonly string[]): void {
  for (const assignment of assignments) {
    const [name, source] = split(assignment, '--map NAME=FILE.json')
    const map = collection.map(name)
    const text = /^\s*[[{]/.test(source) ? source : readFileSync(source, 'utf8')
    const entries = parseJson(text)
    if (!Array.isArray(entries)) throw new UsageError(`--map ${name}: expected an array of {"key":…,"value":…}`)
    for (const entry of entries as { key?: unknown; value?: unknown; values?: unknown }[]) {
      if (entry === null || typeof entry !== 'object')
        throw new UsageError(`--map ${name}: '${String(entry)}' is no entry`)
      if (entry.key === undefined) map.push(loose(map, 'value', entry.value))
      else if (map.perCpu) {
        const values = Array.isArray(entry.values) ? entry.values : Array(map.kernel.possibleCpus).fill(entry.value)
        map.set(
          loose(map, 'key', entry.key),
          values.map((value) => loose(map, 'value', value)),
        )
      } else map.set(loose(map, 'key', entry.key), loose(map, 'value', entry.value))
    }
  }
}

/** Hex strings stand for bytes; everything else goes through the map's codec. */
function loose(map: BpfMap, part: 'key' | 'value', value: unknown): unknown {
  const size = part === 'key' ? map.keySize : map.valueSize
  if (typeof value === 'string' && new RegExp(`^(0x)?[0-9a-fA-F]{${size * 2}}$`).test(value)) return fromHex(value)
  const typeId = part === 'key' ? map.types?.keyTypeId : map.types?.valueTypeId
  if (map.types !== undefined && typeId !== undefined && typeId !== 0) return value
  return integerBytes(value, size, `${map.name} ${part}`)
}

function integerBytes(value: unknown, size: number, what: string): Uint8Array {
  if (
    Array.isArray(value) &&
    value.length === size &&
    value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte < 256)
  ) {
    return Uint8Array.from(value as number[])
  }
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new UsageError(`${what}: give an integer, ${size} bytes as hex, or an array of ${size} bytes`)
  }
  const bytes = new Uint8Array(size)
  let rest = BigInt.asUintN(size * 8, BigInt(value))
  for (let i = 0; i < size; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn)
  return bytes
}

function split(assignment: string, form: string): [string, string] {
  const at = assignment.indexOf('=')
  if (at <= 0) throw new UsageError(`'${assignment}' is not of the form ${form}`)
  return [assignment.slice(0, at), assignment.slice(at + 1)]
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // A bare word is a string: `--set name=eth0`.
    if (/^[\w.:/-]+$/.test(text)) return /^0x[0-9a-f]+$/i.test(text) ? Number(text) : text
    throw new UsageError(`'${text}' is not JSON`)
  }
}
