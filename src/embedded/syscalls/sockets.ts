import { type Fd, KernelError, type Request } from '../../kernel/index.js'
import type { Socket } from '../../netdev/index.js'
import { bpf_prog_type } from '../../spec/index.js'
import type { Session } from '../session.js'
import type { SocketFile } from '../state/descriptors.js'
import type { ProgObject } from '../state/objects.js'
import type { World } from '../world.js'

const AF_INET = 2
const AF_INET6 = 10
const AF_PACKET = 17
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_RAW = 3
const SOL_SOCKET = 1
const SO_MARK = 36
const SO_PRIORITY = 12
const SO_BINDTODEVICE = 25
const SO_ATTACH_BPF = 50
const SO_DETACH_BPF = 27
const TYPE_MASK = 0xf

let lastCookie = 0n

/** A socket that is bound to nothing yet. */
export function newSocket(protocol: Socket['protocol'], family: 4 | 6, etherType = 0): Socket {
  const size = family === 4 ? 4 : 16
  lastCookie++
  return {
    protocol,
    family,
    localAddress: new Uint8Array(size),
    localPort: 0,
    remoteAddress: new Uint8Array(size),
    remotePort: 0,
    state: 7,
    boundIfindex: 0,
    mark: 0,
    priority: 0,
    uid: 0,
    cookie: lastCookie,
    cgroupId: 1n,
    v6only: false,
    filter: undefined,
    etherType,
    received: [],
    packets: 0,
    bytes: 0,
    drops: 0,
  }
}

/** socket(2): UDP, TCP and packet sockets. */
export function socket(session: Session, r: Request<'socket'>): Fd {
  const netns = session.netnsOf(r.netns, 'socket')
  const type = r.type & TYPE_MASK
  const protocol = r.protocol ?? 0
  let made: Socket
  if (r.domain === AF_PACKET) {
    if (type !== SOCK_RAW && type !== SOCK_DGRAM) throw new KernelError('ESOCKTNOSUPPORT', 'socket')
    // In network order.
    made = newSocket('packet', 4, ((protocol & 0xff) << 8) | (protocol >> 8))
    session.world.network.packetSockets++
  } else if (r.domain === AF_INET || r.domain === AF_INET6) {
    if (type !== SOCK_STREAM && type !== SOCK_DGRAM) throw new KernelError('ESOCKTNOSUPPORT', 'socket')
    made = newSocket(type === SOCK_STREAM ? 'tcp' : 'udp', r.domain === AF_INET ? 4 : 6)
  } else throw new KernelError('EAFNOSUPPORT', 'socket')
  made.cgroupId = session.cgroupId
  netns.sockets.push(made)
  return openSocket(session, netns, made)
}

export function openSocket(session: Session, netns: SocketFile['netns'], made: Socket): Fd {
  netns.references++
  const object: SocketFile = { kind: 'socket', netns, socket: made, references: 1 }
  return session.descriptors.add({ object, readable: true, writable: true })
}

/** The last descriptor of a socket goes, and the socket with it. */
export function closeSocket(world: World, file: SocketFile): void {
  file.references--
  if (file.references > 0) return
  const { netns, socket: gone } = file
  const at = netns.sockets.indexOf(gone)
  if (at >= 0) netns.sockets.splice(at, 1)
  if (gone.protocol === 'packet') world.network.packetSockets--
  if (gone.filter !== undefined) world.put(gone.filter as ProgObject)
  world.network.putNamespace(netns)
}

/** setsockopt(2): filters, mark, priority, device. */
export function setsockopt(session: Session, r: Request<'setsockopt'>): void {
  const syscall = 'setsockopt'
  const { object } = session.descriptors.file(r.fd, syscall)
  if (object.kind !== 'socket') throw new KernelError('ENOTSOCK', syscall)
  const { world } = session
  const { socket: target } = object
  if (r.level !== SOL_SOCKET) throw new KernelError('ENOPROTOOPT', syscall)
  const number = r.value.length < 4 ? 0 : new DataView(r.value.buffer, r.value.byteOffset).getInt32(0, true)
  switch (r.name) {
    case SO_ATTACH_BPF: {
      const program = session.prog(number, syscall)
      if (program.type !== bpf_prog_type.BPF_PROG_TYPE_SOCKET_FILTER) throw new KernelError('EINVAL', syscall)
      if (target.filter !== undefined) world.put(target.filter as ProgObject)
      target.filter = world.get(program)
      return
    }
    case SO_DETACH_BPF:
      if (target.filter === undefined) throw new KernelError('ENOENT', syscall)
      world.put(target.filter as ProgObject)
      target.filter = undefined
      return
    case SO_MARK:
      target.mark = number >>> 0
      return
    case SO_PRIORITY:
      target.priority = number >>> 0
      return
    case SO_BINDTODEVICE: {
      const end = r.value.indexOf(0)
      const name = new TextDecoder().decode(end < 0 ? r.value : r.value.subarray(0, end))
      const device = name === '' ? undefined : object.netns.byName(name)
      if (name !== '' && device === undefined) throw new KernelError('ENODEV', syscall)
      target.boundIfindex = device?.ifindex ?? 0
      return
    }
    default:
      throw new KernelError('ENOPROTOOPT', syscall, { hint: 'sockets of the embedded kernel know few options' })
  }
}
