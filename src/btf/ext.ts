import { Cursor, FormatError } from '../base/index.js'
import type { Btf } from './btf.js'

/** BPF_CORE_* relocation kinds by number. */
export const CORE_RELO_KINDS = [
  'field_byte_offset',
  'field_byte_size',
  'field_exists',
  'field_signed',
  'field_lshift_u64',
  'field_rshift_u64',
  'local_type_id',
  'target_type_id',
  'type_exists',
  'type_size',
  'enumval_exists',
  'enumval_value',
  'type_matches',
] as const

export type CoreReloKind = (typeof CORE_RELO_KINDS)[number]

/** A function begins at `insnOff`. */
export interface FuncInfo {
  /** Bytes from the start of the ELF section. */
  readonly insnOff: number
  /** A BTF func. */
  readonly typeId: number
}

/** The source line the instruction at `insnOff` and those after it came from. */
export interface LineInfo {
  readonly insnOff: number
  readonly fileNameOff: number
  readonly lineOff: number
  readonly fileName: string
  /** The line's text. */
  readonly text: string
  readonly line: number
  readonly column: number
}

/** The instruction at `insnOff` depends on the layout of a type that may differ on the target. */
export interface CoreRelo {
  readonly insnOff: number
  /** Root type in the object's own BTF. */
  readonly typeId: number
  /** Path from the root, as "0:1:2"; an enumerator's index; or "0" for the type itself. */
  readonly access: string
  readonly kind: CoreReloKind
}

/** The records for one ELF section. */
export interface BtfExtGroup<T> {
  readonly section: string
  readonly records: readonly T[]
}

export interface BtfExt {
  readonly littleEndian: boolean
  readonly funcInfo: readonly BtfExtGroup<FuncInfo>[]
  readonly lineInfo: readonly BtfExtGroup<LineInfo>[]
  readonly coreRelos: readonly BtfExtGroup<CoreRelo>[]
}

const FUNC_INFO_SIZE = 8
const LINE_INFO_SIZE = 16
const CORE_RELO_SIZE = 16

/**
 * Reads a .BTF.ext section; its strings are in `btf`. Records longer than those known here (a newer compiler) are read
 * as far as known. Throws FormatError.
 */
export function parseBtfExt(bytes: Uint8Array, btf: Btf): BtfExt {
  const fail = (reason: string, offset: number): never => {
    throw new FormatError('btf.ext', reason, { offset, ...(btf.file === undefined ? {} : { file: btf.file }) })
  }
  const magic = new Cursor(bytes, 'btf.ext').u16('header')
  if (magic !== 0xeb9f && magic !== 0x9feb) fail(`bad magic 0x${magic.toString(16)}, expected 0xeb9f`, 0)
  const header = new Cursor(bytes, 'btf.ext', magic === 0xeb9f, 2)
  const version = header.u8('header')
  if (version !== 1) fail(`unsupported version ${version}`, 2)
  header.skip(1, 'header')
  const headerLength = header.u32('header')
  if (headerLength < 24 || headerLength > bytes.length) fail(`invalid header length ${headerLength}`, 4)

  const name = memo((offset) => btf.name(offset))
  const groups = <T>(what: string, knownSize: number, read: (cursor: Cursor) => T): BtfExtGroup<T>[] => {
    const at = header.pos
    // The CO-RE pair is absent from the oldest headers.
    if (at + 8 > headerLength) return []
    const start = headerLength + header.u32('header')
    const length = header.u32('header')
    if (length === 0) return []
    if (start % 4 !== headerLength % 4) fail(`${what} is not aligned to 4 bytes`, at)
    if (start + length > bytes.length) {
      fail(`${what} ends at ${start + length}, beyond the ${bytes.length} bytes given`, at)
    }
    const cursor = new Cursor(bytes.subarray(0, start + length), 'btf.ext', header.littleEndian, start)
    const recordSize = cursor.u32(`${what} record size`)
    if (recordSize < knownSize || recordSize % 4 !== 0) fail(`${what} has invalid record size ${recordSize}`, start)
    const found: BtfExtGroup<T>[] = []
    while (cursor.remaining > 0) {
      const place = cursor.pos
      const section = name(cursor.u32(`${what} section header`))
      const count = cursor.u32(`${what} section header`)
      if (count === 0) fail(`${what} for section '${section}' has no records`, place)
      if (count * recordSize > cursor.remaining) {
        fail(
          `${what} for section '${section}' has ${count} records of ${recordSize} bytes, ${cursor.remaining} left`,
          place,
        )
      }
      const records: T[] = []
      for (let i = 0; i < count; i++) {
        const next = cursor.pos + recordSize
        records.push(read(cursor))
        cursor.pos = next
      }
      found.push({ section, records })
    }
    return found
  }

  const funcInfo = groups('func_info', FUNC_INFO_SIZE, (c): FuncInfo => ({ insnOff: c.u32(), typeId: c.u32() }))
  const lineInfo = groups('line_info', LINE_INFO_SIZE, (c): LineInfo => {
    const insnOff = c.u32()
    const fileNameOff = c.u32()
    const lineOff = c.u32()
    const lineAndColumn = c.u32()
    return {
      insnOff,
      fileNameOff,
      lineOff,
      fileName: name(fileNameOff),
      text: name(lineOff),
      line: lineAndColumn >>> 10,
      column: lineAndColumn & 0x3ff,
    }
  })
  const coreRelos = groups('core_relo', CORE_RELO_SIZE, (c): CoreRelo => {
    const place = c.pos
    const insnOff = c.u32()
    const typeId = c.u32()
    const access = name(c.u32())
    const number = c.u32()
    const kind = CORE_RELO_KINDS[number]
    if (kind === undefined) return fail(`core_relo has unknown kind ${number}`, place)
    return { insnOff, typeId, access, kind }
  })
  return { littleEndian: header.littleEndian, funcInfo, lineInfo, coreRelos }
}

