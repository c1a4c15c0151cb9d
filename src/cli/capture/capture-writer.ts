import { closeSync, openSync, writeSync } from 'node:fs'
import { UsageError } from '../../base/index.js'
import { LINK_TYPE, linkTypeName, type PcapngInterface, PcapngWriter, PcapWriter } from '../../packet/index.js'

const FLUSH_AT = 0x10_0000

/**
 * Writes packets to a file: pcapng when the name ends in `.pcapng` or `.ntar`, else pcap; nanosecond stamps in both. Bytes
 * gather and are written a mebibyte at a time, so memory stays flat. Close it, or use `using`.
 */
export class CaptureWriter {
  readonly path: string
  readonly format: 'pcap' | 'pcapng'
  /** Packets written so far. */
  packets = 0
  readonly #pcap: PcapWriter | undefined
  readonly #pcapng: PcapngWriter | undefined
  readonly #interfaces: number[] = []
  #descriptor: number | undefined

  /** `first` describes interface 0, an Ethernet by default. Throws UsageError when the file cannot be created. */
  constructor(path: string, first: PcapngInterface = { linkType: LINK_TYPE.ETHERNET }) {
    if (path.endsWith('.gz')) throw new UsageError(`${path}: captures are written uncompressed`, 'drop the .gz')
    this.path = path
    this.format = /\.(pcapng|ntar)$/i.test(path) ? 'pcapng' : 'pcap'
    if (this.format === 'pcapng') this.#pcapng = new PcapngWriter({ application: 'skep' })
    else {
      this.#pcap = new PcapWriter({
        linkType: first.linkType,
        ...(first.snapLength === undefined || first.snapLength === 0 ? {} : { snapLength: first.snapLength }),
      })
    }
    this.addInterface(first)
    try {
      this.#descriptor = openSync(path, 'w')
    } catch (error) {
      throw new UsageError(`cannot create ${path}: ${(error as Error).message}`)
    }
  }

  /** Describes another interface and returns its number. A pcap holds one link type: another is a UsageError. */
  addInterface(description: PcapngInterface): number {
    const { linkType } = description
    if (this.#pcap !== undefined && linkType !== this.#pcap.linkType) {
      const names = [this.#pcap.linkType, linkType].map((type) => linkTypeName(type) ?? String(type))
      throw new UsageError(
        `${this.path}: a pcap file cannot hold packets of ${names[0]} and ${names[1]}`,
        'write a .pcapng instead',
      )
    }
    this.#pcapng?.addInterface(description)
    return this.#interfaces.push(linkType) - 1
  }

  /** Appends `bytes[offset .. offset + length)`, captured at `seconds` and `nanoseconds` since 1970. */
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    seconds: number,
    nanoseconds: number,
    originalLength = length,
    interfaceId = 0,
    comment?: string,
  ): void {
    if (this.#pcap !== undefined) {
      this.#pcap.writeRecord(bytes, offset, length, seconds, nanoseconds, originalLength)
    } else {
      this.#pcapng?.writeRecord(bytes, offset, length, seconds, nanoseconds, originalLength, interfaceId, comment)
    }
    this.packets++
    if ((this.#pcap ?? this.#pcapng)!.pending >= FLUSH_AT) this.flush()
  }

  /** Hands what has gathered to the file. */
  flush(): void {
    if (this.#descriptor === undefined) throw new UsageError(`${this.path} is closed`)
    const bytes = (this.#pcap ?? this.#pcapng)!.take()
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at)
  }

  /** Writes the rest and closes the file; again is harmless. */
  close(): void {
    if (this.#descriptor === undefined) return
    try {
      this.flush()
    } finally {
      closeSync(this.#descriptor)
      this.#descriptor = undefined
    }
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
