import { UsageError } from '../../base/index.js'

/** Bytes of an IPv4 or IPv6 address. Throws UsageError. */
export function parseAddress(text: string): Uint8Array {
  const bytes = text.includes(':') ? parseV6(text) : parseV4(text)
  if (bytes === undefined) throw new UsageError(`'${text}' is no IP address`)
  return bytes
}

/** 'ADDRESS/PREFIX'; without a prefix the whole address. Throws UsageError. */
export function parsePrefix(text: string): { readonly address: Uint8Array; readonly prefix: number } {
  const [host = '', length, more] = text.split('/')
  const address = parseAddress(host)
  const prefix = length === undefined ? address.length * 8 : /^\d+$/.test(length) ? Number(length) : Number.NaN
  if (more !== undefined || !(prefix <= address.length * 8)) throw new UsageError(`'${text}' is no IP prefix`)
  return { address, prefix }
}

function parseV4(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined
  return Uint8Array.from(parts.map(Number))
}

function parseV6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')))
  const [head = [], tail = []] = groups
  const missing = 8 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  const all = [...head, ...Array.from({ length: missing }, () => '0'), ...tail]
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined
  return Uint8Array.from(all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]))
}
