// What the virtual network does that the running kernel here cannot be asked for (VLANs, offload), or that has no system call.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type EmbeddedKernel, embedded, type JourneyStep, type TraceEvent } from '#src/embedded/index.js'
import { type Fd, KernelError } from '#src/kernel/index.js'
import { buildPacket, formatMac, readPackets } from '#src/packet/index.js'
import {
  attachCgroup,
  attachCgroupProg,
  attachLwt,
  attachSocketFilter,
  attachXdp,
  load,
  NetNamespace,
} from '#src/sdk/index.js'
import { fixture, root } from '../support/paths.js'
import { bytesOf } from '../support/virtual-net.js'

const HOOKS = fixture('net/hooks.o')

/** A clock that the test moves. */
function clockOf(start = 1_000_000_000n) {
  const clock = {
    now: start,
    monotonic: () => clock.now,
    boottime: () => clock.now,
    realtime: () => clock.now,
    tai: () => clock.now,
  }
  return clock
}

function lab(options: Parameters<typeof embedded>[0] = {}) {
  const kernel = embedded(options)
  const spaces = new Map<string, NetNamespace>()
  const space = (name: string): NetNamespace => {
    let one = spaces.get(name)
    if (one === undefined) {
      one = NetNamespace.create(kernel)
      one.device('lo').set({ up: true })
      spaces.set(name, one)
    }
    return one
  }
  return {
    kernel,
    space,
    fd: (name: string): Fd => space(name).fd,
    wire(left: string, leftDevice: string, right: string, rightDevice: string, prefix: string, v6: string): void {
      const [a, b] = space(left).createVeth(leftDevice, rightDevice, { peerNetns: space(right) })
      a.addAddress(`${prefix}.1/24`)
      b.addAddress(`${prefix}.2/24`)
      a.addAddress(`${v6}::1/64`)
      b.addAddress(`${v6}::2/64`)
    },
    steps(run: () => void): JourneyStep[] {
      const steps: JourneyStep[] = []
      using _ = kernel.network.watch((step) => void steps.push(step))
      run()
      return steps
    },
    [Symbol.dispose]: () => kernel[Symbol.dispose](),
  }
}

const reasons = (steps: readonly JourneyStep[]): (string | undefined)[] =>
  steps.filter(({ what }) => what === 'drop').map(({ reason }) => reason)

test('ARP, neighbour discovery, echo and forwarding with both families', () => {
  using net = lab()
  const { network } = net.kernel
  net.wire('a', 'a0', 'r', 'r0', '10.1.0', 'fd01')
  net.wire('r', 'r1', 'c', 'c0', '10.2.0', 'fd02')
  for (const [name, to4, to6, via4, via6] of [
    ['a', '10.2.0.0/24', 'fd02::/64', '10.1.0.2', 'fd01::2'],
    ['c', '10.1.0.0/24', 'fd01::/64', '10.2.0.1', 'fd02::1'],
  ] as const) {
    net.space(name).addRoute(to4, { gateway: via4 })
    net.space(name).addRoute(to6, { gateway: via6 })
  }
  const ping = (to: string, ttl?: number) =>
    network.ping({ netns: net.fd('a'), to, ...(ttl === undefined ? {} : { ttl }) })
  assert.equal(ping('10.1.0.2')?.reply, true)
  assert.equal(ping('fd01::2')?.reply, true)
  assert.equal(ping('10.2.0.2'), undefined)
  network.setForwarding(net.fd('r'), true)
  assert.equal(ping('10.2.0.2')?.reply, true)
  assert.equal(ping('fd02::2')?.reply, true)
  const expired = ping('10.2.0.2', 1)
  assert.deepEqual([expired?.type, expired?.code, [...(expired?.from ?? [])]], [11, 0, [10, 1, 0, 2]])
  assert.deepEqual([ping('fd02::2', 1)?.type], [3])
  assert.deepEqual([...(ping('fd02::2', 1)?.from ?? [])], [...bytesOf('fd01::2')])
  assert.throws(
    () => ping('192.0.2.1'),
    (error) => error instanceof KernelError && error.code === 'ENETUNREACH',
  )
  const known = net.kernel.call('rtm_getneighs', { netns: net.fd('a') })
  assert.ok(known.length >= 2 && known.every(({ lladdr }) => lladdr?.length === 6))
})

