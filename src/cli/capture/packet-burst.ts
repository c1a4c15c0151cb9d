import { type CapturePacket, toNanoseconds } from '../../packet/index.js'

/**
 * Some packets of a capture in columns, without an object for each: packet `i` is
 * `bytes[offsets[i] .. offsets[i] + lengths[i])`. Everything is overwritten when the next burst is asked for.
 */
export class PacketBurst {
  bytes = new Uint8Array(0)
  count = 0
  offsets: Uint32Array = new Uint32Array(0)
  lengths: Uint32Array = new Uint32Array(0)
  originalLengths: Uint32Array = new Uint32Array(0)
  interfaceIds: Uint32Array = new Uint32Array(0)
  /** Seconds since 1970. */
  seconds: Float64Array = new Float64Array(0)
  nanoseconds: Uint32Array = new Uint32Array(0)
  /** Comments by packet index. */
  readonly comments = new Map<number, string>()

  /** Makes room for every packet that `size` bytes can hold: no record is shorter than 16 bytes. */
  reserve(size: number): void {
    const capacity = (size >>> 4) + 1
    if (capacity <= this.offsets.length) return
    this.offsets = new Uint32Array(capacity)
    this.lengths = new Uint32Array(capacity)
    this.originalLengths = new Uint32Array(capacity)
    this.interfaceIds = new Uint32Array(capacity)
    this.seconds = new Float64Array(capacity)
    this.nanoseconds = new Uint32Array(capacity)
  }

  /** Packet `index` as an object; its data is a view that lives as long as the burst. */
  packet(index: number, linkType: number): CapturePacket {
    const start = this.offsets[index] as number
    const comment = this.comments.get(index)
    return {
      data: this.bytes.subarray(start, start + (this.lengths[index] as number)),
      timestampNs: toNanoseconds(this.seconds[index] as number, this.nanoseconds[index] as number),
      linkType,
      originalLength: this.originalLengths[index] as number,
      interfaceId: this.interfaceIds[index] as number,
      ...(comment === undefined ? {} : { comment }),
    }
  }
}
