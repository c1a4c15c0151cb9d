import { decodeText, FormatError } from '../../base/index.js'

/** An option of a pcapng block: code and the value's place. */
export type OptionVisitor = (code: number, offset: number, length: number) => void

export const OPTION = {
  end: 0,
  comment: 1,
  shbHardware: 2,
  shbOs: 3,
  shbApplication: 4,
  ifName: 2,
  ifDescription: 3,
  ifTsresol: 9,
  ifFilter: 11,
  ifOs: 12,
  ifFcslen: 13,
  ifTsoffset: 14,
  ifHardware: 15,
  isbIfrecv: 4,
  isbIfdrop: 5,
  isbFilteraccept: 6,
  isbOsdrop: 7,
  isbUsrdeliv: 8,
} as const

/** Walks the options in `[start, end)`. Throws FormatError for one that leaves the block. */
export function walkOptions(
  view: DataView,
  littleEndian: boolean,
  start: number,
  end: number,
  base: number,
  visit: OptionVisitor,
): void {
  let pos = start
  // A block may end without opt_endofopt; fewer bytes than an option header are padding.
  while (end - pos >= 4) {
    const code = view.getUint16(pos, littleEndian)
    const length = view.getUint16(pos + 2, littleEndian)
    if (code === OPTION.end) return
    if (end - pos - 4 < length) {
      throw new FormatError(
        'pcapng',
        `option ${code} of ${length} bytes leaves its block (${end - pos - 4} bytes left)`,
        {
          offset: base + pos,
        },
      )
    }
    visit(code, pos + 4, length)
    pos += 4 + ((length + 3) & ~3)
  }
}

/** Text of an option value; NULs at its end (some writers store them) are dropped. */
export function optionText(bytes: Uint8Array, offset: number, length: number): string {
  let end = offset + length
  while (end > offset && bytes[end - 1] === 0) end--
  return decodeText(bytes.subarray(offset, end))
}
