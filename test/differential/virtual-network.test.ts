// The virtual network against Linux: the same namespaces, devices, programs and frames on both, and everything that can
// be seen compared: frames at each device with their bytes, counters, what programs saw, why packets were dropped.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KernelError } from '#src/kernel/index.js'
import { buildPacket } from '#src/packet/index.js'
import {
  attachTcx,
  attachTracepoint,
  attachXdp,
  type Collection,
  type Device,
  load,
  NetNamespace,
} from '#src/sdk/index.js'
import { linuxUnavailable } from '../support/kernels.js'
import { fixture } from '../support/paths.js'
import { embeddedLab, fixedMac, type Lab, linuxLab } from '../support/virtual-net.js'

const skip = linuxUnavailable()

const mac = (name: string): string => [...fixedMac(name)].map((byte) => byte.toString(16).padStart(2, '0')).join(':')

interface Options {
  readonly to?: string
  readonly toMac?: string
  readonly fromMac?: string
  readonly ttl?: number
  readonly length?: number
  readonly vlan?: number
  readonly dontFragment?: boolean
  readonly port?: number
}

/** A UDP datagram from a0 (10.1.0.1), by default to c0 (10.2.0.3) by way of b0. */
function udp(options: Options = {}): Uint8Array {
  const { to = '10.2.0.3', toMac = mac('b0'), fromMac = mac('a0'), ttl = 64, length = 32, vlan } = options
  return buildPacket([
    { kind: 'ethernet', source: fromMac, destination: toMac },
    ...(vlan === undefined ? [] : [{ kind: 'vlan' as const, id: vlan }]),
    { kind: 'ipv4', source: '10.1.0.1', destination: to, ttl, dontFragment: options.dontFragment ?? false },
    { kind: 'udp', sourcePort: 4000, destinationPort: options.port ?? 9 },
    { kind: 'payload', data: Uint8Array.from({ length }, (_, i) => i) },
  ])
}

interface World {
  readonly lab: Lab
  readonly programs: Collection
  device(place: string): Device
  /** Attaches for as long as the lab lives. */
  xdp(name: string, place: string, mode?: 'native' | 'generic'): void
  tc(
    place: string,
    direction: 'ingress' | 'egress',
    ...filters: readonly (string | [name: string, options: object])[]
  ): void
  tcx(place: string, direction: 'ingress' | 'egress', ...names: readonly string[]): void
  target(place: string, flags?: number): void
}

/** Without the identification of IPv4 packets, which Linux draws at random, and the sums over it. */
function withoutIds(line: string): string {
  const at = 2 + 24
  return line.slice(at, at + 4) === '0800' ? `${line.slice(0, 38)}----${line.slice(42, 50)}----${line.slice(54)}` : line
}

type Scenario = (world: World) => void | Promise<void>

const SHARED = 'Linux gives packet sockets the packet itself, whose header the redirect then writes over'

const PLACES = ['a:a0', 'b:b0', 'b:b1', 'c:c0'] as const

/** a:a0 -- b:b0, b forwards, b:b1 -- c:c0. All neighbours are known. */
function build(lab: Lab): void {
  for (const netns of ['a', 'b', 'c']) lab.netns(netns)
  lab.veth('a:a0 b:b0')
  lab.veth('b:b1 c:c0')
  lab.address('a:a0', '10.1.0.1/24')
  lab.address('b:b0', '10.1.0.2/24')
  lab.address('b:b1', '10.2.0.2/24')
  lab.address('c:c0', '10.2.0.3/24')
  lab.neighbour('a:a0', '10.1.0.2', mac('b0'))
  lab.neighbour('b:b0', '10.1.0.1', mac('a0'))
  lab.neighbour('b:b1', '10.2.0.3', mac('c0'))
  lab.neighbour('c:c0', '10.2.0.2', mac('b1'))
  lab.route('a', '10.2.0.0/24', '10.1.0.2')
  lab.route('c', '10.1.0.0/24', '10.2.0.2')
  lab.forwarding('b')
}

interface Except {
  /** Devices whose frames are not compared, with the reason. */
  readonly frames?: Readonly<Record<string, string>>
  /** Compare skb->cb, which is what somebody left there where no program before wrote it. */
  readonly cb?: boolean
}

