import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { type Fd, KernelError } from '#src/kernel/index.js'
import { loadSys } from '#src/linux/ffi/sys.js'
import { NR } from '#src/linux/syscall-numbers.js'
import {
  attachLwt,
  attachNetfilter,
  attachNetns,
  attachReuseport,
  attachSocketFilter,
  attachSockmap,
  linkSockmap,
  type NetNamespace,
  openPacketSocket,
} from '#src/sdk/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { hits, inside, loadFixture, sendUdp, wire } from '../support/net.js'

const skip = linuxUnavailable()
const fails = (code: string) => (error: unknown) => {
  assert.ok(error instanceof KernelError, String(error))
  assert.equal(error.code, code)
  return true
}
const fdOfSocket = (socket: Socket): number => (socket as unknown as { _handle: { fd: number } })._handle.fd

test('a socket filter counts frames of its namespace until it is taken off', { skip }, async () => {
  using kernel = openLinux()
  using net = wire(kernel)
  using programs = await loadFixture(kernel, 'attach/net.o', 'filter_all')
  using socket = openPacketSocket(kernel, net.right)
  const attached = attachSocketFilter(programs.program('filter_all'), socket)
  sendUdp(net.left, '10.9.0.2', 3)
  const seen = hits(programs, 12)
  assert.ok(seen >= 3)
  attached.detach()
  sendUdp(net.left, '10.9.0.2', 2)
  assert.equal(hits(programs, 12), seen)
})

test('sk_lookup and flow_dissector for a namespace of one’s own', { skip }, async () => {
  using kernel = openLinux()
  using net = wire(kernel)
  using programs = await loadFixture(kernel, 'attach/net.o', 'lookup', 'dissect')
  const lookup = attachNetns(programs.program('lookup'), net.right)
  const second = attachNetns(programs.program('lookup'), net.right)
  assert.equal(lookup.kind, 'netns')
  assert.equal(lookup.info().details.attachType, 36)
  sendUdp(net.left, '10.9.0.2', 2)
  assert.ok(hits(programs, 13) >= 4)
  second.detach()
  lookup.detach()
  using dissect = attachNetns(programs.program('dissect'), net.right)
  assert.throws(() => attachNetns(programs.program('dissect'), net.right), fails('E2BIG'))
  const { progIds } = kernel.call('prog_query', { targetFd: net.right.fd, attachType: 17 })
  assert.deepEqual(progIds, [programs.program('dissect').info().id])
  assert.equal(dissect.info().details.netnsIno, lookupIno(net.right))
})

function lookupIno(netns: NetNamespace): number {
  return Number(/\[(\d+)\]/.exec(inside(netns, 'readlink', '/proc/self/ns/net'))?.[1])
}

test('netfilter links see packets at their hook, one per priority', { skip }, async () => {
  using kernel = openLinux()
  using net = wire(kernel)
  using programs = await loadFixture(kernel, 'attach/net.o', 'nf_accept')
  const program = programs.program('nf_accept')
  const place = { netns: net.right, family: 'ipv4', hook: 'prerouting', priority: -128 } as const
  using link = attachNetfilter(program, place)
  assert.deepEqual(link.info().details, { pf: 2, hooknum: 0, priority: -128, flags: 0 })
  sendUdp(net.left, '10.9.0.2', 2)
  assert.ok(hits(programs, 21) >= 2)
  assert.throws(() => attachNetfilter(program, { ...place, priority: -0x8000_0000 }), fails('ERANGE'))
  link.detach()
  const seen = hits(programs, 21)
  sendUdp(net.left, '10.9.0.2', 2)
  assert.equal(hits(programs, 21), seen)
})

