import { ERRNO, errnoText, UsageError } from '../../../base/index.js'
import { type Btf, encodeValue, formatMap, parseBtf } from '../../../btf/index.js'
import type { Fd, Kernel, MapInfo } from '../../../kernel/index.js'
import { bpf_map_type, mapTypeById } from '../../../spec/index.js'
import { oneNamed } from '../../noun/objects.js'
import type { VerbContext } from '../../noun/verb.js'
import { RawJson } from '../../output/json-text.js'

/** A map's BTF, from the kernel; undefined where it has none. */
export function mapTypes(kernel: Kernel, info: MapInfo): Btf | undefined {
  if (info.btfId === 0) return undefined
  const fd = kernel.call('btf_get_fd_by_id', { id: info.btfId })
  try {
    const btf = kernel.call('obj_get_info_by_fd', { fd, details: true })
    return btf.kind === 'btf' && btf.btf !== undefined ? parseBtf(btf.btf) : undefined
  } finally {
    kernel.call('close', { fd })
  }
}

/** `BYTES` (decimal, 0x or 0 before octal), `hex BYTES`, or `json VALUE` by the map's BTF. Takes exactly `size` bytes. */
function readBytes({ words, kernel }: VerbContext, info: MapInfo, part: 'key' | 'value'): Uint8Array {
  const size = part === 'key' ? info.keySize : info.valueSize
  if (words.peek() === 'json') {
    words.next('json')
    const btf = mapTypes(kernel, info)
    const typeId = part === 'key' ? info.btfKeyTypeId : info.btfValueTypeId
    if (btf === undefined || typeId === 0) throw words.wrong(`this map has no BTF for its ${part}: give bytes`)
    return encodeValue(btf, typeId, parseJson(words.next(`JSON of the ${part}`)))
  }
  const hex = words.take('hex')
  const bytes: number[] = []
  while (bytes.length < size && !words.done) {
    const word = words.next(part)
    const value = byteOf(word, hex)
    if (value === undefined) throw words.wrong(`error parsing byte: ${word}`)
    bytes.push(value)
  }
  if (bytes.length < size) throw words.wrong(`${part} expected ${size} bytes got ${bytes.length}`)
  return Uint8Array.from(bytes)
}

/** A byte as strtoul reads it. More than a byte holds is an error: bpftool drops the rest in silence. */
function byteOf(word: string, hex: boolean): number | undefined {
  const value = hex
    ? /^(0x)?[0-9a-f]+$/i.test(word)
      ? Number.parseInt(word, 16)
      : Number.NaN
    : /^0[0-7]+$/.test(word)
      ? Number.parseInt(word, 8)
      : /^(0x[0-9a-f]+|\d+)$/i.test(word)
        ? Number(word)
        : Number.NaN
  return value <= 255 ? value : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError(`'${text}' is not JSON`)
  }
}

const FLAGS = { any: 0n, noexist: 1n, exist: 2n } as const

/** What `[key KEY] [value VALUE] [FLAGS]` says. */
export interface Spoken {
  readonly key: Uint8Array | undefined
  readonly value: Uint8Array | undefined
  readonly flags: bigint
}

/** Reads key, value and flags in any order, as far as a command wants them. A key or value of no bytes is neither wanted nor allowed. */
export function readElement(context: VerbContext, info: MapInfo, wants: { readonly value: boolean }): Spoken {
  const { words } = context
  const keyWanted = info.keySize > 0
  const valueWanted = wants.value && info.valueSize > 0
  let key: Uint8Array | undefined
  let value: Uint8Array | undefined
  let flags: bigint | undefined
  while (!words.done) {
    if (words.take('key')) {
      if (!keyWanted || key !== undefined) throw words.wrong(keyWanted ? 'duplicate key' : 'unnecessary key')
      key = readBytes(context, info, 'key')
    } else if (words.take('value')) {
      if (!valueWanted || value !== undefined) throw words.wrong(valueWanted ? 'duplicate value' : 'unnecessary value')
      value = readValue(context, info)
    } else {
      const flag =
        wants.value && flags === undefined
          ? (['any', 'noexist', 'exist'] as const).find((name) => words.take(name))
          : undefined
      if (flag === undefined) throw words.wrong(`expected key or value, got: ${words.peek()}`)
      flags = FLAGS[flag]
    }
  }
  if (keyWanted && key === undefined) throw words.wrong('did not find key')
  if (valueWanted && value === undefined) throw words.wrong('did not find value')
  return { key, value, flags: flags ?? 0n }
}

/** A value to be written: bytes, or the map or program that the element shall hold. */
function readValue(context: VerbContext, info: MapInfo): Uint8Array {
  const { words, kernel, host, json } = context
  const holds = mapTypeById(info.type)?.holds
  if (holds === 'map' || holds === 'prog') {
    const kind = holds === 'map' ? 'map in map' : 'map of progs'
    if (info.valueSize !== 4) throw words.wrong(`value smaller than 4B for ${kind}?`)
    if (words.left < 2) throw words.wrong(`not enough value arguments for ${kind}`)
    if (holds === 'prog' && words.is('id') && !json) {
      host.err(`Warning: updating program array via MAP_ID, make sure this map is kept open
         by some process or pinned otherwise update will be lost
`)
    }
    return u32(oneNamed(context, holds).fd)
  }
  const value = readBytes(context, info, 'value')
  if (!isPerCpu(info)) return value
  // As bpftool: one value for every CPU.
  const stride = (info.valueSize + 7) & ~7
  const all = new Uint8Array(stride * kernel.possibleCpus)
  for (let cpu = 0; cpu < kernel.possibleCpus; cpu++) all.set(value, cpu * stride)
  return all
}