async function outcome(make: () => Lab | Promise<Lab>, scenario: Scenario, except: Except): Promise<unknown> {
  using lab = await make()
  build(lab)
  using programs = await load(fixture('net/hooks.o'), { kernel: lab.kernel })
  const held: Disposable[] = []
  const device = (place: string): Device => {
    const [netns = '', name = ''] = place.split(':')
    const fd = lab.netns(netns)
    const space = new NetNamespace({ fd, kernel: lab.kernel, close() {} } as never)
    return space.device(name)
  }
  const world: World = {
    lab,
    programs,
    device,
    xdp: (name, place, mode = 'native') => {
      held.push(attachXdp(programs.program(name), device(place), { mode }))
    },
    tc(place, direction, ...filters) {
      const target = device(place)
      const at = { netns: target.netns.fd, ifindex: target.ifindex }
      try {
        lab.kernel.call('rtm_newqdisc', { ...at, kind: 'clsact', handle: 0xffff_0000, parent: 0xffff_fff1 })
      } catch (error) {
        if (!(error instanceof KernelError && error.code === 'EEXIST')) throw error
      }
      filters.forEach((filter, index) => {
        const [name, options] = typeof filter === 'string' ? [filter, {}] : filter
        lab.kernel.call('rtm_newtfilter', {
          ...at,
          parent: direction === 'ingress' ? 0xffff_fff2 : 0xffff_fff3,
          progFd: programs.program(name).fd,
          name,
          flags: 1,
          priority: index + 1,
          mode: 'create',
          ...options,
        })
      })
    },
    tcx: (place, direction, ...names) => {
      for (const name of names) held.push(attachTcx(programs.program(name), device(place), { direction }))
    },
    target(place, flags = 0) {
      const bss = programs.map<number, Record<string, number>>('hooks.bss')
      bss.set(0, { ...bss.get(0), target_ifindex: lab.ifindex(place), redirect_flags: flags })
    },
  }
  for (const place of PLACES) lab.sniff(place)
  for (const netns of ['a', 'b', 'c']) lab.drops(netns)
  await scenario(world)
  lab.settle()
  const notes = programs.map<number, Record<string, number>>('seen')
  const ifindexes = new Map(PLACES.map((place) => [lab.ifindex(place), place.slice(2)]))
  const result = {
    seen: Object.fromEntries(
      PLACES.filter((place) => except.frames?.[place] === undefined).map((place) => [
        place,
        lab.seen(place).map(withoutIds),
      ]),
    ),
    counters: Object.fromEntries(PLACES.map((place) => [place, lab.counters(place)])),
    notes: Array.from({ length: 7 }, (_, key) => notes.get(key)).map((note) => ({
      ...note,
      ...(except.cb === true ? {} : { cb0: 0 }),
      ifindex: ifindexes.get(note?.ifindex ?? 0) ?? note?.ifindex,
      ingress_ifindex: ifindexes.get(note?.ingress_ifindex ?? 0) ?? note?.ingress_ifindex,
    })),
    drops: Object.fromEntries(['a', 'b', 'c'].map((netns) => [netns, lab.drops(netns)])),
  }
  for (const one of held) one[Symbol.dispose]()
  return result
}

function compare(name: string, scenario: Scenario, except: Except = {}): void {
  test(`virtual network: ${name}`, { skip }, async () => {
    const theirs = await outcome(linuxLab, scenario, except)
    const ours = await outcome(embeddedLab, scenario, except)
    assert.deepEqual(ours, theirs)
  })
}

const send =
  (...frames: readonly Uint8Array[]): ((world: World) => void) =>
  ({ lab }) => {
    for (const frame of frames) lab.send('a:a0', frame)
  }