test('light-weight tunnel programs on a route', { skip }, async () => {
  using kernel = openLinux()
  using net = wire(kernel)
  using programs = await loadFixture(kernel, 'attach/net.o', 'on_xmit', 'on_out', 'on_in')
  const route = attachLwt({
    netns: net.left,
    destination: '10.77.0.0/16',
    gateway: '10.9.0.2',
    out: programs.program('on_out'),
    xmit: programs.program('on_xmit'),
    headroom: 14,
  })
  assert.match(inside(net.left, 'ip', 'route'), /10\.77\.0\.0\/16.*encap bpf.*out on_out.*xmit on_xmit/)
  sendUdp(net.left, '10.77.1.1', 2)
  assert.ok(hits(programs, 18) >= 2)
  assert.ok(hits(programs, 20) >= 2)
  // On the other side, for packets that come in to be passed on.
  inside(net.right, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
  const passed = attachLwt({
    netns: net.right,
    destination: '10.88.0.0/16',
    gateway: '10.9.0.1',
    in: programs.program('on_in'),
  })
  inside(net.left, 'ip', 'route', 'add', '10.88.0.0/16', 'via', '10.9.0.2')
  sendUdp(net.left, '10.88.1.1', 2)
  assert.ok(hits(programs, 19) >= 2)
  passed.detach()
  route.detach()
  route.detach()
  assert.doesNotMatch(inside(net.left, 'ip', 'route'), /10\.77/)
})

test('sockets of a sockmap: sk_msg by attachment and sk_skb by link', { skip }, async () => {
  using kernel = openLinux()
  using programs = await loadFixture(kernel, 'attach/net.o', 'message', 'stream', 'filter_all')
  const peers: Socket[] = []
  const server = createServer((peer) => peers.push(peer.resume()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as { port: number }).port, '127.0.0.1')
  await once(client, 'connect')
  try {
    const sockets = programs.map('sockets')
    const message = attachSockmap(programs.program('message'), sockets)
    using stream = linkSockmap(programs.program('stream'), sockets)
    assert.deepEqual(stream.info().details, { mapId: sockets.info().id, attachType: 5 })
    const value = new Uint8Array(new Uint32Array([fdOfSocket(client)]).buffer)
    sockets.setBytes(new Uint8Array(4), value)
    await new Promise<void>((resolve) => client.write('hello', () => resolve()))
    assert.ok(hits(programs, 14) >= 1)
    // The verdict on what comes in: passed on to the socket it was sent to.
    peers[0]?.write('answer')
    assert.equal(String((await once(client, 'data'))[0]), 'answer')
    assert.ok(hits(programs, 15) >= 1)
    // A socket keeps what its map had when it came in; the map itself has no program any more.
    const attachedTo = () => kernel.call('prog_query', { targetFd: sockets.fd, attachType: 7 }).progIds
    assert.deepEqual(attachedTo(), [programs.program('message').info().id])
    message.detach()
    assert.deepEqual(attachedTo(), [])
    const filter = attachSocketFilter(programs.program('filter_all'), fdOfSocket(client))
    filter.detach()
  } finally {
    client.destroy()
    server.close()
  }
})

test('a reuseport program chooses for its group until it is taken off', { skip }, async () => {
  using kernel = openLinux()
  using net = wire(kernel)
  using programs = await loadFixture(kernel, 'attach/net.o', 'reuseport')
  const program = programs.program('reuseport')
  const [AF_INET, SOCK_DGRAM, SOL_SOCKET, SO_REUSEPORT] = [2, 2, 1, 15]
  const member = (): Fd => {
    const fd = kernel.call('socket', { domain: AF_INET, type: SOCK_DGRAM, netns: net.right.fd })
    const value = Uint8Array.of(1, 0, 0, 0)
    kernel.call('setsockopt', { fd, level: SOL_SOCKET, name: SO_REUSEPORT, value })
    return fd
  }
  const [first, second] = [member(), member()]
  const attached = attachReuseport(program, first)
  // Port 9 of every address; the contract has no bind(2).
  const sys = loadSys()
  const address = Uint8Array.of(AF_INET, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
  for (const fd of [first, second]) assert.equal(sys.syscall(NR.bind, fd, sys.address(address), address.length), 0)
  sendUdp(net.left, '10.9.0.2', 3)
  const seen = hits(programs, 16)
  assert.ok(seen >= 3)
  attached.detach()
  sendUdp(net.left, '10.9.0.2', 2)
  assert.equal(hits(programs, 16), seen)
  // A socket outside any group takes none.
  const alone = kernel.call('socket', { domain: AF_INET, type: SOCK_DGRAM })
  assert.throws(() => attachReuseport(program, alone), fails('EINVAL'))
})