test('a neighbour that never answers is asked three times, then what waited is dropped', () => {
  const clock = clockOf()
  using net = lab({ clock })
  net.wire('a', 'a0', 'b', 'b0', '10.1.0', 'fd01')
  const asked = net.steps(() => {
    net.kernel.network.sendUdp({ netns: net.fd('a'), to: '10.1.0.77', port: 9 })
    for (let second = 0; second < 5; second++) {
      clock.now += 1_000_000_001n
      net.kernel.call('rtm_getlinks', {})
    }
  })
  assert.equal(
    asked.filter(({ hook, what, device }) => hook === 'arp' && what === 'request' && device === 'a0').length,
    3,
  )
  assert.deepEqual(
    reasons(asked).filter((reason) => reason?.includes('NEIGH')),
    ['SKB_DROP_REASON_NEIGH_FAILED'],
  )
  const [entry] = net.kernel.call('rtm_getneighs', { netns: net.fd('a') }).filter(({ address }) => address[3] === 77)
  assert.equal(entry?.state, 0x20)
})

test('VLAN devices take and give their tag', () => {
  using net = lab()
  net.space('a').createVeth('a0', 'b0', { peerNetns: net.space('b') })
  for (const [name, lower, address] of [
    ['a', 'a0', '10.5.0.1/24'],
    ['b', 'b0', '10.5.0.2/24'],
  ] as const) {
    const netns = net.fd(name)
    const link = net.space(name).device(lower).ifindex
    net.kernel.call('rtm_newlink', { netns, name: 'v5', kind: 'vlan', link, vlan: { id: 5 }, up: true })
    net.space(name).device('v5').addAddress(address)
  }
  const listener = net.kernel.network.sniff({ netns: net.fd('b'), name: 'v5' })
  assert.equal(net.kernel.network.ping({ netns: net.fd('a'), to: '10.5.0.2' })?.reply, true)
  assert.ok(listener.take().length >= 2)
  const port = net.kernel.network.port('p0', { netns: net.fd('b') })
  net.kernel.call('rtm_newlink', {
    netns: net.fd('b'),
    name: 'v9',
    kind: 'vlan',
    link: port.ifindex,
    vlan: { id: 9 },
    up: true,
  })
  net.space('b').device('v9').addAddress('10.9.0.1/24')
  net.kernel.network.sendUdp({ netns: net.fd('b'), to: '10.9.0.255', port: 9 })
  const [sent] = port.take()
  assert.deepEqual([...(sent?.subarray(12, 18) ?? [])], [0x81, 0, 0, 9, 8, 0])
  const info = net.kernel.call('rtm_getlink', { netns: net.fd('b'), name: 'v9' })
  assert.deepEqual(info.vlan, { id: 9, protocol: 0x8100 })
  const refused = (r: object): string => {
    try {
      net.kernel.call('rtm_newlink', { netns: net.fd('b'), name: 'x', kind: 'vlan', ...r })
    } catch (error) {
      return (error as KernelError).detail ?? ''
    }
    return 'made'
  }
  assert.equal(refused({ vlan: { id: 4 } }), 'link not specified')
  assert.equal(refused({ link: port.ifindex, vlan: { id: 9 } }), 'VLAN device already exists')
  assert.equal(refused({ link: port.ifindex, vlan: { id: 4095 } }), 'Invalid VLAN id')
})