compare('a packet is forwarded, and its port is closed', send(udp()))
compare('a packet for the router itself', send(udp({ to: '10.1.0.2' })))
compare('a packet for somebody else', send(udp({ toMac: '02:00:00:00:99:99' })))
compare('its time to live is over', send(udp({ ttl: 1 })))
compare('no route', send(udp({ to: '172.16.0.1' })))
compare('an unknown protocol', send(new Uint8Array([...fixedMac('b0'), ...fixedMac('a0'), 0x12, 0x34, 1, 2, 3, 4])))
compare('a broken header sum', send(udp().map((byte, index) => (index === 24 ? byte ^ 1 : byte))))
compare('too long for the way on', (world) => {
  world.lab.set('b:b1', { mtu: 600 })
  send(udp({ length: 900, dontFragment: true }), udp({ length: 900 }))(world)
})
compare('XDP sees a long packet in several buffers', (world) => {
  for (const place of PLACES) world.lab.set(place, { mtu: 9000 })
  world.xdp('x_frags', 'b:b0')
  send(udp({ length: 200 }), udp({ length: 5000 }), udp({ length: 8500 }))(world)
})
compare('a VLAN nobody has', send(udp({ vlan: 7 })))
compare('an ARP request', ({ lab }) => {
  const request = buildPacket([
    { kind: 'ethernet', source: mac('a0'), destination: 'ff:ff:ff:ff:ff:ff' },
    {
      kind: 'arp',
      operation: 1,
      senderMac: mac('a0'),
      senderIp: '10.1.0.1',
      targetMac: '00:00:00:00:00:00',
      targetIp: '10.1.0.2',
    },
  ])
  lab.send('a:a0', request)
})

for (const mode of ['native', 'generic'] as const) {
  for (const name of ['x_pass', 'x_drop', 'x_aborted', 'x_unknown', 'x_nowhere', 'x_tx', 'x_meta', 'x_resize']) {
    compare(`${mode} XDP: ${name}`, (world) => {
      // Both ends take frames that drivers hand them.
      world.lab.kernel.call('ethtool_features', { netns: world.lab.netns('a'), name: 'a0', set: { 'rx-gro': true } })
      world.xdp(name, 'b:b0', mode)
      send(udp(), udp({ length: 200 }))(world)
    })
  }
  compare(`${mode} XDP: metadata reaches tc`, (world) => {
    world.xdp('x_meta', 'b:b0', mode)
    world.tc('b:b0', 'ingress', 't_meta')
    send(udp())(world)
  })
  for (const gro of [false, true]) {
    compare(`${mode} XDP: bpf_redirect to a pair whose other end has GRO ${gro ? 'on' : 'off'}`, (world) => {
      world.lab.kernel.call('ethtool_features', { netns: world.lab.netns('c'), name: 'c0', set: { 'rx-gro': gro } })
      world.target('b:b1')
      world.xdp('x_redirect', 'b:b0', mode)
      send(udp(), udp())(world)
    })
    compare(`${mode} XDP: devmap with a program, GRO ${gro ? 'on' : 'off'}`, (world) => {
      const { lab, programs } = world
      lab.kernel.call('ethtool_features', { netns: lab.netns('c'), name: 'c0', set: { 'rx-gro': gro } })
      setDevice(world, 'devices', 1, 'b:b1', 'x_egress')
      void programs
      world.xdp('x_map', 'b:b0', mode)
      send(udp())(world)
    })
  }
  compare(`${mode} XDP: redirect to an XDP program at the other end`, (world) => {
    world.target('b:b1')
    world.xdp('x_redirect', 'b:b0', mode)
    world.xdp('x_drop', 'c:c0')
    send(udp())(world)
  })
  compare(`${mode} XDP: devmap hash, an egress program that drops`, (world) => {
    groOn(world)
    setDevice(world, 'device_hash', 77, 'b:b1', 'x_egress_drop')
    world.xdp('x_hash', 'b:b0', mode)
    send(udp())(world)
  })
  compare(`${mode} XDP: an empty slot of a devmap`, (world) => {
    world.xdp('x_map_empty', 'b:b0', mode)
    send(udp())(world)
  })
  compare(`${mode} XDP: broadcast`, (world) => {
    groOn(world)
    setDevice(world, 'devices', 0, 'b:b0')
    setDevice(world, 'devices', 3, 'b:b1')
    world.xdp('x_broadcast', 'b:b0', mode)
    send(udp())(world)
  })
  compare(`${mode} XDP: broadcast to the others`, (world) => {
    groOn(world)
    setDevice(world, 'devices', 0, 'b:b0')
    setDevice(world, 'devices', 3, 'b:b1', 'x_egress')
    world.xdp('x_broadcast_others', 'b:b0', mode)
    send(udp())(world)
  })
  compare(`${mode} XDP: redirect to a device that is down`, (world) => {
    groOn(world)
    world.target('b:b1')
    world.xdp('x_redirect', 'b:b0', mode)
    world.lab.set('b:b1', { up: false })
    send(udp())(world)
  })
  compare(`${mode} XDP: redirect of a packet that is too long`, (world) => {
    groOn(world)
    world.target('b:b1')
    world.xdp('x_redirect', 'b:b0', mode)
    world.lab.set('b:b1', { mtu: 500 })
    send(udp({ length: 800 }))(world)
  })
  compare(`${mode} XDP: cpumap with a program`, (world) => {
    const { programs } = world
    const value = new Uint8Array(8)
    const view = new DataView(value.buffer)
    view.setUint32(0, 64, true)
    view.setInt32(4, programs.program('x_on_cpu').fd, true)
    const { kernel } = world.lab
    kernel.call('map_update_elem', { mapFd: programs.map('cpus').fd, key: new Uint8Array(4), value })
    world.xdp('x_cpu', 'b:b0', mode)
    send(udp())(world)
  })
  compare(`${mode} XDP: an XSKMAP without sockets`, (world) => {
    world.xdp('x_socket', 'b:b0', mode)
    send(udp())(world)
  })
}

