import { ERRNO } from '../../base/index.js'
import { csumFold } from '../../packet/index.js'
import type { Memory } from '../memory.js'
import type { Addr, PacketAccess, Status } from '../types.js'
import { csumBlockAdd, csumBlockSub, sumMemory } from './checksum.js'
import type { Network } from './network.js'
import { type ClonedPacket, Redirect } from './redirect.js'
import type { KernelSocket } from './socket-table.js'
import type { TunnelInfo } from './tunnel-info.js'
import { ETH_HLEN } from './xdp-packet.js'

/** Offsets in struct __sk_buff. */
export const SKB = {
  len: 0,
  pkt_type: 4,
  mark: 8,
  queue_mapping: 12,
  protocol: 16,
  vlan_present: 20,
  vlan_tci: 24,
  vlan_proto: 28,
  priority: 32,
  ingress_ifindex: 36,
  ifindex: 40,
  tc_index: 44,
  cb: 48,
  hash: 68,
  tc_classid: 72,
  data: 76,
  data_end: 80,
  napi_id: 84,
  family: 88,
  remote_ip4: 92,
  local_ip4: 96,
  remote_ip6: 100,
  local_ip6: 116,
  remote_port: 132,
  local_port: 136,
  data_meta: 140,
  flow_keys: 144,
  tstamp: 152,
  wire_len: 160,
  gso_segs: 164,
  sk: 168,
  gso_size: 176,
  tstamp_type: 180,
  hwtstamp: 184,
} as const
export const SKB_SIZE = 192

/** SKB_MAX_ALLOC: longest packet the growing helpers make. */
export const SKB_MAX_LENGTH = 16064

// Ethernet protocols as __be16 read from memory on a little-endian machine.
export const ETH_P_IP = 0x0008
export const ETH_P_IPV6 = 0xdd86
export const ETH_P_8021Q = 0x0081
export const ETH_P_8021AD = 0xa888
const ETH_P_802_3 = 0x0100
const ETH_P_802_2 = 0x0400

export const PACKET_HOST = 0
const PACKET_BROADCAST = 1
const PACKET_MULTICAST = 2
export const PACKET_OTHERHOST = 3

export const CHECKSUM_NONE = 0
export const CHECKSUM_UNNECESSARY = 1
export const CHECKSUM_COMPLETE = 2

const HEADROOM = 256
const NET_SKB_PAD = 64
const INITIAL_CAPACITY = 4096
const SKF_NET_OFF = -0x100000
const SKF_LL_OFF = -0x200000
const INT_MAX = 0x7fff_ffff

/**
 * An sk_buff in the machine's memory: struct __sk_buff as the program sees it, kept in step by the helpers, and linear
 * data. The header offsets are addresses. One object serves any number of packets one after another.
 */
export class SkbPacket implements PacketAccess {
  readonly kind = 'skb'
  readonly ctx: Addr
  readonly redirect = new Redirect()
  readonly network: Network
  readonly memory: Memory
  /** Copies that bpf_clone_redirect sent, in order. */
  clones: ClonedPacket[] = []
  #head: Addr
  #capacity: number
  /** Where Linux's buffer would start: 64 bytes before a received frame. */
  #linuxHead: Addr
  data: Addr
  tail: Addr
  macHeader: Addr
  networkHeader: Addr
  /** 0: not set. */
  transportHeader: Addr = 0
  macLength = 0
  /** Bytes of XDP metadata before the data. */
  metaLength = 0
  encapsulation = false
  /** CHECKSUM_* */
  ipSummed = CHECKSUM_NONE
  csumLevel = 0
  /** Sum of the data for CHECKSUM_COMPLETE. */
  csum = 0
  /** True where `hash` was computed or set and is valid. */
  hashValid = false
  /** SKB_GSO_* of a packet with gso_size. */
  gsoType = 0
  /** True when the packet is at a tc ingress hook. BPF_PROG_TEST_RUN is not. */
  atIngress = false
  /** BPF_PROG_TYPE_* of the program that runs: some helpers differ by it. */
  programType = 0
  socket: KernelSocket | undefined = undefined
  tunnel: TunnelInfo | undefined = undefined