test('a device that offloads runs programs made for it, and no others', async () => {
  using net = lab()
  const { kernel } = net
  kernel.call('rtm_newlink', { name: 'sim0', kind: 'netdevsim', up: true })
  const { ifindex } = kernel.call('rtm_getlink', { name: 'sim0' })
  const insns = new Uint8Array(16)
  insns[0] = 0xb7
  insns[4] = 1
  insns[8] = 0x95
  const common = { progType: 6, insns, license: 'GPL' }
  const bound = kernel.call('prog_load', { ...common, progIfindex: ifindex }).fd
  const plain = kernel.call('prog_load', common).fd
  const set = (fd: Fd | -1, flags: number): string => {
    try {
      kernel.call('rtm_setlink', { name: 'sim0', xdp: { fd, flags } })
      return 'ok'
    } catch (error) {
      const { code, detail } = error as KernelError
      return `${code} ${detail ?? ''}`.trim()
    }
  }
  assert.equal(set(bound, 0), 'EINVAL Using offloaded program without HW_MODE flag is not supported')
  assert.equal(set(plain, 8), 'EINVAL xdpoffload of non-bound program')
  assert.equal(set(bound, 8), 'ok')
  assert.equal(kernel.call('rtm_getlink', { name: 'sim0' }).xdp.attached, 3)
  const steps = net.steps(() => kernel.network.inject({ name: 'sim0' }, new Uint8Array(60)))
  assert.deepEqual(
    steps.map(({ hook, mode }) => mode ?? hook),
    ['driver', 'offload', 'xdp'],
  )
  assert.equal(set(-1, 8), 'ok')
  // tc: the device must be told first that it may.
  const cls = kernel.call('prog_load', { progType: 3, insns, license: 'GPL', progIfindex: ifindex }).fd
  kernel.call('rtm_newqdisc', { ifindex, kind: 'clsact', handle: 0xffff_0000, parent: 0xffff_fff1 })
  const filter = (): string => {
    try {
      const request = {
        ifindex,
        parent: 0xffff_fff2,
        progFd: cls,
        name: 'f',
        flags: 1,
        flagsGen: 2,
        mode: 'create',
      } as const
      return `in_hw ${(kernel.call('rtm_newtfilter', request).flagsGen & 4) !== 0}`
    } catch (error) {
      return (error as KernelError).detail ?? ''
    }
  }
  assert.equal(filter(), 'TC offload is disabled on net device')
  kernel.call('ethtool_features', { name: 'sim0', set: { 'hw-tc-offload': true } })
  assert.equal(filter(), 'in_hw true')
  assert.throws(() => kernel.call('prog_load', { ...common, progIfindex: 1 }), /EINVAL/)
})

test('AF_XDP sockets get what an XSKMAP sends them, of their device and queue', async () => {
  using net = lab()
  const { kernel } = net
  const port = kernel.network.port('eth0', { queues: 2 })
  using programs = await load(HOOKS, { kernel, programs: ['x_socket'] })
  const netns = NetNamespace.open(kernel)
  using _ = attachXdp(programs.program('x_socket'), netns.device('eth0'))
  const socket = kernel.network.xsk({ name: 'eth0', queue: 1, size: 2 })
  const value = new Uint8Array(Int32Array.of(socket.fd).buffer)
  const key = (queue: number): Uint8Array => new Uint8Array(Uint32Array.of(queue).buffer)
  kernel.call('map_update_elem', { mapFd: programs.map('sockets').fd, key: key(1), value })
  const frame = Uint8Array.from({ length: 60 }, (_unused, i) => i)
  const steps = net.steps(() => {
    for (let i = 0; i < 3; i++) port.send(frame, 1)
    port.send(frame, 0)
  })
  assert.deepEqual(socket.frames, [frame, frame])
  assert.deepEqual(reasons(steps), ['XDP_REDIRECT_FAILED', 'SKB_DROP_REASON_UNHANDLED_PROTO'])
  assert.match(steps.find(({ what }) => what === 'drop')?.note ?? '', /ENOSPC/)
  netns.close()
})

