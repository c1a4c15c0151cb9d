const utf8 = new TextDecoder('utf-8')
const encoder = new TextEncoder()

/** UTF-8 text of `bytes`; malformed sequences become U+FFFD, nothing throws. */
export function decodeText(bytes: Uint8Array): string {
  return utf8.decode(bytes)
}

export function encodeText(text: string): Uint8Array {
  return encoder.encode(text)
}

/** Text up to the first NUL (or the end) starting at `offset`. */
export function cString(bytes: Uint8Array, offset = 0, limit = bytes.length): string {
  let end = offset
  while (end < limit && bytes[end] !== 0) end++
  return decodeText(bytes.subarray(offset, end))
}