export function u32(value: number | Fd): Uint8Array {
  return Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24)
}

export function isPerCpu(info: MapInfo): boolean {
  return mapTypeById(info.type)?.perCpu === true || info.type === bpf_map_type.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE
}

/** The copies of a per-CPU value. */
export function copiesOf(info: MapInfo, value: Uint8Array): Uint8Array[] {
  const stride = (info.valueSize + 7) & ~7
  const copies: Uint8Array[] = []
  for (let at = 0; at < value.length; at += stride) copies.push(value.subarray(at, at + info.valueSize))
  return copies
}

export interface Element {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** An element, or why it could not be read. */
export interface Unread {
  readonly key: Uint8Array
  readonly errno: number
}

/**
 * Elements as bpftool prints them: through BTF where the map has it, else as bytes. `list`: all of a map, with their number; else one
 * alone.
 */
export function printElements(
  context: VerbContext,
  info: MapInfo,
  elements: readonly (Element | Unread)[],
  list: boolean,
): void {
  const { json, text } = elementsText(context, info, elements, list)
  context.answer(json, text)
}

export function elementsText(
  context: VerbContext,
  info: MapInfo,
  elements: readonly (Element | Unread)[],
  list: boolean,
): { readonly json: unknown; readonly text: string } {
  const btf = mapTypes(context.kernel, info)
  const perCpu = isPerCpu(info)
  const whole = elements.every((element) => 'value' in element)
  if (btf !== undefined && info.btfValueTypeId !== 0 && whole) {
    const entries = (elements as readonly Element[]).map(({ key, value }) =>
      perCpu ? { key, values: copiesOf(info, value) } : { key, value },
    )
    const types = { key: info.btfKeyTypeId, value: info.btfValueTypeId }
    const style = context.json ? (context.pretty ? 'pretty' : 'json') : 'plain'
    const all = formatMap(btf, types, entries, { style })
    // One element stands alone, without the list around it.
    const text = list ? all : onlyElement(all)
    return { json: new RawJson(text), text }
  }
  const read = elements.filter((element) => 'value' in element).length
  const rows = elements.map((element) => {
    if (!('value' in element)) return unreadText(info, element)
    return elementText(info, element.key, perCpu ? copiesOf(info, element.value) : element.value)
  })
  if (list) rows.push(`Found ${read} element${read === 1 ? '' : 's'}`)
  const entries = elements.map((element) => elementJson(info, element, perCpu))
  return { json: list ? entries : entries[0], text: rows.join('\n') }
}

function onlyElement(all: string): string {
  const text = all.trim()
  return text.slice(1, -1).trim().replace(/^ {4}/gm, '')
}

function elementJson(info: MapInfo, element: Element | Unread, perCpu: boolean): object {
  const key = hexList(element.key)
  if (!('value' in element)) return { key, value: { error: errnoText(element.errno) } }
  if (!perCpu) return { key, value: hexList(element.value) }
  return { key, values: copiesOf(info, element.value).map((copy, cpu) => ({ cpu, value: hexList(copy) })) }
}

/** Do key and value of a map stand on lines of their own? */
function broken(info: MapInfo): { readonly afterHead: string; readonly between: string } {
  const wide = info.keySize > 16 || info.valueSize > 16
  const newLine = !wide && info.keySize + info.valueSize <= 24 ? '  ' : '\n'
  return { afterHead: wide ? '\n' : ' ', between: newLine }
}

function elementText(info: MapInfo, key: Uint8Array, value: Uint8Array | readonly Uint8Array[]): string {
  if (!(value instanceof Uint8Array)) {
    const gap = info.valueSize > 16 ? '\n' : ' '
    const copies = value.map((copy, cpu) => `value (CPU ${String(cpu).padStart(2, '0')}):${gap}${spaced(copy)}`)
    return ['key:', spaced(key), ...copies].join('\n')
  }
  const { afterHead, between } = broken(info)
  const parts = []
  if (key.length > 0) parts.push(`key:${afterHead}${spaced(key)}`)
  if (value.length > 0) parts.push(`value:${afterHead}${spaced(value)}`)
  return parts.join(between)
}

/** What stands for a value that cannot be read: a slot that is empty is no error. */
function unreadText(info: MapInfo, { key, errno }: Unread): string {
  if (errno !== ERRNO.ENOENT) return `key:\n${spaced(key)}\nvalue:\n${errnoText(errno)}`
  const { afterHead, between } = broken(info)
  return `key:${afterHead}${spaced(key)}${between}value:${afterHead}<no entry>`
}

/** 16 bytes to a line in two halves, as bpftool breaks them. */
export function spaced(bytes: Uint8Array): string {
  const gap = (at: number): string => (at === 0 ? '' : at % 16 === 0 ? '\n' : at % 8 === 0 ? '  ' : ' ')
  return [...bytes].map((byte, at) => gap(at) + byte.toString(16).padStart(2, '0')).join('')
}

export function hexList(bytes: Uint8Array): string[] {
  return [...bytes].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`)
}
