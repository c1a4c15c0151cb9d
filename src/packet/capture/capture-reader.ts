import { FormatError, UsageError } from '../../base/index.js'
import { PcapParser, pcapVariant } from './pcap-parser.js'
import { PcapngParser } from './pcapng-parser.js'
import { toNanoseconds } from './timestamps.js'
import type { CaptureBlock, CaptureFormat, CaptureInterface, CapturePacket, PacketVisitor } from './types.js'

export interface CaptureReaderOptions {
  /** Longest captured packet accepted, in bytes; 256 KiB by default (more for USB and D-Bus link types). */
  readonly maxPacketLength?: number
  /** Receives the blocks of a pcapng that are no packets, in file order. */
  readonly onBlock?: (block: CaptureBlock) => void
}

/** Other formats that people pass by mistake, by their first bytes (read big-endian). */
const OTHER_FORMATS: readonly (readonly [mask: number, magic: number, name: string, hint: string])[] = [
  [0xffff0000, 0x1f8b0000, 'gzip-compressed data', 'decompress it first (gunzip)'],
  [0xffffffff, 0x28b52ffd, 'zstd-compressed data', 'decompress it first (zstd -d)'],
  [0xffffffff, 0xfd377a58, 'xz-compressed data', 'decompress it first (xz -d)'],
  [0xffffffff, 0x04224d18, 'lz4-compressed data', 'decompress it first (lz4 -d)'],
  [0xffffffff, 0x7f454c46, 'an ELF file', 'pass the capture here and the object as the program'],
  [0xffffffff, 0x736e6f6f, 'a snoop capture', 'convert it with: editcap -F pcap IN OUT'],
  [0xffffffff, 0x474d4255, 'a Network Monitor capture', 'convert it with: editcap -F pcap IN OUT'],
  [0xffffffff, 0x52545353, 'a Network Monitor capture', 'convert it with: editcap -F pcap IN OUT'],
  [0xffffffff, 0x54525346, 'a Sniffer capture', 'convert it with: editcap -F pcap IN OUT'],
  [0xffffffff, 0x62747366, 'a btsnoop capture', 'Bluetooth carries no packets that BPF sees'],
]

/**
 * Incremental parser of pcap and pcapng. Feed it chunks of any size; memory stays at the size of one packet.
 * Input that cannot be a capture, or a damaged record, gives one FormatError with its file offset, after every
 * packet before it was delivered; from then on every call throws the same error.
 */
export class CaptureReader {
  readonly #options: CaptureReaderOptions
  #pcap: PcapParser | undefined
  #pcapng: PcapngParser | undefined
  #failure: unknown
  #failed = false
  /** File offset of the next byte to be parsed. */
  #position = 0
  /** Bytes of the next record that no parse has ended within: at least this many are needed. */
  #needed = 4
  #carry = new Uint8Array(0)
  #carryLength = 0
  #viewOf: Uint8Array | undefined
  #view: DataView = new DataView(new ArrayBuffer(0))

  constructor(options: CaptureReaderOptions = {}) {
    this.#options = options
  }

  /** Undefined until the first bytes told it. */
  get format(): CaptureFormat | undefined {
    return this.#pcapng !== undefined ? 'pcapng' : this.#pcap !== undefined ? 'pcap' : undefined
  }

