import { UsageError } from '../../base/index.js'
import { LINK_TYPE } from '../link/link-types.js'
import { ByteWriter } from './byte-writer.js'
import { fromNanoseconds } from './timestamps.js'

/** What a writer needs of a packet. */
export interface PacketToWrite {
  readonly data: Uint8Array
  /** Nanoseconds since 1970. */
  readonly timestampNs: bigint
  /** Length on the wire; the data's by default. */
  readonly originalLength?: number
}

export interface PcapWriterOptions {
  /** Ethernet by default. */
  readonly linkType?: number
  /** 262144 by default. */
  readonly snapLength?: number
  /** Stamps in nanoseconds (the default) or microseconds. */
  readonly nanoseconds?: boolean
  readonly littleEndian?: boolean
  /** Bytes of frame check sequence each packet ends with: even, at most 30. */
  readonly fcsLength?: number
}

/** Writes a pcap 2.4 file: append packets, and `take()` the bytes gathered so far as often as you like. */
export class PcapWriter {
  readonly linkType: number
  readonly #nanoseconds: boolean
  readonly #out: ByteWriter

  constructor(options: PcapWriterOptions = {}) {
    this.linkType = options.linkType ?? LINK_TYPE.ETHERNET
    if (!(Number.isInteger(this.linkType) && this.linkType >= 0 && this.linkType <= 0xffff)) {
      throw new UsageError(`link type ${this.linkType} does not fit a pcap header`)
    }
    const fcs = options.fcsLength
    if (fcs !== undefined && !(Number.isInteger(fcs) && fcs >= 0 && fcs <= 30 && fcs % 2 === 0)) {
      throw new UsageError(`a pcap header cannot state ${fcs} bytes of frame check sequence`)
    }
    this.#nanoseconds = options.nanoseconds ?? true
    const out = new ByteWriter(options.littleEndian ?? true)
    this.#out = out
    out.u32(this.#nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4)
    out.u16(2)
    out.u16(4)
    out.u32(0)
    out.u32(0)
    out.u32(options.snapLength ?? 0x4_0000)
    out.u32((this.linkType | (fcs === undefined ? 0 : 0x04000000 | ((fcs / 2) << 28))) >>> 0)
  }

  /** Bytes gathered and not yet taken. */
  get pending(): number {
    return this.#out.length
  }

  write(packet: PacketToWrite): void {
    const { seconds, nanoseconds } = fromNanoseconds(packet.timestampNs)
    const { data } = packet
    this.writeRecord(data, 0, data.length, seconds, nanoseconds, packet.originalLength ?? data.length)
  }

  /** The fast form of write: a range of `bytes` and the stamp as numbers. */
  writeRecord(
    bytes: Uint8Array,
    offset: number,
    length: number,
    seconds: number,
    nanoseconds: number,
    originalLength: number,
  ): void {
    if (!(seconds >= 0 && seconds <= 0xffffffff)) {
      throw new UsageError(`a pcap file cannot hold a stamp of ${seconds} seconds since 1970`, 'write a pcapng instead')
    }
    const out = this.#out
    const at = out.reserve(16)
    out.setU32(at, seconds)
    out.setU32(at + 4, this.#nanoseconds ? nanoseconds : Math.floor(nanoseconds / 1000))
    out.setU32(at + 8, length)
    out.setU32(at + 12, originalLength)
    out.put(bytes, offset, length)
  }

  /** The bytes gathered since the last call (first the file header): a view that the next write invalidates. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#out.drain()
  }
}
