import { encodeText, UsageError } from '../../base/index.js'
import { ByteWriter } from './byte-writer.js'
import type { PacketToWrite } from './pcap-writer.js'
import { OPTION } from './pcapng-options.js'
import { BLOCK } from './pcapng-parser.js'
import { fromNanoseconds } from './timestamps.js'
import type { CaptureInterface, InterfaceCounters, NameRecord } from './types.js'

export interface PcapngSectionOptions {
  readonly comment?: string
  readonly hardware?: string
  readonly os?: string
  readonly application?: string
}

export interface PcapngWriterOptions extends PcapngSectionOptions {
  readonly littleEndian?: boolean
}

/** An interface to describe: as a reader gives it, all but the link type optional. */
export type PcapngInterface = Partial<Omit<CaptureInterface, 'id'>> & Pick<CaptureInterface, 'linkType'>

export interface PcapngPacket extends PacketToWrite {
  /** As addInterface returned it; 0 by default. */
  readonly interfaceId?: number
  readonly comment?: string
}

interface WriterInterface {
  readonly linkType: number
  readonly snapLength: number
  readonly ticksPerSecond: bigint
  readonly offsetSeconds: number
  /** Ticks per second when a tick is a whole number of nanoseconds, else 0. */
  readonly fastTicks: number
  /** With fastTicks only. */
  readonly nanosecondsPerTick: number
}

/** Writes a pcapng file block by block; `take()` gives the bytes gathered so far. */
export class PcapngWriter {
  readonly #out: ByteWriter
  #interfaces: WriterInterface[] = []

  constructor(options: PcapngWriterOptions = {}) {
    this.#out = new ByteWriter(options.littleEndian ?? true)
    this.startSection(options)
  }

  get pending(): number {
    return this.#out.length
  }

  /** Begins another section (the first one is begun by the constructor): interfaces are described anew, from 0. */
  startSection(options: PcapngSectionOptions = {}): void {
    this.#interfaces = []
    const out = this.#out
    const start = this.#begin(BLOCK.section)
    out.u32(0x1a2b3c4d)
    out.u16(1)
    out.u16(0)
    out.i64(-1n)
    this.#text(OPTION.comment, options.comment)
    this.#text(OPTION.shbHardware, options.hardware)
    this.#text(OPTION.shbOs, options.os)
    this.#text(OPTION.shbApplication, options.application)
    this.#end(start, start + 24)
  }

