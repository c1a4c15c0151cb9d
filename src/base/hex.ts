import { FormatError } from './errors.js'

const digits: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

/** Lower-case hex without separators. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += digits[byte]
  return text
}

/** Bytes of a hex string; white space, ':' and '-' between bytes and a leading 0x are allowed. */
export function fromHex(text: string): Uint8Array {
  const compact = text
    .trim()
    .replace(/^0x/i, '')
    .replace(/[\s:-]+/g, '')
  if (!/^[0-9a-fA-F]*$/.test(compact)) {
    const bad = /[^0-9a-fA-F]/.exec(compact)
    throw new FormatError('hex', `'${bad?.[0] ?? '?'}' is not a hexadecimal digit`, { offset: bad?.index ?? 0 })
  }
  if (compact.length % 2 !== 0) throw new FormatError('hex', `odd number of digits (${compact.length})`)
  const bytes = new Uint8Array(compact.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(compact.slice(2 * i, 2 * i + 2), 16)
  return bytes
}
