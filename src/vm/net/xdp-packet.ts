import { ERRNO } from '../../base/index.js'
import type { Memory } from '../memory.js'
import type { Addr, PacketAccess, Status } from '../types.js'
import type { Network } from './network.js'
import { Redirect } from './redirect.js'

/** XDP_PACKET_HEADROOM */
export const XDP_HEADROOM = 256
/** SKB_DATA_ALIGN(sizeof(struct skb_shared_info)): kept free at the end of each buffer. */
export const SHARED_INFO_SIZE = 320
/** sizeof(struct xdp_frame): kept free at the start of the headroom. */
export const XDP_FRAME_SIZE = 40
export const PAGE_SIZE = 4096
export const MAX_FRAGS = 17
export const ETH_HLEN = 14
/** Longest metadata: skb_shared_info.meta_len is a byte, and lengths are multiples of 4. */
const MAX_META = 255

// struct xdp_md
const DATA = 0
const DATA_END = 4
const DATA_META = 8
const INGRESS_IFINDEX = 12
const RX_QUEUE_INDEX = 16
const EGRESS_IFINDEX = 20
const XDP_MD_SIZE = 24

const OFFSET_MAX = 0xffff

/**
 * An xdp_buff in the machine's memory: struct xdp_md as the program sees it, a linear buffer with Linux's head and
 * tail room, and fragments. One object serves any number of packets one after another.
 */
export class XdpPacket implements PacketAccess {
  readonly kind = 'xdp'
  readonly ctx: Addr
  /** Eight bytes for keys of look-ups that helpers do. */
  readonly scratch: Addr
  readonly redirect = new Redirect()
  readonly network: Network
  readonly #memory: Memory
  #hardStart: Addr
  #capacity: number
  /** xdp_buff.frame_sz of this packet. */
  #frameSize = PAGE_SIZE
  /** Fragments: slots of a page each, contiguous. Allocated when first needed. */
  #frags: Addr = 0
  readonly #fragSizes = new Int32Array(MAX_FRAGS)
  #fragCount = 0
  #fragSize = PAGE_SIZE
  #fragBytes = 0

  constructor(memory: Memory, network: Network) {
    this.#memory = memory
    this.network = network
    this.ctx = memory.alloc(XDP_MD_SIZE)
    this.scratch = memory.alloc(8)
    this.#capacity = PAGE_SIZE
    this.#hardStart = memory.alloc(PAGE_SIZE)
  }