test('socket filters, packet sockets, TCP that answers', async () => {
  using net = lab()
  const { kernel } = net
  net.wire('a', 'a0', 'b', 'b0', '10.1.0', 'fd01')
  using programs = await load(HOOKS, { kernel, programs: ['s_none', 's_short'] })
  const { network } = kernel
  const udp = network.listen({ netns: net.fd('b'), protocol: 'udp', port: 53 })
  const send = (): void => network.sendUdp({ netns: net.fd('a'), to: '10.1.0.2', port: 53, data: new Uint8Array(30) })
  send()
  assert.deepEqual([udp.packets, udp.take()[0]?.data.length], [1, 30])
  const filter = attachSocketFilter(programs.program('s_none'), udp.fd)
  assert.deepEqual(reasons(net.steps(send)), ['SKB_DROP_REASON_SOCKET_FILTER'])
  assert.deepEqual([udp.packets, udp.drops], [1, 1])
  // The filter of a UDP socket sees the UDP header first.
  assert.equal((programs.map<number, { len: number }>('seen').get(5) ?? { len: 0 }).len, 38)
  filter.detach()
  const sniffer = network.sniff({ netns: net.fd('b'), name: 'b0' })
  attachSocketFilter(programs.program('s_short'), sniffer.fd)
  send()
  assert.equal(sniffer.take()[0]?.data.length, 20)
  const tcp = network.listen({ netns: net.fd('b'), protocol: 'tcp', port: 80 })
  const answers = network.sniff({ netns: net.fd('a'), name: 'a0' })
  const [mine, theirs] = ['a', 'b'].map((name) => formatMac(net.space(name).device(`${name}0`).info().address)) as [
    string,
    string,
  ]
  const segment = (port: number): Uint8Array =>
    buildPacket([
      { kind: 'ethernet', source: mine, destination: theirs },
      { kind: 'ipv4', source: '10.1.0.1', destination: '10.1.0.2' },
      { kind: 'tcp', sourcePort: 4000, destinationPort: port, flags: 'S', sequence: 100 },
    ])
  for (const port of [80, 81]) network.transmit({ netns: net.fd('a'), name: 'a0' }, segment(port))
  // The first one, and what the sender's stack, which knows of no connection, says to the answer.
  assert.equal(tcp.packets, 2)
  const flags = answers
    .take()
    .filter(({ outgoing }) => outgoing !== true)
    .map(({ data }) => data[47])
  assert.deepEqual(flags, [0x12, 0x14])
})

test('programs of cgroups see what their sockets send and get', async () => {
  using net = lab()
  const { kernel } = net
  net.wire('a', 'a0', 'b', 'b0', '10.1.0', 'fd01')
  using programs = await load(HOOKS, { kernel, programs: ['c_deny', 'c_out'] })
  kernel.call('mkdir', { path: '/sys/fs/cgroup/web' })
  assert.deepEqual(kernel.call('readdir', { path: '/sys/fs/cgroup' }), ['web'])
  const { network } = kernel
  const send = (): void => network.sendUdp({ netns: net.fd('a'), to: '10.1.0.2', port: 53 })
  const outside = network.listen({ netns: net.fd('b'), protocol: 'udp', port: 53 })
  network.enterCgroup('/sys/fs/cgroup/web')
  const inside = network.listen({ netns: net.fd('b'), protocol: 'udp', port: 54 })
  const deny = attachCgroup(programs.program('c_deny'), '/sys/fs/cgroup/web')
  assert.equal(deny.kind, 'cgroup')
  assert.equal(deny.info().details.attachType, 0)
  send()
  assert.equal(outside.packets, 1)
  network.sendUdp({ netns: net.fd('a'), to: '10.1.0.2', port: 54 })
  assert.deepEqual([inside.packets, inside.drops], [0, 1])
  const runs = (): number => programs.map<number, { runs: number }>('seen').get(6)?.runs ?? 0
  assert.equal(runs(), 1)
  using out = attachCgroupProg(programs.program('c_out'), '/sys/fs/cgroup')
  send()
  assert.ok(runs() >= 2)
  const fd = kernel.call('open', { path: '/sys/fs/cgroup/web' })
  const query = (queryFlags: number) => kernel.call('prog_query', { targetFd: fd, attachType: 1, queryFlags }).progIds
  assert.deepEqual([query(0), query(1)], [[], [programs.program('c_out').info().id]])
  deny.detach()
  network.sendUdp({ netns: net.fd('a'), to: '10.1.0.2', port: 54 })
  assert.equal(inside.packets, 1)
  assert.throws(() => attachCgroup(programs.program('c_deny'), '/sys/fs/cgroup/none'), /ENOENT/)
  assert.throws(() => attachCgroupProg(programs.program('c_out'), '/sys/fs/cgroup', { mode: 'exclusive' }), /EPERM/)
  out.detach()
  kernel.call('rmdir', { path: '/sys/fs/cgroup/web' })
})

