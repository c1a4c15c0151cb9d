import { FormatError } from '../../base/index.js'
import {
  type CaptureBlock,
  type CaptureFormat,
  type CaptureInterface,
  CaptureReader,
  type PacketVisitor,
} from '../../packet/index.js'
import { type ByteSource, openBytes } from './byte-source.js'
import { PacketBurst } from './packet-burst.js'

export interface ReadCaptureOptions {
  readonly signal?: AbortSignal
  /** Bytes read at a time, 1 MiB by default. A longer packet makes the buffer grow. */
  readonly chunkSize?: number
  readonly maxPacketLength?: number
  readonly onBlock?: (block: CaptureBlock) => void
}

/**
 * Opens a capture for one pass: a path, or '-' for standard input; pcap or pcapng, with or without gzip.
 * Throws UsageError when the file cannot be opened.
 */
export async function readCapture(path: string, options: ReadCaptureOptions = {}): Promise<CaptureSource> {
  options.signal?.throwIfAborted()
  const chunkSize = options.chunkSize ?? 0x10_0000
  return new CaptureSource(path, await openBytes(path, chunkSize), chunkSize, options)
}

/**
 * A capture that is being read. Iterating it gives bursts of packets; nothing is read ahead, so a slow consumer holds
 * the reader back. A damaged file gives its FormatError (with the file's name) after the packets before the damage.
 */
export class CaptureSource implements AsyncIterable<PacketBurst> {
  readonly path: string
  readonly #source: ByteSource
  readonly #reader: CaptureReader
  readonly #chunkSize: number
  readonly #signal: AbortSignal | undefined

  constructor(path: string, source: ByteSource, chunkSize: number, options: ReadCaptureOptions) {
    this.path = path
    this.#source = source
    this.#chunkSize = Math.max(chunkSize, 64)
    this.#signal = options.signal
    this.#reader = new CaptureReader({
      ...(options.maxPacketLength === undefined ? {} : { maxPacketLength: options.maxPacketLength }),
      ...(options.onBlock === undefined ? {} : { onBlock: options.onBlock }),
    })
  }

  /** Bytes of the file as stored, for a progress bar; undefined when it is a pipe. */
  get size(): number | undefined {
    return this.#source.size
  }

  /** How many of `size` are read. */
  get position(): number {
    return this.#source.position
  }

  get compressed(): boolean {
    return this.#source.compressed
  }

  /** Known from the first burst on. */
  get format(): CaptureFormat | undefined {
    return this.#reader.format
  }

  /** The interfaces seen so far; a burst's interfaceIds are indexes of this list. */
  get interfaces(): readonly CaptureInterface[] {
    return this.#reader.interfaces
  }

  /** Packets read so far. */
  get packets(): number {
    return this.#reader.packets
  }

  linkTypeOf(interfaceId: number): number {
    return this.#reader.linkTypeOf(interfaceId)
  }

  /** Closes the file; only needed when it is not iterated to the end. */
  async close(): Promise<void> {
    await this.#source.close()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PacketBurst, void, undefined> {
    const burst = new PacketBurst()
    const reader = this.#reader
    burst.bytes = new Uint8Array(this.#chunkSize)
    const visit: PacketVisitor = (_bytes, offset, length, seconds, nanoseconds, interfaceId, originalLength) => {
      const index = burst.count++
      burst.offsets[index] = offset
      burst.lengths[index] = length
      burst.originalLengths[index] = originalLength
      burst.interfaceIds[index] = interfaceId
      burst.seconds[index] = seconds
      burst.nanoseconds[index] = nanoseconds
      const comment = reader.comment
      if (comment !== undefined) burst.comments.set(index, comment)
    }
    try {
      // What the last scan left stands at the front of the buffer; new bytes are read behind it.
      let filled = 0
      for (;;) {
        this.#signal?.throwIfAborted()
        if (filled === burst.bytes.length) burst.bytes = grown(burst.bytes)
        const read = await this.#source.read(burst.bytes, filled)
        filled += read
        burst.count = 0
        burst.comments.clear()
        burst.reserve(filled)
        let failure: unknown
        let consumed = 0
        try {
          consumed = reader.scan(burst.bytes, 0, filled, visit)
          if (read === 0) reader.finish(filled - consumed)
        } catch (error) {
          failure = error
        }
        if (burst.count > 0) yield burst
        if (failure !== undefined) throw failure
        if (read === 0) return
        burst.bytes.copyWithin(0, consumed, filled)
        filled -= consumed
      }
    } catch (error) {
      throw error instanceof FormatError ? error.at({ file: this.path }) : error
    } finally {
      await this.#source.close()
    }
  }
}

/** Twice the buffer: it was full of one record that has not ended, so the bytes are really there. */
function grown(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(2 * bytes.length)
  larger.set(bytes)
  return larger
}
