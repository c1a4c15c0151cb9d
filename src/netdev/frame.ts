/** A packet on its way through the virtual network: bytes in a buffer, and what an sk_buff knows besides. */
export class Frame {
  /** Journey number of the packet; 0 while nobody watches. */
  packet = 0
  bytes: Uint8Array
  start: number
  end: number
  /** Where the frame's own part of `bytes` ends: several frames may lie in one buffer. */
  limit: number
  /** The same buffer by words, where whoever made it cares: `bytes` then starts at a multiple of four. */
  words: Uint32Array | undefined = undefined
  /** XDP metadata: bytes before `start` that programs see by data_meta. */
  metaLength = 0
  /** Of these bytes the first are in one buffer, the rest in fragments; 0: all in one. */
  linear = 0
  /** Receive queue. */
  queue = 0
  /** PACKET_HOST 0, BROADCAST 1, MULTICAST 2, OTHERHOST 3: for whom it is, seen from where it is. */
  packetType = 0
  mark = 0
  priority = 0
  tcIndex = 0
  hash = 0
  /** VLAN tag beside the frame: 0 none, else 0x1_0000 | TCI; its protocol, host order. */
  vlanTag = 0
  vlanProtocol = 0
  /** ns */
  tstamp = 0n
  ingressIfindex = 0
  /** True for a packet that was sent here by bpf_redirect: it skips nothing but marks its origin. */
  redirected = false
  /** CHECKSUM_PARTIAL is never left open: sums are always filled in. */
  hops = 0

  constructor(bytes: Uint8Array, start = 0, end = bytes.length, limit = bytes.length) {
    this.bytes = bytes
    this.start = start
    this.end = end
    this.limit = limit
  }

  get length(): number {
    return this.end - this.start
  }

  /** The packet's bytes: a view. */
  get data(): Uint8Array {
    return this.bytes.subarray(this.start, this.end)
  }

  /** 16 bits in network order. */
  u16(offset: number): number {
    const at = this.start + offset
    return ((this.bytes[at] as number) << 8) | (this.bytes[at + 1] as number)
  }

  u8(offset: number): number {
    return this.bytes[this.start + offset] as number
  }

  /** An own copy with everything an sk_buff clone keeps. */
  clone(): Frame {
    const copy = new Frame(this.bytes.slice(this.start - this.metaLength, this.end), this.metaLength)
    copy.end = copy.bytes.length
    copy.metaLength = this.metaLength
    copy.queue = this.queue
    copy.packetType = this.packetType
    copy.mark = this.mark
    copy.priority = this.priority
    copy.tcIndex = this.tcIndex
    copy.hash = this.hash
    copy.vlanTag = this.vlanTag
    copy.vlanProtocol = this.vlanProtocol
    copy.tstamp = this.tstamp
    copy.ingressIfindex = this.ingressIfindex
    copy.packet = this.packet
    copy.hops = this.hops
    return copy
  }
}