test('programs of routes run where packets leave', async () => {
  using net = lab()
  const { kernel } = net
  net.wire('a', 'a0', 'b', 'b0', '10.1.0', 'fd01')
  using programs = await load(fixture('attach/net.o'), { kernel, programs: ['on_xmit', 'on_out', 'on_in'] })
  const route = attachLwt({
    netns: net.space('a'),
    destination: '10.7.0.0/24',
    device: net.space('a').device('a0'),
    xmit: programs.program('on_xmit'),
    out: programs.program('on_out'),
  } as Parameters<typeof attachLwt>[0])
  kernel.network.sendUdp({ netns: net.fd('a'), to: '10.7.0.1', port: 9 })
  const hits = (key: number): bigint | undefined => programs.map<number, bigint>('hits').get(key)
  assert.deepEqual([hits(18), hits(20)], [1n, 1n])
  route.detach()
  assert.throws(() => kernel.network.sendUdp({ netns: net.fd('a'), to: '10.7.0.1', port: 9 }), /ENETUNREACH/)
})

test('tracepoints of XDP fire with their fields', async () => {
  using net = lab()
  const { kernel } = net
  net.wire('a', 'a0', 'b', 'b0', '10.1.0', 'fd01')
  using programs = await load(HOOKS, { kernel, programs: ['x_aborted', 'x_nowhere', 'x_tx'] })
  const events: TraceEvent[] = []
  using _ = kernel.network.tracepoints({
    names: ['xdp_exception', 'xdp_redirect_err', 'xdp_bulk_tx'],
    fire: (event) => void events.push(event),
  })
  const device = net.space('b').device('b0')
  for (const name of ['x_aborted', 'x_nowhere', 'x_tx']) {
    using attached = attachXdp(programs.program(name), device)
    kernel.network.inject({ netns: net.fd('b'), name: 'b0' }, new Uint8Array(60))
    attached.detach()
  }
  assert.deepEqual(
    events.map(({ name, fields }) => [name, fields.act, fields.ifindex, fields.err]),
    [
      ['xdp_exception', 0, device.ifindex, undefined],
      ['xdp_redirect_err', 'REDIRECT', device.ifindex, -56],
      ['xdp_bulk_tx', 'TX', device.ifindex, -6],
      ['xdp_exception', 3, device.ifindex, undefined],
    ],
  )
})

test('programs that send a packet back and forth, and loops of switches, come to an end', async () => {
  using net = lab()
  const { kernel } = net
  net.wire('a', 'a0', 'b', 'b0', '10.1.0', 'fd01')
  using programs = await load(HOOKS, { kernel, programs: ['x_tx'] })
  for (const name of ['a', 'b']) attachXdp(programs.program('x_tx'), net.space(name).device(`${name}0`))
  const steps = net.steps(() => kernel.network.inject({ netns: net.fd('b'), name: 'b0' }, new Uint8Array(60)))
  assert.deepEqual(reasons(steps), ['SKB_DROP_REASON_RECURSION_LIMIT'])
})

test('devices go with what was attached to them, and maps forget them', async () => {
  using net = lab()
  const { kernel } = net
  net.wire('a', 'a0', 'b', 'b0', '10.1.0', 'fd01')
  {
    using programs = await load(HOOKS, { kernel, programs: ['x_pass', 't_ok', 'x_map'] })
    const at = { netns: net.fd('b'), ifindex: net.space('b').device('b0').ifindex }
    kernel.call('setns', { netns: net.fd('b') })
    const value = new Uint8Array(8)
    value[0] = at.ifindex
    value.fill(0xff, 4)
    kernel.call('map_update_elem', { mapFd: programs.map('devices').fd, key: new Uint8Array(4), value })
    kernel.call('rtm_setlink', { ...at, xdp: { fd: programs.program('x_pass').fd, flags: 0 } })
    kernel.call('rtm_newqdisc', { ...at, kind: 'clsact', handle: 0xffff_0000, parent: 0xffff_fff1 })
    const filter = { ...at, parent: 0xffff_fff2, progFd: programs.program('t_ok').fd, name: 'f', flags: 1 }
    kernel.call('rtm_newtfilter', { ...filter, mode: 'create' })
    kernel.call('rtm_dellink', at)
    const lookup = { mapFd: programs.map('devices').fd, key: new Uint8Array(4) }
    assert.throws(() => kernel.call('map_lookup_elem', lookup), /ENOENT/)
  }
  const left = (next: 'prog_get_next_id' | 'map_get_next_id'): number => {
    try {
      return kernel.call(next, { startId: 0 })
    } catch {
      return 0
    }
  }
  assert.deepEqual([left('prog_get_next_id'), left('map_get_next_id')], [0, 0])
})

