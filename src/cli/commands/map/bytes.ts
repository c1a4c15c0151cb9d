import { UsageError } from '../../../base/index.js'
import { type Btf, encodeValue, formatMap, parseBtf } from '../../../btf/index.js'
import type { Fd, Kernel, MapInfo } from '../../../kernel/index.js'
import { bpf_map_type, mapTypeById } from '../../../spec/index.js'
import { oneNamed } from '../../noun/objects.js'
import type { VerbContext } from '../../noun/verb.js'

const WORDS_AFTER: ReadonlySet<string> = new Set(['key', 'value', 'any', 'exist', 'noexist'])

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

/**
 * `BYTES` (decimal or 0x), `hex BYTES` without 0x, or `json VALUE` by the map's BTF. Takes exactly `size` bytes.
 */
export function readBytes({ words, kernel }: VerbContext, info: MapInfo, part: 'key' | 'value'): Uint8Array {
  const size = part === 'key' ? info.keySize : info.valueSize
  if (words.take('json')) {
    const btf = mapTypes(kernel, info)
    const typeId = part === 'key' ? info.btfKeyTypeId : info.btfValueTypeId
    if (btf === undefined || typeId === 0) throw words.wrong(`this map has no BTF for its ${part}: give bytes`)
    return encodeValue(btf, typeId, parseJson(words.next(`JSON of the ${part}`)))
  }
  const hex = words.take('hex')
  const bytes: number[] = []
  while (bytes.length < size) {
    const word = words.peek()
    if (word === undefined || WORDS_AFTER.has(word))
      throw words.wrong(`the ${part} has ${size} bytes, ${bytes.length} are given`)
    words.next(part)
    const value = hex ? Number.parseInt(word, 16) : Number(word)
    const form = hex ? /^(0x)?[0-9a-f]{1,2}$/i : /^(0x[0-9a-f]{1,2}|\d{1,3})$/i
    if (!form.test(word) || value > 255) throw words.wrong(`'${word}' is no ${hex ? 'hexadecimal ' : ''}byte`)
    bytes.push(value)
  }
  return Uint8Array.from(bytes)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError(`'${text}' is not JSON`)
  }
}

/** A value to be written: bytes, or the map or program that the element shall hold. */
export function readValue(context: VerbContext, info: MapInfo): Uint8Array {
  const { words, kernel } = context
  const holds = mapTypeById(info.type)?.holds
  const way = words.peek()
  if ((holds === 'map' || holds === 'prog') && (way === 'id' || way === 'name' || way === 'pinned' || way === 'tag')) {
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

/** Elements as bpftool prints them: through BTF where the map has it, else as bytes. */
export function printElements(context: VerbContext, info: MapInfo, elements: readonly Element[], whole: boolean): void {
  const btf = mapTypes(context.kernel, info)
  const perCpu = isPerCpu(info)
  const entries = elements.map(({ key, value }) => (perCpu ? { key, values: copiesOf(info, value) } : { key, value }))
  if (btf !== undefined && info.btfValueTypeId !== 0) {
    const types = { key: info.btfKeyTypeId, value: info.btfValueTypeId }
    const style = context.json ? 'json' : 'plain'
    const text = formatMap(btf, types, entries, { style })
    // One element stands alone, without the list around it.
    context.answer(whole ? text : onlyElement(text), whole ? text : onlyElement(text))
    return
  }
  const json = entries.map(({ key, ...rest }) => ({ key: hexList(key), ...valueJson(rest) }))
  const count = `Found ${elements.length} element${elements.length === 1 ? '' : 's'}`
  const text = entries.map(({ key, ...rest }) => elementText(key, rest)).join('\n')
  context.answer(whole ? json : json[0], whole ? `${text}${text === '' ? '' : '\n'}${count}` : text)
}

function onlyElement(list: string): string {
  const text = list.trim()
  return text.slice(1, -1).trim().replace(/^ {4}/gm, '')
}

type Value = { readonly value?: Uint8Array; readonly values?: readonly Uint8Array[] }

function valueJson({ value, values }: Value): object {
  if (values === undefined) return { value: hexList(value ?? new Uint8Array()) }
  return { values: values.map((copy, cpu) => ({ cpu, value: hexList(copy) })) }
}

function elementText(key: Uint8Array, { value, values }: Value): string {
  if (values !== undefined) {
    const copies = values.map((copy, cpu) => `value (CPU ${String(cpu).padStart(2, '0')}):${separated(copy)}`)
    return [`key:`, spaced(key), ...copies].join('\n')
  }
  const bytes = value ?? new Uint8Array()
  const wide = key.length > 16 || bytes.length > 16
  const gap = wide ? '\n' : ' '
  const parts = []
  if (key.length > 0) parts.push(`key:${gap}${spaced(key)}`)
  if (bytes.length > 0) parts.push(`value:${gap}${spaced(bytes)}`)
  return parts.join(!wide && key.length + bytes.length <= 24 ? '  ' : '\n')
}

function separated(bytes: Uint8Array): string {
  return bytes.length > 16 ? `\n${spaced(bytes)}` : ` ${spaced(bytes)}`
}

/** 16 bytes to a line in two halves, as bpftool breaks them. */
export function spaced(bytes: Uint8Array): string {
  const gap = (at: number): string => (at === 0 ? '' : at % 16 === 0 ? '\n' : at % 8 === 0 ? '  ' : ' ')
  return [...bytes].map((byte, at) => gap(at) + byte.toString(16).padStart(2, '0')).join('')
}

export function hexList(bytes: Uint8Array): string[] {
  return [...bytes].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`)
}
