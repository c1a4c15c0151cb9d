import { ERRNO, encodeText } from '../base/index.js'
import { isAccessible } from './errors.js'
import { isSpace } from './helpers/strings.js'
import type { Machine } from './machine.js'
import type { Addr, Status } from './types.js'

/** One argument of a format: 64 bits as halves. */
export interface FormatArgument {
  readonly lo: number
  readonly hi: number
}

/** Formatted bytes, or a negative errno. */
export type Formatted = readonly number[] | Status

/** Bytes that the arguments' copies may take (MAX_BPRINTF_BIN_ARGS). */
const COPY_LIMIT = 512

interface Conversion {
  /** `d u x X c s p`, with `p` followed by its extension: `p`, `px`, `pI4`, … */
  kind: string
  flags: string
  width: number
  /** Bits of an integer argument. */
  bits: 32 | 64
}

const char = (text: string): number => text.charCodeAt(0)
const PERCENT = char('%')

/**
 * Formats as bpf_trace_printk and bpf_snprintf do: `%d %i %u %x %X %c %s %p %ps %pS %pB %px %pK %pI4 %pi4 %pI6 %pi6 %pks
 * %pus %%` with `0 + -` and space flags, a width, `l` and `ll`. `fmtSize` bounds the search for the format's NUL.
 * -EINVAL for a format Linux refuses or with more conversions than arguments, -ENOSPC for strings too long together.
 */
export function formatText(machine: Machine, fmt: Addr, fmtSize: number, args: readonly FormatArgument[]): Formatted {
  const u8 = machine.memory.u8
  const end = u8.indexOf(0, fmt)
  if (end < 0 || end - fmt >= fmtSize) return -ERRNO.EINVAL
  const out: number[] = []
  let used = 0
  let copied = 0
  for (let at = fmt; at < end; ) {
    const c = u8[at] as number
    if (c < 0x80 && !(isPrintable(c) || isSpace(c))) return -ERRNO.EINVAL
    if (c !== PERCENT) {
      out.push(c)
      at++
      continue
    }
    if (u8[at + 1] === PERCENT) {
      out.push(PERCENT)
      at += 2
      continue
    }
    const argument = args[used++]
    if (argument === undefined) return -ERRNO.EINVAL
    const conversion: Conversion = { kind: '', flags: '', width: 0, bits: 32 }
    const next = parseConversion(u8, at + 1, conversion)
    if (next < 0) return next
    at = next
    const text = convert(machine, conversion, argument, COPY_LIMIT - copied)
    copied = copiedAfter(copied, conversion, text.length)
    if (copied > COPY_LIMIT) return -ERRNO.ENOSPC
    pad(out, text, conversion)
  }
  return out
}

/** Bytes in use after an argument was copied: texts with their NUL, characters, numbers aligned to four bytes. */
function copiedAfter(copied: number, { kind, bits }: Conversion, length: number): number {
  if (kind === 's' || kind.length === 3) return copied + length + 1
  if (kind === 'c') return copied + 1
  return Math.ceil(copied / 4) * 4 + (bits === 64 || kind.startsWith('p') ? 8 : 4)
}

/** Reads a conversion after its `%`. The position after it, or -EINVAL. */
function parseConversion(u8: Uint8Array, start: number, conversion: Conversion): number {
  let at = start
  const peek = (offset = 0): string => String.fromCharCode(u8[at + offset] as number)
  while ('0+- '.includes(peek())) conversion.flags += String.fromCharCode(u8[at++] as number)
  if (peek() >= '1' && peek() <= '9') {
    while (peek() >= '0' && peek() <= '9') {
      conversion.width = Math.min(conversion.width * 10 + Number(peek()), 0xffff)
      at++
    }
  }
  if (peek() === 'p') return parsePointer(u8, at + 1, conversion)
  if (peek() === 's') {
    conversion.kind = 's'
    return isBoundary(u8[at + 1] as number) ? at + 1 : -ERRNO.EINVAL
  }
  if (peek() === 'c') {
    conversion.kind = 'c'
    return at + 1
  }
  for (let count = 0; count < 2 && peek() === 'l'; count++) {
    conversion.bits = 64
    at++
  }
  if (!'iduxX'.includes(peek())) return -ERRNO.EINVAL
  conversion.kind = peek() === 'i' ? 'd' : peek()
  return at + 1
}

function parsePointer(u8: Uint8Array, at: number, conversion: Conversion): number {
  const extension = String.fromCharCode(u8[at] as number)
  if ((extension === 'k' || extension === 'u') && u8[at + 1] === 0x73) {
    conversion.kind = `p${extension}s`
    return isBoundary(u8[at + 2] as number) ? at + 2 : -ERRNO.EINVAL
  }
  if (isBoundary(u8[at] as number)) {
    conversion.kind = 'p'
    return at
  }
  if ('KxsSB'.includes(extension)) conversion.kind = `p${extension}`
  else if (extension === 'i' || extension === 'I') {
    const version = String.fromCharCode(u8[at + 1] as number)
    if (version !== '4' && version !== '6') return -ERRNO.EINVAL
    conversion.kind = `p${extension}${version}`
  } else return -ERRNO.EINVAL
  // The printer takes every letter and digit after the p for its own.
  let end = at
  while (isAlphanumeric(u8[end] as number)) end++
  return end
}