  /** The interfaces described so far; a packet's interfaceId is an index of this list. */
  get interfaces(): readonly CaptureInterface[] {
    if (this.#pcapng !== undefined) return this.#pcapng.interfaces
    return this.#pcap === undefined ? [] : [this.#pcap.interface]
  }

  /** Packets delivered so far. */
  get packets(): number {
    return this.#pcapng?.packets ?? this.#pcap?.packets ?? 0
  }

  /** File offset up to which the input is parsed. */
  get position(): number {
    return this.#position
  }

  /** How many bytes, from the position a scan returned, the next record needs in all (as far as known). */
  get needed(): number {
    return this.#needed
  }

  /** The comment of the packet that is being visited. */
  get comment(): string | undefined {
    return this.#pcapng?.comment()
  }

  /** Parses a chunk and delivers its packets as objects. Their data may be kept as long as the chunk is not reused. */
  push(chunk: Uint8Array, deliver: (packet: CapturePacket) => void): void {
    this.pushEach(chunk, (bytes, offset, length, seconds, nanoseconds, interfaceId, originalLength) => {
      const end = offset + length
      const comment = this.comment
      deliver({
        // What lies across two chunks was joined in a buffer that is used again: copy it.
        data: bytes === chunk ? bytes.subarray(offset, end) : bytes.slice(offset, end),
        timestampNs: toNanoseconds(seconds, nanoseconds),
        linkType: this.linkTypeOf(interfaceId),
        originalLength,
        interfaceId,
        ...(comment === undefined ? {} : { comment }),
      })
    })
  }

  /** Parses a chunk and delivers its packets as numbers; the fast form of push. */
  pushEach(chunk: Uint8Array, visit: PacketVisitor): void {
    let pos = 0
    while (this.#carryLength > 0) {
      const wanted = Math.max(this.#needed - this.#carryLength, 1)
      const taken = Math.min(wanted, chunk.length - pos)
      if (taken === 0) return
      this.#append(chunk, pos, pos + taken)
      pos += taken
      const consumed = this.scan(this.#carry, 0, this.#carryLength, visit)
      this.#carry.copyWithin(0, consumed, this.#carryLength)
      this.#carryLength -= consumed
    }
    const consumed = this.scan(chunk, pos, chunk.length, visit)
    if (consumed < chunk.length) this.#append(chunk, consumed, chunk.length)
  }

  /** Says that the input is over. Throws FormatError when it ends inside a record, or held no capture at all. */
  end(): void {
    this.finish(this.#carryLength)
  }

  /**
   * The lowest door: visits every whole record in `bytes[start .. end)` and returns where the first incomplete one
   * starts. The caller passes the rest again, followed by more input, and calls `finish(rest)` at the end.
   */
  scan(bytes: Uint8Array, start: number, end: number, visit: PacketVisitor): number {
    if (this.#failed) throw this.#failure
    if (bytes !== this.#viewOf) {
      this.#viewOf = bytes
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    try {
      const from = this.format === undefined ? this.#begin(this.#view, start, end) : start
      const parser = this.#pcap ?? this.#pcapng
      const base = this.#position - start
      const to = parser === undefined ? start : parser.scan(bytes, this.#view, from, end, base, visit)
      if (parser !== undefined) this.#needed = parser.needed
      this.#position += to - start
      return to
    } catch (error) {
      this.#failed = true
      this.#failure = error
      throw error
    }
  }

  /** Ends a series of scans; `rest` is the number of bytes the last one left. */
  finish(rest: number): void {
    if (this.#failed) throw this.#failure
    const size = this.#position + rest
    if (this.format === undefined) {
      this.#fail(size === 0 ? 'the file is empty' : `file header is cut: ${size} bytes of ${this.#needed}`, 0)
    }
    if (rest > 0 || !(this.#pcapng?.complete ?? true)) {
      const what = this.#pcapng === undefined ? 'packet record' : 'block'
      const packets = this.packets === 1 ? '1 packet' : `${this.packets} packets`
      this.#fail(
        `the file ends inside a ${what}, after ${packets}: ${rest} bytes of at least ${this.#needed}`,
        this.#position,
      )
    }
  }

  /** Link type of an interface of `interfaces`. */
  linkTypeOf(interfaceId: number): number {
    const found = this.#pcapng === undefined ? this.#pcap?.interface : this.#pcapng.interfaces[interfaceId]
    if (found === undefined) throw new UsageError(`the capture has no interface ${interfaceId}`)
    return found.linkType
  }

  /** Chooses the format; returns where its first record starts, or `start` while there is too little to tell. */
  #begin(view: DataView, start: number, end: number): number {
    this.#needed = 4
    if (end - start < 4) return start
    const magic = view.getUint32(start, false)
    if (magic === 0x0a0d0d0a) {
      this.#pcapng = new PcapngParser(this.#options.maxPacketLength, this.#options.onBlock)
      return start
    }
    const variant = pcapVariant(magic)
    if (variant === undefined) {
      const known = OTHER_FORMATS.find(([mask, value]) => (magic & mask) >>> 0 === value)
      throw new FormatError(
        'pcap',
        known === undefined
          ? `not a capture: it starts with ${magic.toString(16).padStart(8, '0')}`
          : `not a capture but ${known[2]}`,
        { offset: 0, hint: known?.[3] ?? 'pcap and pcapng files are read' },
      )
    }
    this.#needed = variant.fileHeader
    if (end - start < variant.fileHeader) return start
    const header = new DataView(view.buffer, view.byteOffset + start, variant.fileHeader)
    this.#pcap = new PcapParser(variant, header, this.#options.maxPacketLength)
    return start + variant.fileHeader
  }

  #fail(reason: string, offset: number): never {
    this.#failed = true
    this.#failure = new FormatError(this.format ?? 'pcap', reason, { offset })
    throw this.#failure
  }

  /** Grows with the bytes that really arrived, never with a length field. */
  #append(chunk: Uint8Array, start: number, end: number): void {
    const length = this.#carryLength + end - start
    if (length > this.#carry.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#carry.length, 256))
      grown.set(this.#carry.subarray(0, this.#carryLength))
      this.#carry = grown
    }
    this.#carry.set(chunk.subarray(start, end), this.#carryLength)
    this.#carryLength = length
  }
}

/** Every packet of a capture in memory, lazily. Throws FormatError where the capture is damaged, after the packets before. */
export function* readPackets(bytes: Uint8Array, options: CaptureReaderOptions = {}): Generator<CapturePacket> {
  const reader = new CaptureReader(options)
  const step = 0x1_0000
  const found: CapturePacket[] = []
  let failure: unknown
  let pos = 0
  // The window grows only for a record longer than a step, so a huge capture is not turned into objects at once.
  for (
    let end = Math.min(step, bytes.length);
    ;
    end = Math.min(Math.max(end + step, pos + reader.needed), bytes.length)
  ) {
    try {
      pos = scanPackets(reader, bytes, pos, end, found)
      if (end === bytes.length) reader.finish(end - pos)
    } catch (error) {
      failure = error
    }
    yield* found
    found.length = 0
    if (failure !== undefined) throw failure
    if (end === bytes.length) return
  }
}

function scanPackets(
  reader: CaptureReader,
  bytes: Uint8Array,
  start: number,
  end: number,
  found: CapturePacket[],
): number {
  return reader.scan(bytes, start, end, (from, offset, length, seconds, nanoseconds, interfaceId, originalLength) => {
    const comment = reader.comment
    found.push({
      data: from.subarray(offset, offset + length),
      timestampNs: toNanoseconds(seconds, nanoseconds),
      linkType: reader.linkTypeOf(interfaceId),
      originalLength,
      interfaceId,
      ...(comment === undefined ? {} : { comment }),
    })
  })
}
