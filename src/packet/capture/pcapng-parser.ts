import { FormatError } from '../../base/index.js'
import { MAX_OPTIONS_LENGTH, maxPacketLength } from './limits.js'
import { parseInterfaceBlock, parseNamesBlock, parseSectionBlock, parseStatisticsBlock } from './pcapng-blocks.js'
import { OPTION, optionText, walkOptions } from './pcapng-options.js'
import { type Clock, splitStamp, stamp } from './timestamps.js'
import type { CaptureBlock, CaptureInterface, PacketVisitor } from './types.js'

export const BLOCK = {
  section: 0x0a0d0d0a,
  interface: 1,
  packet: 2,
  simplePacket: 3,
  names: 4,
  statistics: 5,
  enhancedPacket: 6,
} as const

const MAX_INTERFACES = 1_000_000

/** Parses the blocks of one pcapng file. */
export class PcapngParser {
  /** Every interface of the file so far. */
  readonly interfaces: CaptureInterface[] = []
  needed = 8
  packets = 0
  readonly #maxLength: number | undefined
  readonly #onBlock: ((block: CaptureBlock) => void) | undefined
  #littleEndian = true
  #clocks: Clock[] = []
  #limits: number[] = []
  /** The largest of #limits. */
  #largest = 0
  /** Index in `interfaces` of the current section's interface 0. */
  #sectionStart = 0
  /** Body bytes of the current block that are passed over, and the length its end must repeat. */
  #skip = 0
  #trailer = 0
  // Where the last visited packet's options lie, for comment().
  #bytes: Uint8Array | undefined
  #optionsStart = 0
  #optionsEnd = 0

  constructor(maxLength: number | undefined, onBlock: ((block: CaptureBlock) => void) | undefined) {
    this.#maxLength = maxLength
    this.#onBlock = onBlock
  }

  /** Whether the input may end here. */
  get complete(): boolean {
    return this.#trailer === 0
  }

  /** Comments of the packet that is being visited, joined by line ends. */
  comment(): string | undefined {
    const bytes = this.#bytes
    if (bytes === undefined || this.#optionsEnd - this.#optionsStart < 4) return undefined
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let text: string | undefined
    walkOptions(view, this.#littleEndian, this.#optionsStart, this.#optionsEnd, 0, (code, offset, length) => {
      if (code !== OPTION.comment) return
      const more = optionText(bytes, offset, length)
      text = text === undefined ? more : `${text}\n${more}`
    })
    return text
  }

