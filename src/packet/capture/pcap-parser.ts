import { FormatError } from '../../base/index.js'
import { linkTypeName } from '../link/link-types.js'
import { maxPacketLength } from './limits.js'
import type { CaptureInterface, PacketVisitor } from './types.js'

/** A pcap variant, told by the first four bytes of the file. */
interface PcapVariant {
  readonly littleEndian: boolean
  readonly nanoseconds: boolean
  /** Bytes of a packet record's header. */
  readonly recordHeader: number
  /** Bytes of the file header. */
  readonly fileHeader: number
}

const MAGIC_MICROSECONDS = 0xa1b2c3d4
const MAGIC_NANOSECONDS = 0xa1b23c4d
// Kuznetzov's patch of libpcap: 8 more bytes in each record header (interface index, protocol, packet type).
const MAGIC_MODIFIED = 0xa1b2cd34
// Ixia hardware and software captures: the length of all records after the header; microseconds, as Wireshark reads them.
const MAGIC_IXIA_HARDWARE = 0x1c0001ac
const MAGIC_IXIA_SOFTWARE = 0x1c0001ab

const REFUSED = new Map<number, string>([
  [0xa1b234cd, "Mesquita's modified pcap"],
  [0xa12b3c4d, 'Navtel pcap'],
  [0xa1b2c3cb, 'a saved BPF filter program, not packets'],
])

/**
 * The variant of a file that begins with `magic` (the first four bytes, read big-endian); undefined for no pcap.
 * Throws FormatError for a variant that is known but not read.
 */
export function pcapVariant(magic: number): PcapVariant | undefined {
  const swapped = swap32(magic)
  for (const littleEndian of [true, false]) {
    const value = littleEndian ? swapped : magic
    if (value === MAGIC_MICROSECONDS) return { littleEndian, nanoseconds: false, recordHeader: 16, fileHeader: 24 }
    if (value === MAGIC_NANOSECONDS) return { littleEndian, nanoseconds: true, recordHeader: 16, fileHeader: 24 }
    if (value === MAGIC_MODIFIED) return { littleEndian, nanoseconds: false, recordHeader: 24, fileHeader: 24 }
    if (value === MAGIC_IXIA_HARDWARE || value === MAGIC_IXIA_SOFTWARE) {
      return { littleEndian, nanoseconds: false, recordHeader: 16, fileHeader: 28 }
    }
    const refused = REFUSED.get(value)
    if (refused !== undefined) {
      throw new FormatError('pcap', `this is ${refused}, which is not read`, {
        offset: 0,
        hint: 'convert it with: editcap -F pcap IN OUT',
      })
    }
  }
  return undefined
}

function swap32(value: number): number {
  return ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0
}

/** Parses the records of one pcap file. */
export class PcapParser {
  readonly interface: CaptureInterface
  /** Bytes the record at the returned position needs in all, as far as known. */
  needed: number
  /** Packets visited so far. */
  packets = 0
  readonly #variant: PcapVariant
  readonly #maxLength: number
  readonly #swapLengths: 'no' | 'yes' | 'maybe'

  /** `header` holds at least the variant's file header. */
  constructor(variant: PcapVariant, header: DataView, maxLength: number | undefined) {
    const little = variant.littleEndian
    const major = header.getUint16(4, little)
    const minor = header.getUint16(6, little)
    if (major < 2 || (major > 2 && major !== 543)) {
      throw new FormatError('pcap', `version ${major}.${minor} of the format is not read`, {
        offset: 4,
        hint: 'version 2.4 is the one in use since 1998',
      })
    }
    const network = header.getUint32(20, little)
    if ((network & 0x03ff0000) !== 0) {
      throw new FormatError('pcap', `reserved bits of the link type are set (0x${network.toString(16)})`, {
        offset: 20,
      })
    }
    const linkType = network & 0xffff
    const snapLength = header.getUint32(16, little)
    this.#variant = variant
    this.#maxLength = maxLength ?? maxPacketLength(linkType)
    // Files before 2.3 hold the two lengths in the other order, those of 2.3 in either.
    this.#swapLengths = major === 543 || minor < 3 ? 'yes' : minor === 3 ? 'maybe' : 'no'
    this.needed = variant.recordHeader
    this.interface = {
      id: 0,
      linkType,
      snapLength: snapLength > 0x7fffffff ? 0 : snapLength,
      ticksPerSecond: variant.nanoseconds ? 1_000_000_000n : 1_000_000n,
      // The header's time zone field is to be ignored: every writer left it 0.
      offsetSeconds: 0,
      ...((network & 0x04000000) !== 0 ? { fcsLength: (network >>> 28) * 2 } : {}),
    }
  }

  /**
   * Visits every whole record of `bytes[start .. end)` and returns where the first incomplete one starts.
   * `base` is the file offset of `bytes[0]`.
   */
  scan(bytes: Uint8Array, view: DataView, start: number, end: number, base: number, visit: PacketVisitor): number {
    const little = this.#variant.littleEndian
    const headerLength = this.#variant.recordHeader
    const multiplier = this.#variant.nanoseconds ? 1 : 1000
    const maxLength = this.#maxLength
    const swapLengths = this.#swapLengths
    let pos = start
    while (end - pos >= headerLength) {
      let seconds = view.getUint32(pos, little)
      let nanoseconds = view.getUint32(pos + 4, little) * multiplier
      let length = view.getUint32(pos + 8, little)
      let original = view.getUint32(pos + 12, little)
      if (swapLengths !== 'no' && (swapLengths === 'yes' || length > original)) {
        const other = length
        length = original
        original = other
      }
      if (length > maxLength) throw this.#tooLong(length, base + pos)
      const data = pos + headerLength
      if (end - data < length) {
        this.needed = headerLength + length
        return pos
      }
      if (nanoseconds >= 1_000_000_000) {
        const carry = Math.floor(nanoseconds / 1_000_000_000)
        seconds += carry
        nanoseconds -= carry * 1_000_000_000
      }
      this.packets++
      visit(bytes, data, length, seconds, nanoseconds, 0, original)
      pos = data + length
    }
    this.needed = headerLength
    return pos
  }

  #tooLong(length: number, at: number): FormatError {
    const name = linkTypeName(this.interface.linkType) ?? this.interface.linkType
    return new FormatError(
      'pcap',
      `packet ${this.packets + 1} claims ${length} captured bytes, more than the ${this.#maxLength} a packet of ${name} may have`,
      {
        offset: at + 8,
        hint:
          this.packets < 2
            ? 'the file is damaged, or of a modified libpcap (Red Hat 6.1, SuSE 6.3, Nokia): try editcap -F pcap IN OUT'
            : 'the file is damaged from here on, or was cut and joined',
      },
    )
  }
}
