import type { ErrnoName } from '../../base/index.js'
import { CheckFailure, CheckLog } from './log.js'
import { RawTypes } from './raw-types.js'
import { checkRecords } from './records.js'
import { References } from './references.js'

const HEADER_SIZE = 24
/** BTF_MAX_SIZE. */
const LARGEST = 16 * 1024 * 1024
const LONGEST_STRINGS = 0x00ff_ffff

/** What bpf(BPF_BTF_LOAD) says. */
export type BtfVerdict =
  | { readonly ok: true }
  /** `reason` is the last entry of the kernel's log: "[3] STRUCT foo size=4 vlen=1 Loop detected". */
  | { readonly ok: false; readonly errno: ErrnoName; readonly reason: string }

export interface CheckOptions {
  /** Takes the log as the kernel writes it at level 1 (every type it met, then what is wrong), piece by piece. */
  readonly log?: (text: string) => void
}

/**
 * Checks BTF as Linux checks what bpf(BPF_BTF_LOAD) gets, with its errors and its log: little-endian, whole, every
 * record valid, every reference resolvable, no type inside itself, no member outside its struct. Throws nothing.
 */
export function checkBtf(bytes: Uint8Array, options: CheckOptions = {}): BtfVerdict {
  const log = new CheckLog(options.log)
  try {
    check(bytes, log)
    return { ok: true }
  } catch (error) {
    if (error instanceof CheckFailure) return { ok: false, errno: error.errno, reason: error.message }
    throw error
  }
}

function check(bytes: Uint8Array, log: CheckLog): void {
  if (bytes.length > LARGEST) throw new CheckFailure('E2BIG', `BTF of ${bytes.length} bytes is larger than ${LARGEST}`)
  const header = readHeader(bytes, log)
  const stringStart = header.length + header.strOff
  if (stringStart + header.strLen !== bytes.length) log.fail('String section is not at the end')
  const badStrings = header.strLen === 0 || header.strLen - 1 > LONGEST_STRINGS || bytes.at(-1) !== 0
  if (badStrings || bytes[stringStart] !== 0) log.fail('Invalid string section')
  if (header.typeOff % 4 !== 0) log.fail('Unaligned type_off')
  if (header.typeLen === 0) log.fail('No type found')
  const types = new RawTypes(bytes, stringStart, header.strLen)
  const typeStart = header.length + header.typeOff
  checkRecords(types, typeStart, typeStart + header.typeLen, log)
  log.resolving = true
  const references = new References(types, log)
  references.run()
  references.checkTagOrder()
}

interface Header {
  readonly length: number
  readonly typeOff: number
  readonly typeLen: number
  readonly strOff: number
  readonly strLen: number
}

function readHeader(bytes: Uint8Array, log: CheckLog): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 8) log.fail('hdr_len not found')
  const length = view.getUint32(4, true)
  if (bytes.length < length) log.fail('btf_header not found')
  for (let i = HEADER_SIZE; i < length; i++) {
    if (bytes[i] !== 0) log.fail('Unsupported btf_header', 'E2BIG')
  }
  // A shorter header reads as zeros.
  const padded = new Uint8Array(HEADER_SIZE)
  padded.set(bytes.subarray(0, Math.min(length, HEADER_SIZE)))
  const fields = new DataView(padded.buffer)
  const u32 = (at: number) => fields.getUint32(at, true)
  const header = { length, typeOff: u32(8), typeLen: u32(12), strOff: u32(16), strLen: u32(20) }
  const magic = fields.getUint16(0, true)
  if (log.wanted) {
    log.line(`magic: 0x${magic.toString(16)}`)
    log.line(`version: ${padded[2]}`)
    log.line(`flags: 0x${padded[3]!.toString(16)}`)
    log.line(`hdr_len: ${length}`)
    log.line(`type_off: ${header.typeOff}`)
    log.line(`type_len: ${header.typeLen}`)
    log.line(`str_off: ${header.strOff}`)
    log.line(`str_len: ${header.strLen}`)
    log.line(`btf_total_size: ${bytes.length}`)
  }
  if (magic !== 0xeb9f) log.fail('Invalid magic')
  if (padded[2] !== 1) log.fail('Unsupported version', 'ENOTSUPP')
  if (padded[3] !== 0) log.fail('Unsupported flags', 'ENOTSUPP')
  if (bytes.length === length) log.fail('No data')
  checkSections(header, bytes.length - length, log)
  return header
}

/** The two sections follow each other and fill what is behind the header. */
function checkSections(header: Header, available: number, log: CheckLog): void {
  const sections = [
    { off: header.typeOff, len: header.typeLen },
    { off: header.strOff, len: header.strLen },
  ].sort((a, b) => (a.off - b.off) | 0 || (a.len - b.len) | 0)
  let end = 0
  for (const { off, len } of sections) {
    if (available < off) log.fail('Invalid section offset')
    if (end < off) log.fail('Unsupported section found')
    if (end > off) log.fail('Section overlap found')
    if (available - end < len) log.fail('Total section length too long')
    end += len
  }
  if (end !== available) log.fail('Unsupported section found')
}