  /**
   * Makes the bytes [offset, offset + length) the packet, the first `metaLength` of them its metadata. `linear` bytes
   * go to the linear buffer (default: all of them, as native drivers and generic XDP do), the rest to fragments.
   */
  load(bytes: Uint8Array, offset: number, length: number, metaLength = 0, linear = length): void {
    const need = XDP_HEADROOM - metaLength + linear + SHARED_INFO_SIZE
    if (need > this.#capacity) this.#grow(need)
    this.#frameSize = need <= PAGE_SIZE ? PAGE_SIZE : Math.ceil(need / PAGE_SIZE) * PAGE_SIZE
    const meta = this.#hardStart + XDP_HEADROOM - metaLength
    const memory = this.#memory
    copyInto(memory.u8, meta, bytes, offset, linear)
    this.#fragCount = 0
    this.#fragBytes = 0
    if (linear < length) this.#loadFrags(bytes, offset + linear, length - linear)
    const u32 = memory.u32
    const at = this.ctx >>> 2
    u32[at] = meta + metaLength
    u32[at + 1] = meta + linear
    u32[at + 2] = meta
    u32[at + 5] = 0
    if (this.redirect.kind !== 'none') this.redirect.clear()
  }

  /**
   * Makes the packet one that a burst can fill (packet-burst.ts): all linear, in a buffer of a page. The address of its
   * first byte, and how long packets may be, which are the driver's to write.
   */
  beginBurst(): { readonly data: Addr; readonly limit: number } {
    this.#frameSize = PAGE_SIZE
    this.#fragCount = 0
    this.#fragBytes = 0
    if (this.redirect.kind !== 'none') this.redirect.clear()
    return { data: this.#hardStart + XDP_HEADROOM, limit: PAGE_SIZE - XDP_HEADROOM - SHARED_INFO_SIZE }
  }

  /**
   * The same for a short packet of one piece that lies at a multiple of four in a buffer of words: copying those takes a
   * fraction of making a view. What lies in the last word behind the packet comes along.
   */
  loadWords(words: Uint32Array, offset: number, length: number, metaLength: number): void {
    const { u32 } = this.#memory
    const meta = this.#hardStart + XDP_HEADROOM - metaLength
    this.#frameSize = PAGE_SIZE
    this.#fragCount = 0
    this.#fragBytes = 0
    const from = offset >>> 2
    const to = meta >>> 2
    const count = (length + 3) >>> 2
    for (let index = 0; index < count; index++) u32[to + index] = words[from + index] as number
    const at = this.ctx >>> 2
    u32[at] = meta + metaLength
    u32[at + 1] = meta + length
    u32[at + 2] = meta
    u32[at + 5] = 0
    if (this.redirect.kind !== 'none') this.redirect.clear()
  }

  /** Device and queue the packet came in by. `fragSize`: bytes of a fragment's buffer, 0 where tails cannot grow. */
  setIngress(ifindex: number, queue: number, fragSize = PAGE_SIZE): void {
    this.#fragSize = fragSize
    const u32 = this.#memory.u32
    u32[(this.ctx + INGRESS_IFINDEX) >>> 2] = ifindex
    u32[(this.ctx + RX_QUEUE_INDEX) >>> 2] = queue
  }

  /** Device a devmap program's packet leaves by. */
  setEgress(ifindex: number): void {
    this.#memory.u32[(this.ctx + EGRESS_IFINDEX) >>> 2] = ifindex
  }

  get ingressIfindex(): number {
    return this.#memory.u32[(this.ctx + INGRESS_IFINDEX) >>> 2] as number
  }
  get data(): Addr {
    return this.#memory.u32[(this.ctx + DATA) >>> 2] as number
  }
  get dataEnd(): Addr {
    return this.#memory.u32[(this.ctx + DATA_END) >>> 2] as number
  }
  get dataMeta(): Addr {
    return this.#memory.u32[(this.ctx + DATA_META) >>> 2] as number
  }
  get metaLength(): number {
    return this.data - this.dataMeta
  }
  get linearLength(): number {
    return this.dataEnd - this.data
  }
  /** Bytes of the packet without metadata: xdp_get_buff_len. */
  get length(): number {
    return this.dataEnd - this.data + this.#fragBytes
  }
  get hasFrags(): boolean {
    return this.#fragCount > 0
  }
  /** Bytes of metadata, linear data and fragments, as BPF_PROG_TEST_RUN gives them back. */
  get outputLength(): number {
    return this.dataEnd - this.dataMeta + this.#fragBytes
  }
  get fragBytes(): number {
    return this.#fragBytes
  }

  /** A copy of metadata and packet. */
  output(): Uint8Array {
    const linear = this.dataEnd - this.dataMeta
    const result = new Uint8Array(linear + this.#fragBytes)
    result.set(this.#memory.bytes(this.dataMeta, linear))
    let at = linear
    for (let index = 0; index < this.#fragCount; index++) {
      const size = this.#fragSizes[index] as number
      result.set(this.#memory.bytes(this.#frags + index * PAGE_SIZE, size), at)
      at += size
    }
    return result
  }

  /** bpf_xdp_adjust_head */
  adjustHead(offset: number): Status {
    const meta = this.metaLength
    const data = this.data + offset
    if (data < this.#hardStart + XDP_FRAME_SIZE + meta || data > this.dataEnd - ETH_HLEN) return -ERRNO.EINVAL
    const from = this.dataMeta
    if (meta > 0) this.#memory.u8.copyWithin(from + offset, from, from + meta)
    this.#setU32(DATA_META, from + offset)
    this.#setU32(DATA, data)
    return 0
  }

  /** bpf_xdp_adjust_meta */
  adjustMeta(offset: number): Status {
    const meta = this.dataMeta + offset
    if (meta < this.#hardStart + XDP_FRAME_SIZE || meta > this.data) return -ERRNO.EINVAL
    const length = this.data - meta
    if ((length & 3) !== 0 || length > MAX_META) return -ERRNO.EACCES
    this.#setU32(DATA_META, meta)
    return 0
  }

  /** bpf_xdp_adjust_tail */
  adjustTail(offset: number): Status {
    if (this.#fragCount > 0) return offset < 0 ? this.#shrinkFrags(-offset) : this.#growLastFrag(offset)
    const end = this.dataEnd + offset
    if (end > this.#hardStart + this.#frameSize - SHARED_INFO_SIZE || end < this.data + ETH_HLEN) return -ERRNO.EINVAL
    if (offset > 0) this.#memory.u8.fill(0, this.dataEnd, end)
    this.#setU32(DATA_END, end)
    return 0
  }

  /** XDP programs have no LD_ABS. */
  loadBytes(): number {
    return -1
  }

  copyOut(offset: number, length: number, to: Addr): Status {
    const status = this.#check(offset, length)
    if (status === 0) this.#copy(offset >>> 0, length >>> 0, to, false)
    return status
  }

  copyIn(offset: number, length: number, from: Addr, _flags = 0): Status {
    const status = this.#check(offset, length)
    if (status === 0) this.#copy(offset >>> 0, length >>> 0, from, true)
    return status
  }

  contiguous(offset: number, length: number): Addr {
    if (this.#check(offset, length) !== 0) return 0
    let at = offset >>> 0
    const linear = this.linearLength
    if (at < linear) return at + length <= linear ? this.data + at : 0
    at -= linear
    for (let index = 0; index < this.#fragCount; index++) {
      const size = this.#fragSizes[index] as number
      if (at < size) return at + length <= size ? this.#frags + index * PAGE_SIZE + at : 0
      at -= size
    }
    return 0
  }

  /** Range rules of bpf_xdp_pointer: -EFAULT beyond 64 KiB, -EINVAL beyond the packet. */
  #check(offset: number, length: number): Status {
    const at = offset >>> 0
    const count = length >>> 0
    if (at > OFFSET_MAX || count > OFFSET_MAX) return -ERRNO.EFAULT
    return at + count > this.length ? -ERRNO.EINVAL : 0
  }

  /** Copies between memory at `other` and the packet, whose pieces may be several. */
  #copy(offset: number, length: number, other: Addr, intoPacket: boolean): void {
    const u8 = this.#memory.u8
    const linear = this.linearLength
    let at = offset
    let left = length
    let position = other
    let piece = this.data
    let size = linear
    for (let index = -1; left > 0; ) {
      if (at < size) {
        const count = Math.min(left, size - at)
        if (intoPacket) u8.copyWithin(piece + at, position, position + count)
        else u8.copyWithin(position, piece + at, piece + at + count)
        position += count
        left -= count
        at = 0
      } else at -= size
      if (++index >= this.#fragCount) return
      piece = this.#frags + index * PAGE_SIZE
      size = this.#fragSizes[index] as number
    }
  }

  /** Gives the memory back. */
  free(): void {
    this.#memory.free(this.ctx)
    this.#memory.free(this.scratch)
    this.#memory.free(this.#hardStart)
    this.#memory.free(this.#frags)
  }

  #setU32(field: number, value: number): void {
    this.#memory.u32[(this.ctx + field) >>> 2] = value
  }

  #grow(need: number): void {
    const capacity = Math.ceil(need / PAGE_SIZE) * PAGE_SIZE * 2
    const bigger = this.#memory.alloc(capacity)
    this.#memory.free(this.#hardStart)
    this.#hardStart = bigger
    this.#capacity = capacity
  }

  #loadFrags(bytes: Uint8Array, offset: number, length: number): void {
    if (this.#frags === 0) this.#frags = this.#memory.alloc(MAX_FRAGS * PAGE_SIZE)
    let at = offset
    for (let left = length; left > 0 && this.#fragCount < MAX_FRAGS; ) {
      const size = Math.min(left, PAGE_SIZE)
      copyInto(this.#memory.u8, this.#frags + this.#fragCount * PAGE_SIZE, bytes, at, size)
      this.#fragSizes[this.#fragCount++] = size
      this.#fragBytes += size
      at += size
      left -= size
    }
  }

  #growLastFrag(offset: number): Status {
    if (this.#fragSize === 0) return -ERRNO.EOPNOTSUPP
    const last = this.#fragCount - 1
    const size = this.#fragSizes[last] as number
    if (offset > PAGE_SIZE - size) return -ERRNO.EINVAL
    const end = this.#frags + last * PAGE_SIZE + size
    this.#memory.u8.fill(0, end, end + offset)
    this.#fragSizes[last] = size + offset
    this.#fragBytes += offset
    return 0
  }

  #shrinkFrags(amount: number): Status {
    if (amount > this.length - ETH_HLEN) return -ERRNO.EINVAL
    let left = amount
    while (this.#fragCount > 0 && left > 0) {
      const last = this.#fragCount - 1
      const size = this.#fragSizes[last] as number
      const count = Math.min(left, size)
      left -= count
      this.#fragBytes -= count
      if (count < size) {
        this.#fragSizes[last] = size - count
        break
      }
      this.#fragCount = last
    }
    if (this.#fragCount === 0) this.#setU32(DATA_END, this.dataEnd - left)
    return 0
  }
}

/** Copies a part of `bytes`; a view is the price of its speed, and short-lived. */
function copyInto(memory: Uint8Array, at: Addr, bytes: Uint8Array, offset: number, length: number): void {
  memory.set(offset === 0 && length === bytes.length ? bytes : bytes.subarray(offset, offset + length), at)
}