test('the same network twice: the same journeys, to the byte', () => {
  const run = (): string => {
    let seed = 7
    const random = { u32: () => (seed = (seed * 1103515245 + 12345) >>> 0) }
    using net = lab({ clock: clockOf(), random })
    net.wire('a', 'a0', 'b', 'b0', '10.1.0', 'fd01')
    const steps = net.steps(() => {
      net.kernel.network.ping({ netns: net.fd('a'), to: '10.1.0.2' })
      net.kernel.network.sendUdp({ netns: net.fd('a'), to: 'fd01::2', port: 9 })
    })
    return JSON.stringify(steps, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
  }
  assert.equal(run(), run())
})

test('a network that was put back from a snapshot goes on: packets, programs, cgroups', async () => {
  using net = lab()
  net.wire('a', 'a0', 'b', 'b0', '10.1.0', 'fd01')
  for (const name of ['a', 'b']) net.kernel.call('netns_bind', { netns: net.fd(name), path: `/run/netns/${name}` })
  {
    using programs = await load(HOOKS, { kernel: net.kernel, programs: ['x_pass', 'c_out'] })
    const link = attachXdp(programs.program('x_pass'), net.space('b').device('b0')).link
    link?.pin('/sys/fs/bpf/link')
    attachCgroupProg(programs.program('c_out'), '/sys/fs/cgroup')
    programs.map('seen').pin('/sys/fs/bpf/seen')
    net.kernel.network.ping({ netns: net.fd('a'), to: '10.1.0.2' })
  }
  using kernel = embedded({ cpus: net.kernel.possibleCpus })
  kernel.restore(net.kernel.snapshot())
  const netns = kernel.call('netns_open', { path: '/run/netns/a' })
  const seen = kernel.call('obj_get', { pathname: '/sys/fs/bpf/seen' })
  const runs = (key: number): number => {
    const value = kernel.call('map_lookup_elem', { mapFd: seen, key: new Uint8Array(Uint32Array.of(key).buffer) })
    return new DataView(value.buffer, value.byteOffset).getUint32(0, true)
  }
  const before = [runs(2), runs(6)]
  assert.ok(before.every((count) => count > 0))
  assert.equal(kernel.network.ping({ netns, to: '10.1.0.2' })?.reply, true)
  assert.ok(runs(2) > (before[0] as number) && runs(6) > (before[1] as number))
})

test('a capture arrives at a port, and what the port sent is a capture again', async () => {
  const capture = new Uint8Array(readFileSync(join(root, 'examples/firewall/traffic.pcap')))
  using kernel = embedded()
  const port = kernel.network.port('eth0', { mac: '02:00:00:00:00:01' })
  using programs = await load(HOOKS, { kernel, programs: ['x_tx'] })
  const netns = NetNamespace.open(kernel)
  attachXdp(programs.program('x_tx'), netns.device('eth0'))
  assert.equal(port.replay(capture), 500)
  const sent = [...readPackets(port.takeCapture())]
  assert.equal(sent.length, 500)
  const [first] = [...readPackets(capture)]
  assert.deepEqual(sent[0]?.data.subarray(0, 6), first?.data.subarray(6, 12))
  assert.deepEqual(kernel.network.stats({ name: 'eth0' }).xdpTx, 500)
  netns.close()
})

test('names of namespaces', () => {
  const kernel: EmbeddedKernel = embedded()
  const netns = kernel.call('netns_create', {})
  kernel.call('netns_bind', { netns, path: '/var/run/netns/blue' })
  kernel.call('close', { fd: netns })
  assert.deepEqual(kernel.call('readdir', { path: '/run/netns' }), ['blue'])
  const again = kernel.call('netns_open', { path: '/run/netns/blue' })
  assert.equal(kernel.call('rtm_getlinks', { netns: again }).length, 1)
  assert.throws(() => kernel.call('netns_bind', { netns: again, path: '/run/netns/blue' }), /EEXIST/)
  kernel.call('netns_unbind', { path: '/run/netns/blue' })
  assert.throws(() => kernel.call('netns_open', { path: '/run/netns/blue' }), /ENOENT/)
  assert.throws(() => kernel.call('netns_unbind', { path: '/run/netns/blue' }), /ENOENT/)
})