test('tracepoint programs are told of XDP’s exceptions and redirects', { skip }, async () => {
  const told = async (make: () => Lab | Promise<Lab>): Promise<unknown> => {
    using lab = await make()
    build(lab)
    using programs = await load(fixture('net/hooks.o'), { kernel: lab.kernel })
    using tracing = await load(fixture('net/trace_xdp.o'), { kernel: lab.kernel })
    using one = attachTracepoint(tracing.program('on_exception'), undefined, { cookie: 0x1234n })
    using two = attachTracepoint(tracing.program('on_redirect_err'), undefined, { via: 'ioctl' })
    const device = new NetNamespace({ fd: lab.netns('b'), kernel: lab.kernel, close() {} } as never).device('b0')
    const found: unknown[] = [one.kind, two.kind]
    for (const name of ['x_aborted', 'x_unknown', 'x_drop', 'x_nowhere', 'x_redirect', 'x_map']) {
      const program = programs.program(name)
      using _ = attachXdp(program, device, { mode: 'native' })
      lab.send('a:a0', udp())
      lab.settle()
      const event = tracing.map<number, Record<string, number | bigint>>('told').get(program.info().id)
      found.push([name, event && { ...event, ifindex: event.ifindex === device.ifindex }])
    }
    one.detach()
    two.detach()
    return found
  }
  assert.deepEqual(await told(embeddedLab), await told(linuxLab))
})

function groOn({ lab }: World): void {
  for (const [netns, name] of [
    ['a', 'a0'],
    ['b', 'b0'],
    ['b', 'b1'],
    ['c', 'c0'],
  ] as const) {
    lab.kernel.call('ethtool_features', { netns: lab.netns(netns), name, set: { 'rx-gro': true } })
  }
}

/** Devices are looked up in the namespace of whoever updates the map. */
function setDevice(world: World, map: string, key: number, place: string, program?: string): void {
  const { lab, programs } = world
  const { kernel } = lab
  const value = new Uint8Array(8)
  const view = new DataView(value.buffer)
  view.setUint32(0, lab.ifindex(place), true)
  view.setInt32(4, program === undefined ? -1 : programs.program(program).fd, true)
  const update = (): void =>
    kernel.call('map_update_elem', {
      mapFd: programs.map(map).fd,
      key: new Uint8Array(Uint32Array.of(key).buffer),
      value,
    })
  lab.within(place.split(':')[0] as string, update)
}

