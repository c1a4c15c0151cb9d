import { structs } from '../../spec/index.js'
import type { Memory } from '../memory.js'
import type { Addr, LocalStorageMap } from '../types.js'
import type { NetworkSocket } from './network-host.js'

const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
export const IPPROTO_TCP = 6
const IPPROTO_UDP = 17
export const TCP_CLOSE = 7
export const TCP_LISTEN = 10
const TCP_TIME_WAIT = 6
const TCP_NEW_SYN_RECV = 12

// struct bpf_sock
const BOUND_DEV_IF = 0
const FAMILY = 4
const TYPE = 8
const PROTOCOL = 12
const MARK = 16
const PRIORITY = 20
const SRC_IP4 = 24
const SRC_IP6 = 28
const SRC_PORT = 44
const DST_PORT = 48
const DST_IP4 = 52
const DST_IP6 = 56
const STATE = 72
const RX_QUEUE_MAPPING = 76
/** struct bpf_tcp_sock of the same socket. */
const TCP_INFO = 96
const SIZE = 208
const NO_QUEUE = 0xffff_ffff
const LOOPBACK4_IPV6: readonly number[] = [127, 0, 0, 6]

// Fields of struct __sk_buff that are read through skb->sk.
const SKB_FAMILY = 88
const SKB_REMOTE_IP4 = 92
const SKB_LOCAL_IP4 = 96
const SKB_REMOTE_IP6 = 100
const SKB_LOCAL_IP6 = 116
const SKB_REMOTE_PORT = 132
const SKB_LOCAL_PORT = 136

/** A socket as programs see it: struct bpf_sock in memory, struct bpf_tcp_sock behind it, and what helpers ask. */
export class KernelSocket {
  readonly address: Addr
  readonly #memory: Memory
  /** The host's record; undefined for the anonymous socket of a test run. */
  info: NetworkSocket | undefined
  cookie = 0n
  uid = 0
  cgroupId = 0n
  /** Monotonic ns of the last SYN cookie sent from this listener; negative: none. */
  synOverflow = -1
  /** Storage maps that hold a value of this socket. */
  readonly storages = new Set<LocalStorageMap>()

  constructor(memory: Memory, info: NetworkSocket | undefined) {
    this.#memory = memory
    this.info = info
    this.address = memory.alloc(SIZE)
    if (info === undefined) this.setAnonymous(0, 0)
    else this.#write(info)
  }

  get tcpAddress(): Addr {
    return this.address + TCP_INFO
  }
  get state(): number {
    return this.#memory.u32[(this.address + STATE) >>> 2] as number
  }
  get protocol(): number {
    return this.#memory.u32[(this.address + PROTOCOL) >>> 2] as number
  }
  get family(): number {
    return this.#memory.u32[(this.address + FAMILY) >>> 2] as number
  }
  /** sk_fullsock: not a request or time-wait minisocket. */
  get isFull(): boolean {
    const state = this.state
    return state !== TCP_TIME_WAIT && state !== TCP_NEW_SYN_RECV
  }
  get v6only(): boolean {
    return this.info?.v6only ?? false
  }

  /** The socket of BPF_PROG_TEST_RUN: closed, with the addresses of the IP header at `network` (family 0: none). */
  setAnonymous(family: number, network: Addr): void {
    const { u8, u32, view } = this.#memory
    const at = this.address
    u8.fill(0, at, at + TCP_INFO)
    u32[(at + FAMILY) >>> 2] = family
    u32[(at + STATE) >>> 2] = TCP_CLOSE
    u32[(at + RX_QUEUE_MAPPING) >>> 2] = NO_QUEUE
    this.cookie = 0n
    if (family === AF_INET) {
      u32[(at + SRC_IP4) >>> 2] = view.getUint32(network + 12, true)
      u32[(at + DST_IP4) >>> 2] = view.getUint32(network + 16, true)
    } else if (family === AF_INET6) {
      u8.copyWithin(at + SRC_IP6, network + 8, network + 24)
      u8.copyWithin(at + DST_IP6, network + 24, network + 40)
    }
  }

  /** Writes the fields of struct __sk_buff that show the socket's addresses; they are zero before. */
  copyAddresses(skb: Addr): void {
    const { u8, u32, view } = this.#memory
    const at = this.address
    const family = u32[(at + FAMILY) >>> 2] as number
    if (family === 0) return
    u32[(skb + SKB_FAMILY) >>> 2] = family
    u32[(skb + SKB_REMOTE_IP4) >>> 2] = u32[(at + DST_IP4) >>> 2] as number
    u32[(skb + SKB_LOCAL_IP4) >>> 2] = u32[(at + SRC_IP4) >>> 2] as number
    if (this.info === undefined && family === AF_INET) return
    u8.copyWithin(skb + SKB_REMOTE_IP6, at + DST_IP6, at + DST_IP6 + 16)
    u8.copyWithin(skb + SKB_LOCAL_IP6, at + SRC_IP6, at + SRC_IP6 + 16)
    u32[(skb + SKB_REMOTE_PORT) >>> 2] = view.getUint16(at + DST_PORT, true) << 16
    u32[(skb + SKB_LOCAL_PORT) >>> 2] = u32[(at + SRC_PORT) >>> 2] as number
  }

