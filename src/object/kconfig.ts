import { encodeText } from '../base/index.js'
import { ObjectError } from './object-error.js'
import type { ExternSpec, MapSpec, ObjectSpec } from './types.js'

export interface KconfigSource {
  /** A kernel configuration: lines `CONFIG_NAME=value`, value y, n, m, a number or "text". */
  readonly text?: string
  /** Values by name, in place of those of the text: 'y', 'n', 'm', booleans, integers, text. */
  readonly values?: Readonly<Record<string, string | number | bigint | boolean>>
  /** LINUX_KERNEL_VERSION as KERNEL_VERSION(a, b, c). */
  readonly kernelVersion?: number
  /** The other virtual values: LINUX_HAS_BPF_COOKIE and LINUX_HAS_SYSCALL_WRAPPER. 1 unless said. */
  readonly hasBpfCookie?: boolean
  readonly hasSyscallWrapper?: boolean
}

/**
 * Fills the .kconfig externs of an object (see ExternSpec.kconfig) in place. Later calls add to earlier ones. What stays
 * unknown is zero: fine for weak externs, an error for the others when loading (unresolvedExterns()).
 * @throws ObjectError for a value that does not fit its extern, with libbpf's text.
 */
export function applyKconfig(spec: ObjectSpec, source: KconfigSource): void {
  const externs = spec.externs.filter((extern) => extern.kconfig !== undefined)
  const map = spec.maps.find((candidate) => candidate.origin === '.kconfig')
  if (externs.length === 0 || map === undefined) return
  const configured = source.text === undefined ? new Map<string, string>() : parseConfig(source.text)
  for (const extern of externs) {
    const { name } = extern
    const given = source.values !== undefined && Object.hasOwn(source.values, name) ? source.values[name] : undefined
    if (given !== undefined) setGiven(spec, map, extern, given)
    else if (name.startsWith('CONFIG_')) {
      const text = configured.get(name)
      if (text !== undefined) setText(spec, map, extern, text)
    } else setVirtual(spec, map, extern, source)
  }
}

/** Externs of .kconfig that must have a value and have none. */
export function unresolvedKconfig(spec: ObjectSpec): ExternSpec[] {
  return spec.externs.filter(({ kind, weak, resolved }) => kind === 'kconfig' && !weak && !resolved)
}

/** The lines of a kernel configuration that set something. */
function parseConfig(text: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const trimmed = line.trim()
    const equals = trimmed.indexOf('=')
    if (!trimmed.startsWith('CONFIG_') || equals < 0) continue
    values.set(trimmed.slice(0, equals), trimmed.slice(equals + 1))
  }
  return values
}

function setVirtual(spec: ObjectSpec, map: MapSpec, extern: ExternSpec, source: KconfigSource): void {
  switch (extern.name) {
    case 'LINUX_KERNEL_VERSION':
      if (source.kernelVersion !== undefined) setNumber(spec, map, extern, BigInt(source.kernelVersion))
      return
    case 'LINUX_HAS_BPF_COOKIE':
      setNumber(spec, map, extern, source.hasBpfCookie === false ? 0n : 1n)
      return
    case 'LINUX_HAS_SYSCALL_WRAPPER':
      setNumber(spec, map, extern, source.hasSyscallWrapper === false ? 0n : 1n)
      return
    default:
      if (extern.name.startsWith('LINUX_') && extern.weak) return
      refuse(spec, extern, 'unrecognized virtual extern')
  }
}

function setGiven(spec: ObjectSpec, map: MapSpec, extern: ExternSpec, value: string | number | bigint | boolean): void {
  if (typeof value === 'string') {
    if (extern.kconfig?.kind === 'string' && !value.startsWith('"')) setString(spec, map, extern, `"${value}"`)
    else setText(spec, map, extern, value)
  } else if (typeof value === 'boolean') {
    if (extern.kconfig?.kind === 'int') setNumber(spec, map, extern, value ? 1n : 0n)
    else setTristate(spec, map, extern, value ? 'y' : 'n')
  } else {
    if (typeof value === 'number' && !Number.isInteger(value)) refuse(spec, extern, `value '${value}' isn't an integer`)
    setNumber(spec, map, extern, BigInt(value))
  }
}