/** The text of one argument, before padding. */
function convert(
  machine: Machine,
  conversion: Conversion,
  { lo, hi }: FormatArgument,
  room: number,
): string | Uint8Array {
  const unsigned = BigInt.asUintN(64, (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0))
  const { kind, flags } = conversion
  switch (kind) {
    case 'd': {
      const value = BigInt.asIntN(conversion.bits, unsigned)
      const sign = value < 0n ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : ''
      return sign + (value < 0n ? -value : value)
    }
    case 'u':
      return BigInt.asUintN(conversion.bits, unsigned).toString()
    case 'x':
      return BigInt.asUintN(conversion.bits, unsigned).toString(16)
    case 'X':
      return BigInt.asUintN(conversion.bits, unsigned).toString(16).toUpperCase()
    case 'c':
      return Uint8Array.of(lo & 0xff)
    case 's':
    case 'pks':
    case 'pus':
      return stringAt(machine, lo, hi, room)
    case 'ps':
    case 'pS':
    case 'pB':
      return machine.symbolName(unsigned) ?? `0x${unsigned.toString(16)}`
    case 'pI4':
    case 'pi4':
    case 'pI6':
    case 'pi6':
      return addressText(kind, bytesAt(machine, lo, hi, kind.endsWith('4') ? 4 : 16))
    default:
      // %p, %pK and %px: 16 digits unless a width is given. Linux hashes the first two against prying eyes.
      return unsigned.toString(16).padStart(conversion.width > 0 ? 1 : 16, '0')
  }
}

/** A string as the guarded copy gives it, with its NUL in `room` bytes: what is not memory reads as empty. */
function stringAt(machine: Machine, lo: number, hi: number, room: number): Uint8Array {
  const u8 = machine.memory.u8
  const start = lo >>> 0
  if (hi !== 0 || !isAccessible(u8.length, start, 1)) return new Uint8Array(0)
  const limit = Math.min(u8.length, start + Math.max(0, room - 1))
  let end = start
  while (end < limit && u8[end] !== 0) end++
  return u8.subarray(start, end)
}

function bytesAt(machine: Machine, lo: number, hi: number, length: number): Uint8Array {
  if (hi !== 0 || !isAccessible(machine.memory.size, lo >>> 0, length)) return new Uint8Array(length)
  return machine.memory.bytes(lo >>> 0, length)
}

function addressText(kind: string, bytes: Uint8Array): string {
  const list = [...bytes]
  if (kind === 'pI4') return list.join('.')
  if (kind === 'pi4') return list.map((byte) => String(byte).padStart(3, '0')).join('.')
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) {
    groups.push((((list[i] as number) << 8) | (list[i + 1] as number)).toString(16).padStart(4, '0'))
  }
  return groups.join(kind === 'pI6' ? ':' : '')
}

function pad(out: number[], text: string | Uint8Array, { kind, flags, width }: Conversion): void {
  const bytes = typeof text === 'string' ? encodeText(text) : text
  // Addresses and guarded strings were made to text before the width is looked at.
  const missing = kind.length === 3 ? 0 : width - bytes.length
  const push = (count: number, filler: number): void => {
    for (let i = 0; i < count; i++) out.push(filler)
  }
  if (flags.includes('-')) {
    for (const byte of bytes) out.push(byte)
    push(missing, 0x20)
    return
  }
  const zero = flags.includes('0') && ['d', 'u', 'x', 'X', 'p', 'px', 'pK'].includes(kind)
  if (!zero) {
    push(missing, 0x20)
    for (const byte of bytes) out.push(byte)
    return
  }
  const signed = bytes.length > 0 && !isAlphanumeric(bytes[0] as number)
  if (signed) out.push(bytes[0] as number)
  push(missing, 0x30)
  for (const byte of signed ? bytes.subarray(1) : bytes) out.push(byte)
}

// The kernel's character classes: ASCII and the letters of Latin-1.
function isPrintable(c: number): boolean {
  return (c >= 0x20 && c < 0x7f) || c >= 0xa0
}

function isAlphanumeric(c: number): boolean {
  if (c >= 0xc0) return c !== 0xd7 && c !== 0xf7
  return (c >= 0x30 && c <= 0x39) || (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a)
}

/** The end, a space or punctuation: what must follow %s and %p. */
function isBoundary(c: number): boolean {
  return c === 0 || isSpace(c) || (isPrintable(c) && !isAlphanumeric(c))
}