  /** Drops the storage that programs attached, as freeing the socket does. */
  dropStorages(): void {
    for (const map of this.storages) map.deleteStorage(this.cookie)
    this.storages.clear()
  }

  #write(info: NetworkSocket): void {
    const { u32, u8, view } = this.#memory
    const at = this.address
    const tcp = info.protocol === 'tcp'
    u32[(at + BOUND_DEV_IF) >>> 2] = info.boundIfindex
    u32[(at + FAMILY) >>> 2] = info.family === 4 ? AF_INET : AF_INET6
    u32[(at + TYPE) >>> 2] = tcp ? SOCK_STREAM : SOCK_DGRAM
    u32[(at + PROTOCOL) >>> 2] = tcp ? IPPROTO_TCP : IPPROTO_UDP
    u32[(at + MARK) >>> 2] = info.mark
    u32[(at + PRIORITY) >>> 2] = info.priority
    u8.set(info.localAddress, at + (info.family === 4 ? SRC_IP4 : SRC_IP6))
    u8.set(info.remoteAddress, at + (info.family === 4 ? DST_IP4 : DST_IP6))
    if (info.family === 4 && info.remotePort !== 0) {
      // Linux keeps the IPv4-mapped form of connected sockets beside the IPv4 one.
      writeMapped(u8, at + SRC_IP6, info.localAddress)
      writeMapped(u8, at + DST_IP6, info.remoteAddress)
    }
    if (info.family === 6) {
      // IPv6 addresses are stood in for by 127.0.0.6.
      if (info.localAddress.some((byte) => byte !== 0)) u8.set(LOOPBACK4_IPV6, at + SRC_IP4)
      if (info.remotePort !== 0) u8.set(LOOPBACK4_IPV6, at + DST_IP4)
    }
    u32[(at + SRC_PORT) >>> 2] = info.localPort
    view.setUint16(at + DST_PORT, info.remotePort, false)
    u32[(at + STATE) >>> 2] = info.state
    u32[(at + RX_QUEUE_MAPPING) >>> 2] = NO_QUEUE
    this.cookie = info.cookie
    this.uid = info.uid
    this.cgroupId = info.cgroupId
    const fields = structs.bpf_tcp_sock.fields as Readonly<Record<string, { offset: number; size: number }>>
    for (const [name, value] of Object.entries(info.tcpInfo ?? {})) {
      const field = fields[name]
      if (field === undefined) continue
      if (field.size === 8) view.setBigUint64(at + TCP_INFO + field.offset, BigInt(value), true)
      else u32[(at + TCP_INFO + field.offset) >>> 2] = Number(value)
    }
  }
}

function writeMapped(u8: Uint8Array, at: Addr, address: Uint8Array): void {
  u8.fill(0xff, at + 10, at + 12)
  u8.set(address, at + 12)
}

/** The sockets that programs hold pointers to, by address. */
export class SocketTable {
  readonly #memory: Memory
  readonly #byAddress = new Map<Addr, KernelSocket>()
  readonly #byInfo = new Map<NetworkSocket, KernelSocket>()
  #lastCookie = 0n

  constructor(memory: Memory) {
    this.#memory = memory
  }

  /** The kernel's side of a host's socket. */
  of(info: NetworkSocket): KernelSocket {
    let socket = this.#byInfo.get(info)
    if (socket === undefined) {
      socket = this.#register(new KernelSocket(this.#memory, info))
      this.#byInfo.set(info, socket)
    }
    return socket
  }

  /** A socket of the kind test runs make. */
  anonymous(): KernelSocket {
    return this.#register(new KernelSocket(this.#memory, undefined))
  }

  /** The socket whose struct bpf_sock or bpf_tcp_sock is at `address`. */
  at(address: Addr): KernelSocket | undefined {
    return this.#byAddress.get(address >>> 0)
  }

  /** Frees a socket made by `anonymous`. */
  release(socket: KernelSocket): void {
    socket.dropStorages()
    this.#byAddress.delete(socket.address)
    this.#byAddress.delete(socket.tcpAddress)
    this.#memory.free(socket.address)
  }

  /** sock_gen_cookie: assigned when first asked for. */
  cookie(socket: KernelSocket): bigint {
    if (socket.cookie === 0n) socket.cookie = ++this.#lastCookie
    return socket.cookie
  }

  #register(socket: KernelSocket): KernelSocket {
    this.#byAddress.set(socket.address, socket)
    this.#byAddress.set(socket.tcpAddress, socket)
    return socket
  }
}
