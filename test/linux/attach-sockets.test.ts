import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { KernelError } from '#src/kernel/index.js'
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
  route.detach()
  route.detach()
  assert.doesNotMatch(inside(net.left, 'ip', 'route'), /10\.77/)
})

test('sockets of a sockmap: sk_msg by attachment and sk_skb by link; reuseport', { skip }, async () => {
  using kernel = openLinux()
  using programs = await loadFixture(kernel, 'attach/net.o', 'message', 'stream', 'reuseport', 'filter_all')
  const server = createServer((peer) => peer.resume())
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
    // A socket keeps what its map had when it came in; the map itself has no program any more.
    const attachedTo = () => kernel.call('prog_query', { targetFd: sockets.fd, attachType: 7 }).progIds
    assert.deepEqual(attachedTo(), [programs.program('message').info().id])
    message.detach()
    assert.deepEqual(attachedTo(), [])
    assert.throws(() => attachReuseport(programs.program('reuseport'), fdOfSocket(client)), fails('EINVAL'))
    const filter = attachSocketFilter(programs.program('filter_all'), fdOfSocket(client))
    filter.detach()
  } finally {
    client.destroy()
    server.close()
  }
})