  constructor(memory: Memory, network: Network) {
    this.memory = memory
    this.network = network
    this.ctx = memory.alloc(SKB_SIZE)
    this.#capacity = INITIAL_CAPACITY
    this.#head = memory.alloc(INITIAL_CAPACITY)
    this.data = this.tail = this.macHeader = this.networkHeader = this.#head + HEADROOM
    this.#linuxHead = this.data - NET_SKB_PAD
  }

  /**
   * Makes the frame bytes [offset, offset + length) the packet, as a driver's receive path does: protocol and packet
   * type from the Ethernet header, data at the network header (`layer2` false) or at the Ethernet header (true).
   * `length` is at least 14.
   */
  load(bytes: Uint8Array, offset: number, length: number, layer2: boolean, ifindex: number): void {
    if (HEADROOM + length > this.#capacity) this.#replaceBuffer(HEADROOM + length)
    const { memory, ctx } = this
    const start = this.#head + HEADROOM
    memory.u8.set(offset === 0 && length === bytes.length ? bytes : bytes.subarray(offset, offset + length), start)
    memory.u8.fill(0, ctx, ctx + SKB_SIZE)
    this.#linuxHead = start - NET_SKB_PAD
    this.macHeader = start
    this.networkHeader = start + ETH_HLEN
    this.transportHeader = 0
    this.macLength = 0
    this.metaLength = 0
    this.encapsulation = false
    this.ipSummed = CHECKSUM_NONE
    this.csumLevel = 0
    this.csum = 0
    this.hashValid = false
    this.gsoType = 0
    this.tunnel = undefined
    this.data = layer2 ? start : start + ETH_HLEN
    this.tail = start + length
    if (this.clones.length > 0) this.clones = []
    if (this.redirect.kind !== 'none') this.redirect.clear()
    const at = ctx >>> 2
    memory.u32[at + (SKB.pkt_type >>> 2)] = this.#packetType(start, ifindex)
    memory.u32[at + (SKB.protocol >>> 2)] = this.#etherType(start)
    memory.u32[at + (SKB.ifindex >>> 2)] = ifindex
    this.updatePointers()
  }

  /** Puts metadata that an XDP program left before the data. `load` came before. */
  loadMeta(bytes: Uint8Array, offset: number, length: number): void {
    this.memory.u8.set(bytes.subarray(offset, offset + length), this.data - length)
    this.metaLength = length
    this.setField(SKB.data_meta, this.data - length)
  }

  /** The socket of the packet: skb->sk and the address fields that are read through it. */
  setSocket(socket: KernelSocket | undefined): void {
    this.socket = socket
    this.setField(SKB.sk, socket === undefined ? 0 : socket.address)
    this.memory.u8.fill(0, this.ctx + SKB.family, this.ctx + SKB.data_meta)
    socket?.copyAddresses(this.ctx)
  }

  get length(): number {
    return this.tail - this.data
  }
  get dataEnd(): Addr {
    return this.tail
  }
  get isGso(): boolean {
    return this.field(SKB.gso_size) !== 0
  }
  /** skb->protocol: __be16 as it lies in memory. */
  get protocol(): number {
    return this.field(SKB.protocol)
  }
  get networkOffset(): number {
    return this.networkHeader - this.data
  }
  /** skb_mac_header_len */
  get macHeaderLength(): number {
    return this.networkHeader - this.macHeader
  }
  get ifindex(): number {
    return this.field(SKB.ifindex)
  }

  /** A u32 field of struct __sk_buff. */
  field(offset: number): number {
    return this.memory.u32[(this.ctx + offset) >>> 2] as number
  }
  setField(offset: number, value: number): void {
    this.memory.u32[(this.ctx + offset) >>> 2] = value
  }

  /** Writes len, data, data_end and data_meta after the data moved or changed its size. */
  updatePointers(): void {
    const { u32 } = this.memory
    const at = this.ctx >>> 2
    u32[at + (SKB.len >>> 2)] = this.tail - this.data
    u32[at + (SKB.data >>> 2)] = this.data
    u32[at + (SKB.data_end >>> 2)] = this.tail
    u32[at + (SKB.data_meta >>> 2)] = this.data - this.metaLength
  }

  /** A copy of the data. */
  output(): Uint8Array {
    return this.memory.read(this.data, this.length)
  }

  /** Sum of the data from `start` on, 32 bits. */
  sum(start: Addr): number {
    return sumMemory(this.memory, start, this.tail - start, 0)
  }

  /** Whether the data from the network header on sums to `sum`, both folded. */
  sumIs(sum: number): boolean {
    return csumFold(this.sum(this.networkHeader)) === csumFold(sum)
  }

  /** Puts 14 zero bytes before the data: where a test run of a program without Ethernet header shows its output. */
  pushEthernet(): void {
    this.ensureHeadroom(ETH_HLEN)
    this.data -= ETH_HLEN
    this.memory.u8.fill(0, this.data, this.data + ETH_HLEN)
    this.updatePointers()
  }

  /** skb_reset_mac_len */
  resetMacLength(): void {
    this.macLength = this.networkHeader - this.macHeader
  }

  clearHash(): void {
    this.setField(SKB.hash, 0)
    this.hashValid = false
  }

  /** skb_ensure_writable: the data is always linear and private here, so only its length counts. */
  ensureWritable(length: number): Status {
    return length >>> 0 > this.length ? -ERRNO.ENOMEM : 0
  }

  /**
   * skb_cow: room for `count` bytes before the data. Where Linux's buffer has too little it moves every header offset
   * along, also that of a transport header that was not set: it then lies one byte before the old buffer.
   */
  ensureHeadroom(count: number): void {
    const missing = count - (this.data - this.#linuxHead)
    if (missing > 0) {
      if (this.transportHeader === 0) this.transportHeader = this.#linuxHead - 1
      this.#linuxHead -= (missing + NET_SKB_PAD - 1) & -NET_SKB_PAD
      // What lay behind the tail, cut off before, is not copied to Linux's new buffer.
      this.memory.u8.fill(0, this.tail, this.#head + this.#capacity)
    }
    if (this.data - this.#head < count) this.#move(count + HEADROOM, 0)
  }

  /** Room for `count` bytes behind the data. */
  ensureTailroom(count: number): void {
    if (this.#head + this.#capacity - this.tail < count) this.#move(this.data - this.#head, count)
  }

  /** skb_postpull_rcsum for bytes about to leave the front of the data. */
  postPullChecksum(start: Addr, length: number): void {
    if (this.ipSummed === CHECKSUM_COMPLETE) this.csum = -sumMemory(this.memory, start, length, -this.csum >>> 0) >>> 0
  }

  /** skb_postpush_rcsum */
  postPushChecksum(start: Addr, length: number): void {
    if (this.ipSummed === CHECKSUM_COMPLETE)
      this.csum = csumBlockAdd(this.csum, sumMemory(this.memory, start, length, 0), 0)
  }

  loadBytes(offset: number, size: number): number {
    let at = this.data + offset
    if (offset < 0) {
      if (offset >= SKF_NET_OFF) at = this.networkHeader + (offset - SKF_NET_OFF)
      else if (offset >= SKF_LL_OFF) at = this.macHeader + (offset - SKF_LL_OFF)
      else return -1
    }
    if (at + size > this.tail) return -1
    const { u8 } = this.memory
    if (size === 1) return u8[at] as number
    const high = ((u8[at] as number) << 8) | (u8[at + 1] as number)
    return size === 2 ? high : high * 0x10000 + (((u8[at + 2] as number) << 8) | (u8[at + 3] as number))
  }

  /** bpf_skb_load_bytes without the clearing of the destination. */
  copyOut(offset: number, length: number, to: Addr): Status {
    const at = offset >>> 0
    const count = length >>> 0
    if (at > INT_MAX || at + count > this.length) return -ERRNO.EFAULT
    this.memory.u8.copyWithin(to, this.data + at, this.data + at + count)
    return 0
  }

  /** bpf_skb_store_bytes: `flags` BPF_F_RECOMPUTE_CSUM (1), BPF_F_INVALIDATE_HASH (2). */
  copyIn(offset: number, length: number, from: Addr, flags: number): Status {
    if ((flags & ~3) !== 0) return -ERRNO.EINVAL
    const at = offset >>> 0
    const count = length >>> 0
    if (at > INT_MAX || at + count > this.length) return -ERRNO.EFAULT
    const start = this.data + at
    const summed = (flags & 1) !== 0 && this.ipSummed === CHECKSUM_COMPLETE
    if (summed) this.csum = csumBlockSub(this.csum, sumMemory(this.memory, start, count, 0), at)
    this.memory.u8.copyWithin(start, from, from + count)
    if (summed) this.csum = csumBlockAdd(this.csum, sumMemory(this.memory, start, count, 0), at)
    if ((flags & 2) !== 0) this.clearHash()
    return 0
  }

  contiguous(offset: number, length: number): Addr {
    const at = offset >>> 0
    return at + (length >>> 0) > this.length ? 0 : this.data + at
  }

  /** Protocol of the Ethernet header at `start` (eth_type_trans): __be16 as it lies in memory. */
  #etherType(start: Addr): number {
    const { u8 } = this.memory
    return this.lengthOrType(u8[start + 12] as number, u8[start + 13] as number, start + ETH_HLEN)
  }

  /** An Ethernet type, or for an 802.3 length the LLC or raw protocol by the two bytes that follow. */
  lengthOrType(high: number, low: number, after: Addr): number {
    if (high >= 6) return high | (low << 8)
    const { u8 } = this.memory
    const raw = after + 2 <= this.tail && u8[after] === 0xff && u8[after + 1] === 0xff
    return raw ? ETH_P_802_3 : ETH_P_802_2
  }

  /** pkt_type by the destination address against the device's. */
  #packetType(start: Addr, ifindex: number): number {
    const { u8 } = this.memory
    const device = this.network.host.device(ifindex)
    if (isAddress(u8, start, device?.mac)) return PACKET_HOST
    if (((u8[start] as number) & 1) === 0) return PACKET_OTHERHOST
    return isAddress(u8, start, device?.broadcast) ? PACKET_BROADCAST : PACKET_MULTICAST
  }

  /** Gives the memory back. */
  free(): void {
    this.memory.free(this.ctx)
    this.memory.free(this.#head)
  }

  #replaceBuffer(need: number): void {
    const capacity = (need + 4095) & ~4095
    const bigger = this.memory.alloc(capacity)
    this.memory.free(this.#head)
    this.#head = bigger
    this.#capacity = capacity
  }

  /** Moves the data into a buffer with `headroom` before and at least `tailroom` behind it. */
  #move(headroom: number, tailroom: number): void {
    // What lies between the buffer's start and the data (a pulled Ethernet header) moves along.
    const before = this.data - this.#head
    const shift = Math.max(headroom - before, 0)
    const used = this.tail - this.#head
    const capacity = (shift + used + tailroom + 4095) & ~4095
    const bigger = this.memory.alloc(capacity)
    this.memory.u8.copyWithin(bigger + shift, this.#head, this.tail)
    this.memory.free(this.#head)
    const delta = bigger + shift - this.#head
    this.#head = bigger
    this.#capacity = capacity
    this.#linuxHead += delta
    this.data += delta
    this.tail += delta
    this.macHeader += delta
    this.networkHeader += delta
    if (this.transportHeader !== 0) this.transportHeader += delta
  }
}

function isAddress(u8: Uint8Array, at: Addr, address: Uint8Array | undefined): boolean {
  if (address === undefined) return false
  for (let index = 0; index < 6; index++) if (u8[at + index] !== address[index]) return false
  return true
}