  /** As PcapParser.scan. */
  scan(bytes: Uint8Array, view: DataView, start: number, end: number, base: number, visit: PacketVisitor): number {
    let pos = start
    this.#bytes = bytes
    for (;;) {
      if (this.#trailer !== 0) {
        const passed = Math.min(this.#skip, end - pos)
        this.#skip -= passed
        pos += passed
        this.needed = this.#skip + 4
        if (end - pos < 4) return pos
        this.#checkTrailer(view.getUint32(pos, this.#littleEndian), this.#trailer, base + pos)
        this.#trailer = 0
        pos += 4
      }
      this.needed = 8
      if (end - pos < 8) return pos
      const type = view.getUint32(pos, this.#littleEndian)
      if (type === BLOCK.section) {
        this.needed = 12
        if (end - pos < 12) return pos
        this.#littleEndian = byteOrder(view, pos, base)
      }
      const length = view.getUint32(pos + 4, this.#littleEndian)
      if (length < 12 || (length & 3) !== 0) {
        throw new FormatError('pcapng', `block of type ${hex(type)} has the impossible length ${length}`, {
          offset: base + pos + 4,
        })
      }
      if (type === BLOCK.enhancedPacket || type === BLOCK.packet || type === BLOCK.simplePacket) {
        if (length > MAX_OPTIONS_LENGTH + this.#largest) throw tooLong(type, length, base + pos)
        if (end - pos < length) {
          this.needed = length
          return pos
        }
        this.#checkTrailer(view.getUint32(pos + length - 4, this.#littleEndian), length, base + pos + length - 4)
        if (type === BLOCK.simplePacket) this.#simplePacket(bytes, view, pos, length, base, visit)
        else this.#packet(bytes, view, pos, length, base, type === BLOCK.packet, visit)
        pos += length
        continue
      }
      const wanted =
        type === BLOCK.section ||
        type === BLOCK.interface ||
        (this.#onBlock !== undefined && (type === BLOCK.names || type === BLOCK.statistics))
      if (!wanted) {
        this.#onBlock?.({ kind: 'other', type, length })
        this.#skip = length - 12
        this.#trailer = length
        pos += 8
        continue
      }
      if (length > MAX_OPTIONS_LENGTH) throw tooLong(type, length, base + pos)
      if (end - pos < length) {
        this.needed = length
        return pos
      }
      this.#checkTrailer(view.getUint32(pos + length - 4, this.#littleEndian), length, base + pos + length - 4)
      this.#block(type, bytes, view, pos, length, base)
      pos += length
    }
  }

  #block(type: number, bytes: Uint8Array, view: DataView, pos: number, length: number, base: number): void {
    const place = { bytes, view, littleEndian: this.#littleEndian, start: pos + 8, end: pos + length - 4, base }
    if (type === BLOCK.section) {
      const section = parseSectionBlock(place)
      this.#sectionStart = this.interfaces.length
      this.#clocks = []
      this.#limits = []
      this.#largest = 0
      this.#onBlock?.(section)
      return
    }
    if (type === BLOCK.interface) {
      if (this.interfaces.length >= MAX_INTERFACES) {
        throw new FormatError('pcapng', `more than ${MAX_INTERFACES} interfaces`, { offset: base + pos })
      }
      const { description, clock } = parseInterfaceBlock(place, this.interfaces.length)
      this.interfaces.push(description)
      this.#clocks.push(clock)
      const limit = this.#maxLength ?? maxPacketLength(description.linkType)
      this.#limits.push(limit)
      this.#largest = Math.max(this.#largest, limit)
      this.#onBlock?.({ kind: 'interface', interface: description })
      return
    }
    if (type === BLOCK.names) this.#onBlock?.(parseNamesBlock(place))
    else this.#onBlock?.(parseStatisticsBlock(place, this.#clocks, this.#sectionStart))
  }

  #packet(
    bytes: Uint8Array,
    view: DataView,
    pos: number,
    length: number,
    base: number,
    obsolete: boolean,
    visit: PacketVisitor,
  ): void {
    const little = this.#littleEndian
    if (length < 32) {
      throw new FormatError('pcapng', `packet block of ${length} bytes is shorter than its header`, {
        offset: base + pos,
      })
    }
    const local = obsolete ? view.getUint16(pos + 8, little) : view.getUint32(pos + 8, little)
    const clock = this.#clocks[local]
    if (clock === undefined) throw this.#noInterface(local, base + pos + 8)
    const captured = view.getUint32(pos + 20, little)
    const original = view.getUint32(pos + 24, little)
    if (captured > length - 32 || captured > (this.#limits[local] as number)) {
      throw new FormatError(
        'pcapng',
        `packet ${this.packets + 1} claims ${captured} captured bytes, its block holds ${length - 32}`,
        { offset: base + pos + 20 },
      )
    }
    splitStamp(clock, view.getUint32(pos + 12, little), view.getUint32(pos + 16, little))
    this.#optionsStart = pos + 28 + ((captured + 3) & ~3)
    this.#optionsEnd = pos + length - 4
    // The walk is a check here: a damaged option must fail in every form of reading alike.
    if (this.#optionsEnd - this.#optionsStart >= 4) {
      walkOptions(view, little, this.#optionsStart, this.#optionsEnd, base, ignore)
    }
    this.packets++
    visit(bytes, pos + 28, captured, stamp.seconds, stamp.nanoseconds, this.#sectionStart + local, original)
    this.#optionsEnd = 0
  }

  /** A simple packet belongs to interface 0, has no stamp, and is as long as that interface's snap length lets it be. */
  #simplePacket(
    bytes: Uint8Array,
    view: DataView,
    pos: number,
    length: number,
    base: number,
    visit: PacketVisitor,
  ): void {
    if (length < 16) {
      throw new FormatError('pcapng', `simple packet block of ${length} bytes is shorter than its header`, {
        offset: base + pos,
      })
    }
    const description = this.interfaces[this.#sectionStart]
    if (description === undefined) throw this.#noInterface(0, base + pos)
    const original = view.getUint32(pos + 8, this.#littleEndian)
    const snap = description.snapLength
    const captured = snap === 0 ? original : Math.min(original, snap)
    if (captured > length - 16) {
      throw new FormatError(
        'pcapng',
        `simple packet ${this.packets + 1} is ${captured} bytes long, its block holds ${length - 16}`,
        { offset: base + pos + 8 },
      )
    }
    this.#optionsEnd = 0
    this.packets++
    visit(bytes, pos + 12, captured, 0, 0, this.#sectionStart, original)
  }

  #checkTrailer(found: number, length: number, at: number): void {
    if (found === length) return
    throw new FormatError('pcapng', `a block of ${length} bytes repeats its length as ${found}`, {
      offset: at,
      hint: 'the file is damaged here',
    })
  }

  #noInterface(id: number, at: number): FormatError {
    return new FormatError(
      'pcapng',
      `packet ${this.packets + 1} names interface ${id}, the section describes ${this.#clocks.length}`,
      { offset: at },
    )
  }
}

function byteOrder(view: DataView, pos: number, base: number): boolean {
  const magic = view.getUint32(pos + 8, true)
  if (magic === 0x1a2b3c4d) return true
  if (magic === 0x4d3c2b1a) return false
  throw new FormatError('pcapng', `section header has the byte-order magic ${hex(magic)}`, {
    offset: base + pos + 8,
    hint: 'expected 1a2b3c4d in either byte order',
  })
}

function tooLong(type: number, length: number, at: number): FormatError {
  return new FormatError('pcapng', `block of type ${hex(type)} claims ${length} bytes`, {
    offset: at + 4,
    hint: 'the file is damaged from here on',
  })
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`
}

function ignore(): void {}