function setText(spec: ObjectSpec, map: MapSpec, extern: ExternSpec, text: string): void {
  if (text === 'y' || text === 'n' || text === 'm') setTristate(spec, map, extern, text)
  else if (text.startsWith('"')) setString(spec, map, extern, text)
  else {
    const negative = text.startsWith('-')
    const digits = negative ? text.slice(1) : text
    if (!/^(0x[0-9a-f]+|\d+)$/i.test(digits) || digits.length > 40) {
      refuse(spec, extern, `value '${text.slice(0, 80)}' isn't a valid integer`)
    }
    setNumber(spec, map, extern, negative ? -BigInt(digits) : BigInt(digits))
  }
}

function setTristate(spec: ObjectSpec, map: MapSpec, extern: ExternSpec, value: 'y' | 'n' | 'm'): void {
  switch (extern.kconfig?.kind) {
    case 'bool':
      if (value === 'm') refuse(spec, extern, `value '${value}' implies tristate or char type`)
      store(spec, map, extern, value === 'y' ? 1n : 0n)
      break
    case 'tristate':
      store(spec, map, extern, value === 'y' ? 1n : value === 'm' ? 2n : 0n)
      break
    case 'char':
      store(spec, map, extern, BigInt(value.charCodeAt(0)))
      break
    default:
      refuse(spec, extern, `value '${value}' implies bool, tristate, or char type`)
  }
}

function setNumber(spec: ObjectSpec, map: MapSpec, extern: ExternSpec, value: bigint): void {
  const { kind, size, signed } = extern.kconfig!
  if (kind !== 'int' && kind !== 'char' && kind !== 'bool') {
    refuse(spec, extern, `value '${value}' implies integer, char, or boolean type`)
  }
  if (kind === 'bool' && value !== 0n && value !== 1n) refuse(spec, extern, `value '${value}' isn't boolean compatible`)
  // A full-width value is taken in either reading.
  const least = size === 8 || signed ? -(1n << BigInt(8 * size - 1)) : 0n
  const most = size === 8 || !signed ? (1n << BigInt(8 * size)) - 1n : (1n << BigInt(8 * size - 1)) - 1n
  if (value < least || value > most) {
    refuse(spec, extern, `value '${value}' doesn't fit in ${size} bytes`)
  }
  store(spec, map, extern, value)
}

function setString(spec: ObjectSpec, map: MapSpec, extern: ExternSpec, text: string): void {
  const { kind, size, offset } = extern.kconfig!
  if (kind !== 'string') refuse(spec, extern, `value '${text}' implies char array type`)
  if (text.length < 2 || !text.endsWith('"')) refuse(spec, extern, `invalid string config '${text}'`)
  // Longer text is cut, the last byte stays NUL.
  const bytes = encodeText(text.slice(1, -1)).subarray(0, size - 1)
  const contents = contentsOf(map)
  contents.fill(0, offset, offset + size)
  contents.set(bytes, offset)
  extern.resolved = true
}

function store(spec: ObjectSpec, map: MapSpec, extern: ExternSpec, value: bigint): void {
  const { offset, size } = extern.kconfig!
  const contents = contentsOf(map)
  for (let i = 0; i < size; i++) {
    const shift = BigInt(8 * (spec.littleEndian ? i : size - 1 - i))
    contents[offset + i] = Number(BigInt.asUintN(8, value >> shift))
  }
  extern.resolved = true
}

function contentsOf(map: MapSpec): Uint8Array {
  map.contents ??= new Uint8Array(map.valueSize)
  return map.contents
}

function refuse(spec: ObjectSpec, extern: ExternSpec, problem: string): never {
  throw new ObjectError(`extern (kcfg) '${extern.name}': ${problem}`, {
    file: spec.file,
    section: '.kconfig',
    symbol: extern.name,
  })
}