  /** Describes an interface and returns its number within the section. Stamps have nanoseconds unless it says otherwise. */
  addInterface(description: PcapngInterface): number {
    const ticks = description.ticksPerSecond ?? 1_000_000_000n
    const offsetSeconds = description.offsetSeconds ?? 0
    const snapLength = description.snapLength ?? 0
    if (!(Number.isInteger(description.linkType) && description.linkType >= 0 && description.linkType <= 0xffff)) {
      throw new UsageError(`link type ${description.linkType} does not fit an interface description`)
    }
    const resolution = resolutionOf(ticks)
    const out = this.#out
    const start = this.#begin(BLOCK.interface)
    out.u16(description.linkType)
    out.u16(0)
    out.u32(snapLength)
    this.#text(OPTION.comment, description.comment)
    this.#text(OPTION.ifName, description.name)
    this.#text(OPTION.ifDescription, description.description)
    if (resolution !== 6) this.#bytes(OPTION.ifTsresol, new Uint8Array([resolution]))
    if (description.filter !== undefined) {
      this.#bytes(OPTION.ifFilter, new Uint8Array([0, ...encodeText(description.filter)]))
    }
    this.#text(OPTION.ifOs, description.os)
    if (description.fcsLength !== undefined) this.#bytes(OPTION.ifFcslen, new Uint8Array([description.fcsLength]))
    if (offsetSeconds !== 0) {
      this.#option(OPTION.ifTsoffset, 8)
      out.i64(BigInt(offsetSeconds))
    }
    this.#text(OPTION.ifHardware, description.hardware)
    this.#end(start, start + 16)
    const fastTicks = 1_000_000_000n % ticks === 0n ? Number(ticks) : 0
    return (
      this.#interfaces.push({
        linkType: description.linkType,
        snapLength,
        ticksPerSecond: ticks,
        offsetSeconds,
        fastTicks,
        nanosecondsPerTick: fastTicks === 0 ? 0 : 1_000_000_000 / fastTicks,
      }) - 1
    )
  }

  /** An enhanced packet block. */
  write(packet: PcapngPacket): void {
    const { seconds, nanoseconds } = fromNanoseconds(packet.timestampNs)
    const { data, comment } = packet
    const id = packet.interfaceId ?? 0
    const original = packet.originalLength ?? data.length
    this.writeRecord(data, 0, data.length, seconds, nanoseconds, original, id, comment)
  }

  /** The fast form of write: a range of `bytes` and the stamp as numbers. */
  writeRecord(
    bytes: Uint8Array,
    offset: number,
    length: number,
    seconds: number,
    nanoseconds: number,
    originalLength: number,
    interfaceId = 0,
    comment?: string,
  ): void {
    const start = this.#begin(BLOCK.enhancedPacket)
    const at = this.#out.reserve(20)
    this.#out.setU32(at, interfaceId)
    this.#setStamp(at + 4, this.#interface(interfaceId), seconds, nanoseconds)
    this.#out.setU32(at + 12, length)
    this.#out.setU32(at + 16, originalLength)
    this.#out.put(bytes, offset, length)
    this.#out.pad4(start)
    const options = this.#out.length
    this.#text(OPTION.comment, comment)
    this.#end(start, options)
  }

  /** A simple packet block: interface 0, no stamp. The data must be as long as that interface's snap length lets it be. */
  writeSimple(data: Uint8Array, originalLength = data.length): void {
    const snap = this.#interface(0).snapLength
    const expected = snap === 0 ? originalLength : Math.min(snap, originalLength)
    if (data.length !== expected) {
      throw new UsageError(`a simple packet of ${originalLength} bytes holds ${expected} of them, not ${data.length}`)
    }
    const start = this.#begin(BLOCK.simplePacket)
    this.#out.u32(originalLength)
    this.#out.put(data)
    this.#out.pad4(start)
    this.#end(start, this.#out.length)
  }

  /** A packet block as files before 2011 hold it: with a count of drops. */
  writeObsolete(packet: PcapngPacket, drops = 0xffff): void {
    const { seconds, nanoseconds } = fromNanoseconds(packet.timestampNs)
    const id = packet.interfaceId ?? 0
    const start = this.#begin(BLOCK.packet)
    const at = this.#out.reserve(20)
    this.#out.setU16(at, id)
    this.#out.setU16(at + 2, drops)
    this.#setStamp(at + 4, this.#interface(id), seconds, nanoseconds)
    this.#out.setU32(at + 12, packet.data.length)
    this.#out.setU32(at + 16, packet.originalLength ?? packet.data.length)
    this.#out.put(packet.data)
    this.#out.pad4(start)
    const options = this.#out.length
    this.#text(OPTION.comment, packet.comment)
    this.#end(start, options)
  }

  /** A name resolution block. */
  writeNames(records: readonly NameRecord[]): void {
    const start = this.#begin(BLOCK.names)
    for (const { address, names } of records) {
      if (address.length !== 4 && address.length !== 16) {
        throw new UsageError(`a name record needs an address of 4 or 16 bytes, not ${address.length}`)
      }
      const text = encodeText(names.map((name) => `${name}\0`).join(''))
      const value = new Uint8Array(address.length + text.length)
      value.set(address)
      value.set(text, address.length)
      this.#bytes(address.length === 4 ? 1 : 2, value)
    }
    this.#out.u32(0)
    this.#end(start, this.#out.length)
  }

  /** An interface statistics block. */
  writeStatistics(interfaceId: number, timestampNs: bigint, counters: InterfaceCounters, comment?: string): void {
    const { seconds, nanoseconds } = fromNanoseconds(timestampNs)
    const start = this.#begin(BLOCK.statistics)
    const at = this.#out.reserve(12)
    this.#out.setU32(at, interfaceId)
    this.#setStamp(at + 4, this.#interface(interfaceId), seconds, nanoseconds)
    this.#text(OPTION.comment, comment)
    this.#counter(OPTION.isbIfrecv, counters.received)
    this.#counter(OPTION.isbIfdrop, counters.dropped)
    this.#counter(OPTION.isbFilteraccept, counters.accepted)
    this.#counter(OPTION.isbOsdrop, counters.osDropped)
    this.#counter(OPTION.isbUsrdeliv, counters.delivered)
    this.#end(start, at + 12)
  }

  /** The bytes gathered since the last call: a view that the next write invalidates. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#out.drain()
  }

  #interface(id: number): WriterInterface {
    const found = this.#interfaces[id]
    if (found === undefined) throw new UsageError(`the section has no interface ${id}`, 'addInterface first')
    return found
  }

  #setStamp(at: number, clock: WriterInterface, seconds: number, nanoseconds: number): void {
    const since = seconds - clock.offsetSeconds
    let high: number
    let low: number
    if (clock.fastTicks !== 0 && since >= 0 && since < 0x2_0000_0000) {
      // since * ticks + rest in two 32-bit halves, with 16-bit digits of `since` so that nothing passes 2^53; products
      // and differences, because the remainder of doubles is slow.
      const rest = clock.fastTicks === 1_000_000_000 ? nanoseconds : Math.floor(nanoseconds / clock.nanosecondsPerTick)
      const digits = Math.floor(since / 0x1_0000)
      const lower = (since - digits * 0x1_0000) * clock.fastTicks + rest
      const carry = Math.floor(lower / 0x1_0000)
      const upper = digits * clock.fastTicks + carry
      high = Math.floor(upper / 0x1_0000)
      low = (upper - high * 0x1_0000) * 0x1_0000 + (lower - carry * 0x1_0000)
    } else {
      const ticks =
        BigInt(since) * clock.ticksPerSecond +
        // Rounded up: the reader cuts, so that what was written comes back.
        (BigInt(nanoseconds) * clock.ticksPerSecond + 999_999_999n) / 1_000_000_000n
      if (ticks < 0n || ticks > 0xffff_ffff_ffff_ffffn) {
        throw new UsageError(`a stamp of ${seconds} seconds since 1970 does not fit the interface's 64-bit tick count`)
      }
      high = Number(ticks >> 32n)
      low = Number(ticks & 0xffffffffn)
    }
    this.#out.setU32(at, high)
    this.#out.setU32(at + 4, low)
  }

  #begin(type: number): number {
    const start = this.#out.reserve(8)
    this.#out.setU32(start, type)
    return start
  }

  /** Closes the option list if options were written after `options`, and writes both lengths. */
  #end(start: number, options: number): void {
    if (this.#out.length > options) this.#out.u32(0)
    const length = this.#out.length - start + 4
    this.#out.u32(length)
    this.#out.setU32(start + 4, length)
  }

  #option(code: number, length: number): void {
    if (length > 0xffff) throw new UsageError(`an option of ${length} bytes does not fit a pcapng block`)
    this.#out.u16(code)
    this.#out.u16(length)
  }

  #bytes(code: number, value: Uint8Array): void {
    this.#option(code, value.length)
    const start = this.#out.length
    this.#out.put(value)
    this.#out.pad4(start)
  }

  #text(code: number, text: string | undefined): void {
    if (text !== undefined) this.#bytes(code, encodeText(text))
  }

  #counter(code: number, value: bigint | undefined): void {
    if (value === undefined) return
    this.#option(code, 8)
    this.#out.u64(value)
  }
}

/** The if_tsresol byte of a number of ticks a second: a power of ten or of two. */
function resolutionOf(ticksPerSecond: bigint): number {
  for (let exponent = 0; exponent < 0x80; exponent++) {
    if (10n ** BigInt(exponent) === ticksPerSecond) return exponent
    if (1n << BigInt(exponent) === ticksPerSecond) return 0x80 | exponent
  }
  throw new UsageError(`${ticksPerSecond} ticks a second is no power of ten or two`)
}