function memo(read: (offset: number) => string): (offset: number) => string {
  const known = new Map<number, string>()
  return (offset) => {
    let text = known.get(offset)
    if (text === undefined) known.set(offset, (text = read(offset)))
    return text
  }
}

/** func_info records as bpf(2) takes them (8 bytes each): `insnOff` is written as given, in instructions for the kernel. */
export function encodeFuncInfo(records: readonly Pick<FuncInfo, 'insnOff' | 'typeId'>[]): Uint8Array {
  const bytes = new Uint8Array(records.length * FUNC_INFO_SIZE)
  const view = new DataView(bytes.buffer)
  for (const [i, record] of records.entries()) {
    view.setUint32(i * FUNC_INFO_SIZE, record.insnOff, true)
    view.setUint32(i * FUNC_INFO_SIZE + 4, record.typeId, true)
  }
  return bytes
}

/** line_info records as bpf(2) takes them (16 bytes each): `insnOff` is written as given, in instructions for the kernel. */
export function encodeLineInfo(records: readonly Omit<LineInfo, 'fileName' | 'text'>[]): Uint8Array {
  const bytes = new Uint8Array(records.length * LINE_INFO_SIZE)
  const view = new DataView(bytes.buffer)
  for (const [i, record] of records.entries()) {
    const at = i * LINE_INFO_SIZE
    view.setUint32(at, record.insnOff, true)
    view.setUint32(at + 4, record.fileNameOff, true)
    view.setUint32(at + 8, record.lineOff, true)
    view.setUint32(at + 12, ((record.line << 10) | (record.column & 0x3ff)) >>> 0, true)
  }
  return bytes
}

/**
 * A .BTF.ext section, little-endian. `string` gives the offset of a text in the BTF it goes with; texts of line records are taken anew, whatever
 * their offsets were.
 */
export function encodeBtfExt(ext: Omit<BtfExt, 'littleEndian'>, string: (text: string) => number): Uint8Array {
  const words: number[] = []
  const part = <T>(groups: readonly BtfExtGroup<T>[], size: number, write: (record: T) => number[]): number[] => {
    if (groups.length === 0) return [words.length * 4, 0]
    const start = words.length
    words.push(size)
    for (const { section, records } of groups) {
      words.push(string(section), records.length)
      for (const record of records) words.push(...write(record))
    }
    return [start * 4, (words.length - start) * 4]
  }
  const header = [
    ...part(ext.funcInfo, FUNC_INFO_SIZE, ({ insnOff, typeId }) => [insnOff, typeId]),
    ...part(ext.lineInfo, LINE_INFO_SIZE, ({ insnOff, fileName, text, line, column }) => [
      insnOff,
      string(fileName),
      string(text),
      ((line << 10) | (column & 0x3ff)) >>> 0,
    ]),
    ...part(ext.coreRelos, CORE_RELO_SIZE, ({ insnOff, typeId, access, kind }) => [
      insnOff,
      typeId,
      string(access),
      CORE_RELO_KINDS.indexOf(kind),
    ]),
  ]
  const all = [0x0001_eb9f, 8 + header.length * 4, ...header, ...words]
  const bytes = new Uint8Array(all.length * 4)
  const view = new DataView(bytes.buffer)
  for (const [index, word] of all.entries()) view.setUint32(index * 4, word, true)
  return bytes
}