for (const name of [
  't_ok',
  't_reclassify',
  't_shot',
  't_pipe',
  't_stolen',
  't_queued',
  't_unspec',
  't_trap',
  't_unknown',
]) {
  compare(`clsact ingress: ${name}`, (world) => {
    world.tc('b:b0', 'ingress', name)
    send(udp())(world)
  })
  compare(`clsact egress: ${name}`, (world) => {
    world.tc('b:b1', 'egress', name)
    send(udp())(world)
  })
  compare(`tcx ingress: ${name}`, (world) => {
    world.tcx('b:b0', 'ingress', name)
    send(udp())(world)
  })
}
compare('tc: classid becomes tc_index, marks travel', (world) => {
  world.tc('b:b0', 'ingress', 't_classid')
  world.tc('b:b1', 'egress', 't_unspec')
  send(udp())(world)
})
compare('tc: the classid of a filter', (world) => {
  world.tc('b:b0', 'ingress', ['t_unspec', { flags: 0, classid: 0x0001_0009 }])
  world.tc('b:b1', 'egress', 't_unspec')
  send(udp())(world)
})
compare(
  'tc: programs go on to the next and share cb',
  (world) => {
    world.tc('b:b0', 'ingress', 't_next', 't_next', 't_ok', 't_shot')
    send(udp())(world)
  },
  { cb: true },
)
compare(
  'tc: tcx runs first, and may leave it to clsact',
  (world) => {
    world.tcx('b:b0', 'ingress', 't_next', 't_unspec')
    world.tc('b:b0', 'ingress', 't_shot')
    send(udp())(world)
  },
  { cb: true },
)
compare('tc: tcx decides, clsact is not asked', (world) => {
  world.tcx('b:b0', 'ingress', 't_ok')
  world.tc('b:b0', 'ingress', 't_shot')
  send(udp())(world)
})
compare('tc: filters are for one protocol', (world) => {
  world.tc('b:b0', 'ingress', ['t_shot', { protocol: 0x86dd }], ['t_ok', { protocol: 0x0800 }])
  send(udp())(world)
})
compare('tc: bpf_redirect out of another device', (world) => {
  world.target('b:b1')
  world.tc('b:b0', 'ingress', 't_redirect')
  world.tc('b:b1', 'egress', 't_unspec')
  send(udp())(world)
})
compare('tc: bpf_redirect into another device', (world) => {
  world.target('b:b1', 1)
  world.tc('b:b0', 'ingress', 't_redirect')
  world.tc('b:b1', 'ingress', 't_unspec')
  send(udp({ toMac: mac('b1'), to: '10.2.0.2' }))(world)
})
compare('tc: bpf_redirect to nowhere', (world) => {
  world.tc('b:b0', 'ingress', 't_redirect')
  send(udp())(world)
})
compare('tc: bpf_redirect to a device that is down', (world) => {
  world.target('b:b1')
  world.tc('b:b0', 'ingress', 't_redirect')
  world.lab.set('b:b1', { up: false })
  send(udp())(world)
})
compare('tc: bpf_redirect_peer', (world) => {
  world.target('b:b1')
  world.tc('b:b0', 'ingress', 't_peer')
  send(udp({ toMac: mac('c0') }))(world)
})
compare('tc: bpf_redirect_peer at egress', (world) => {
  world.target('b:b1')
  world.tc('b:b1', 'egress', 't_peer')
  send(udp())(world)
})
compare(
  'tc: bpf_redirect_neigh',
  (world) => {
    world.target('b:b1')
    world.tc('b:b0', 'ingress', 't_neigh')
    send(udp())(world)
  },
  { frames: { 'a:a0': SHARED, 'b:b0': SHARED } },
)
compare('tc: bpf_clone_redirect', (world) => {
  world.target('b:b1')
  world.tc('b:b0', 'ingress', 't_clone')
  send(udp({ to: '10.1.0.2' }))(world)
})
compare('tc: bpf_clone_redirect into a device', (world) => {
  world.target('b:b1', 1)
  world.tc('b:b0', 'ingress', 't_clone')
  send(udp({ to: '10.1.0.2' }))(world)
})
compare('tc: a VLAN tag is pushed', (world) => {
  world.tc('b:b1', 'egress', 't_vlan')
  send(udp())(world)
})
compare('a tagged packet at tc', (world) => {
  world.tc('b:b0', 'ingress', 't_unspec')
  send(udp({ vlan: 3 }))(world)
})
compare('a bridge floods, learns and forwards', ({ lab }) => {
  lab.netns('d')
  lab.veth('d:d0 b:b2')
  lab.bridge('b:br')
  lab.set('b:br', { up: true })
  for (const port of ['b:b0', 'b:b1', 'b:b2']) lab.set(port, { master: lab.ifindex('b:br') })
  lab.send('a:a0', udp({ toMac: mac('c0'), to: '10.2.0.9' }))
  lab.settle()
  lab.send('c:c0', udp({ toMac: mac('a0'), fromMac: mac('c0'), to: '10.2.0.9' }))
  lab.settle()
  lab.send('a:a0', udp({ toMac: mac('c0'), to: '10.2.0.9' }))
})
