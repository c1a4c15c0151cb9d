import { FormatError, UsageError } from '../../base/index.js'

/** A TCP option; kinds that are not known keep their bytes. */
export type TcpOption =
  | { readonly kind: 'mss'; readonly value: number }
  | { readonly kind: 'window-scale'; readonly shift: number }
  | { readonly kind: 'sack-permitted' }
  | { readonly kind: 'sack'; readonly blocks: readonly (readonly [left: number, right: number])[] }
  | { readonly kind: 'timestamps'; readonly value: number; readonly echo: number }
  | { readonly kind: 'other'; readonly code: number; readonly data: Uint8Array }

/** Options of a TCP header, without padding. Throws FormatError for one that leaves the list. */
export function parseTcpOptions(bytes: Uint8Array): TcpOption[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const options: TcpOption[] = []
  let pos = 0
  while (pos < bytes.length) {
    const code = bytes[pos] as number
    if (code === 0) break
    if (code === 1) {
      pos++
      continue
    }
    const length = bytes[pos + 1] ?? 0
    if (length < 2 || pos + length > bytes.length) {
      throw new FormatError('packet', `TCP option ${code} has length ${length}, ${bytes.length - pos} bytes are left`, {
        offset: pos,
      })
    }
    options.push(parseOption(view, code, bytes.subarray(pos + 2, pos + length), pos + 2))
    pos += length
  }
  return options
}

function parseOption(view: DataView, code: number, data: Uint8Array, at: number): TcpOption {
  if (code === 2 && data.length === 2) return { kind: 'mss', value: view.getUint16(at) }
  if (code === 3 && data.length === 1) return { kind: 'window-scale', shift: view.getUint8(at) }
  if (code === 4 && data.length === 0) return { kind: 'sack-permitted' }
  if (code === 8 && data.length === 8) {
    return { kind: 'timestamps', value: view.getUint32(at), echo: view.getUint32(at + 4) }
  }
  if (code === 5 && data.length > 0 && data.length % 8 === 0) {
    const blocks: [number, number][] = []
    for (let i = 0; i < data.length; i += 8) blocks.push([view.getUint32(at + i), view.getUint32(at + i + 4)])
    return { kind: 'sack', blocks }
  }
  return { kind: 'other', code, data }
}

/** Bytes of the options, padded to a multiple of 4 with end-of-list. Throws UsageError above 40 bytes. */
export function encodeTcpOptions(options: readonly TcpOption[]): Uint8Array {
  const bytes: number[] = []
  const u32 = (value: number): number[] => [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]
  for (const option of options) {
    switch (option.kind) {
      case 'mss':
        bytes.push(2, 4, option.value >>> 8, option.value & 0xff)
        break
      case 'window-scale':
        bytes.push(3, 3, option.shift)
        break
      case 'sack-permitted':
        bytes.push(4, 2)
        break
      case 'sack':
        bytes.push(
          5,
          2 + 8 * option.blocks.length,
          ...option.blocks.flatMap(([left, right]) => [...u32(left), ...u32(right)]),
        )
        break
      case 'timestamps':
        bytes.push(8, 10, ...u32(option.value), ...u32(option.echo))
        break
      case 'other':
        bytes.push(option.code, 2 + option.data.length, ...option.data)
    }
  }
  while (bytes.length % 4 !== 0) bytes.push(0)
  if (bytes.length > 40) throw new UsageError(`TCP options take ${bytes.length} bytes, at most 40 fit`)
  return Uint8Array.from(bytes)
}
