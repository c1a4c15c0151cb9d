import assert from 'node:assert/strict'
import { errorCode, type Fd, type Kernel, KernelError, type NetDevice } from '#src/kernel/index.js'
import { bpf_attach_type, bpf_prog_type as P, xdp_flags as X } from '#src/spec/index.js'
import { type Cases, refused } from './suite.js'

/** r0 = value; exit */
function returning(value: number): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, 0xb7)
  view.setInt32(4, value, true)
  view.setUint8(8, 0x95)
  return bytes
}

function program(kernel: Kernel, progType: number, value: number, more = {}): Fd {
  return kernel.call('prog_load', {
    progType,
    insns: returning(value),
    license: 'GPL',
    progName: `net_${value & 15}`,
    ...more,
  }).fd
}

function idOf(kernel: Kernel, fd: Fd): number {
  return kernel.call('obj_get_info_by_fd', { fd }).id
}

/** A namespace with a pair of veths, v0 and v1. */
function pair(kernel: Kernel, up = true): { netns: Fd; v0: NetDevice; v1: NetDevice } {
  const netns = kernel.call('netns_create', {})
  kernel.call('rtm_newlink', { netns, name: 'v0', kind: 'veth', peer: { name: 'v1' } })
  if (up) for (const name of ['v0', 'v1']) kernel.call('rtm_setlink', { netns, name, up: true })
  const at = (name: string): NetDevice => kernel.call('rtm_getlink', { netns, name })
  return { netns, v0: at('v0'), v1: at('v1') }
}

function detailOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof KernelError, String(error))
    return `${error.code} ${error.detail ?? ''}`.trim()
  }
  return 'ok'
}

const flagNames = (device: NetDevice): string =>
  [
    [1, 'UP'],
    [2, 'BROADCAST'],
    [8, 'LOOPBACK'],
    [0x40, 'RUNNING'],
    [0x1000, 'MULTICAST'],
    [0x10000, 'LOWER_UP'],
  ]
    .filter(([bit]) => (device.flags & (bit as number)) !== 0)
    .map(([, name]) => name)
    .join(' ')

export const networkCases: Cases = {
  'a new namespace has a loopback device that is down'(kernel) {
    const netns = kernel.call('netns_create', {})
    const [lo, ...more] = kernel.call('rtm_getlinks', { netns }).filter(({ kind }) => kind === undefined)
    assert.equal(more.length, 0)
    assert.equal(lo?.name, 'lo')
    assert.equal(lo?.ifindex, 1)
    assert.equal(lo?.mtu, 65536)
    assert.equal(flagNames(lo as NetDevice), 'LOOPBACK')
    kernel.call('rtm_setlink', { netns, ifindex: 1, up: true })
    const up = kernel.call('rtm_getlink', { netns, ifindex: 1 })
    assert.equal(flagNames(up), 'UP LOOPBACK RUNNING LOWER_UP')
    assert.equal(up.operstate, 0)
    const addresses = kernel
      .call('rtm_getaddrs', { netns })
      .map(({ address, prefix, scope }) => [address.length, prefix, scope])
    assert.deepEqual(addresses, [
      [4, 8, 254],
      [16, 128, 254],
    ])
  },

  'veth pairs: numbers, links, states'(kernel) {
    const { netns, v0, v1 } = pair(kernel, false)
    assert.ok(v0.ifindex > v1.ifindex)
    assert.equal(v0.kind, 'veth')
    assert.equal(v0.link, v1.ifindex)
    assert.equal(v1.link, v0.ifindex)
    assert.equal(v0.mtu, 1500)
    assert.equal(v0.type, 1)
    assert.equal(v0.operstate, 2)
    assert.equal(flagNames(v0), 'BROADCAST MULTICAST')
    assert.equal((v0.address[0] as number) & 3, 2)
    kernel.call('rtm_setlink', { netns, name: 'v0', up: true })
    const half = kernel.call('rtm_getlink', { netns, name: 'v0' })
    assert.equal(flagNames(half), 'UP BROADCAST MULTICAST')
    assert.equal(half.operstate, 3)
    kernel.call('rtm_setlink', { netns, name: 'v1', up: true })
    const whole = kernel.call('rtm_getlink', { netns, name: 'v0' })
    assert.equal(flagNames(whole), 'UP BROADCAST RUNNING MULTICAST LOWER_UP')
    assert.equal(whole.qdisc, 'noqueue')
    kernel.call('rtm_dellink', { netns, name: 'v0' })
    assert.throws(() => kernel.call('rtm_getlink', { netns, name: 'v1' }), refused('ENODEV'))
  },

  'devices: what is refused, and with what text'(kernel) {
    const { netns, v0 } = pair(kernel)
    const link = (r: object): string => detailOf(() => kernel.call('rtm_newlink', { netns, ...r } as never))
    assert.equal(link({ name: 'x', kind: 'nonsense' }).split(' ')[0], 'EOPNOTSUPP')
    assert.equal(link({ name: 'v0', kind: 'bridge' }), 'EEXIST')
    assert.equal(link({ name: 'x/y', kind: 'bridge' }), 'EINVAL')
    const set = (r: object): string => detailOf(() => kernel.call('rtm_setlink', { netns, name: 'v0', ...r }))
    assert.equal(set({ mtu: 10 }), 'EINVAL mtu less than device minimum')
    assert.equal(set({ mtu: 100_000 }), 'EINVAL mtu greater than device maximum')
    assert.equal(set({ newName: 'v1' }), 'EEXIST')
    assert.equal(set({ master: v0.ifindex }).split(' ')[0], 'EOPNOTSUPP')
    assert.equal(set({ mtu: 2000 }), 'ok')
    assert.equal(kernel.call('rtm_getlink', { netns, name: 'v0' }).mtu, 2000)
    assert.equal(
      detailOf(() => kernel.call('rtm_dellink', { netns, name: 'lo' })),
      'EOPNOTSUPP',
    )
  },

  'bridges take ports'(kernel) {
    const { netns } = pair(kernel)
    kernel.call('rtm_newlink', { netns, name: 'br0', kind: 'bridge' })
    const bridge = kernel.call('rtm_getlink', { netns, name: 'br0' })
    kernel.call('rtm_setlink', { netns, name: 'v0', master: bridge.ifindex })
    assert.equal(kernel.call('rtm_getlink', { netns, name: 'v0' }).master, bridge.ifindex)
    kernel.call('rtm_setlink', { netns, name: 'v0', master: 0 })
    assert.equal(kernel.call('rtm_getlink', { netns, name: 'v0' }).master, undefined)
    kernel.call('rtm_dellink', { netns, name: 'br0' })
  },

  'a device moves to another namespace'(kernel) {
    const { netns, v1 } = pair(kernel)
    const other = kernel.call('netns_create', {})
    kernel.call('rtm_setlink', { netns, name: 'v1', targetNetns: other })
    assert.throws(() => kernel.call('rtm_getlink', { netns, name: 'v1' }), refused('ENODEV'))
    const moved = kernel.call('rtm_getlink', { netns: other, name: 'v1' })
    assert.equal(moved.ifindex, v1.ifindex)
    assert.equal(moved.flags & 1, 0)
    assert.notEqual(moved.linkNetnsId, undefined)
    assert.throws(() => kernel.call('rtm_setlink', { netns, name: 'lo', targetNetns: other }), refused('EINVAL'))
  },

  'namespaces are closed with their devices'(kernel) {
    const { netns } = pair(kernel)
    const other = kernel.call('netns_create', {})
    kernel.call('rtm_setlink', { netns, name: 'v1', targetNetns: other })
    kernel.call('close', { fd: other })
    // Linux takes them apart a little later.
    for (let wait = 0; wait < 100; wait++) {
      try {
        kernel.call('rtm_getlink', { netns, name: 'v0' })
      } catch (error) {
        assert.equal(errorCode(error), 'ENODEV')
        return
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
    }
    assert.fail('the other end is still there')
  },

  'addresses bring routes, and take them along'(kernel) {
    const { netns, v0 } = pair(kernel)
    const address = Uint8Array.of(10, 3, 0, 1)
    const add = { netns, ifindex: v0.ifindex, address, prefix: 24 }
    kernel.call('rtm_newaddr', add)
    assert.equal(detailOf(() => kernel.call('rtm_newaddr', add)).split(' ')[0], 'EEXIST')
    const routes = (): unknown[] =>
      kernel
        .call('rtm_getroutes', { netns, family: 2 })
        .map((r) => [[...r.destination].join('.'), r.prefix, r.table, r.type, r.scope, r.protocol])
        .sort()
    assert.deepEqual(routes(), [
      ['10.3.0.0', 24, 254, 1, 253, 2],
      ['10.3.0.1', 32, 255, 2, 254, 2],
      ['10.3.0.255', 32, 255, 3, 253, 2],
    ])
    kernel.call('rtm_deladdr', add)
    assert.deepEqual(routes(), [])
    assert.equal(detailOf(() => kernel.call('rtm_deladdr', add)).split(' ')[0], 'EADDRNOTAVAIL')
    // A device that is down has its address, and only the local route.
    kernel.call('rtm_newaddr', add)
    kernel.call('rtm_setlink', { netns, name: 'v0', up: false })
    assert.deepEqual(routes().length, 1)
    kernel.call('rtm_setlink', { netns, name: 'v0', up: true })
    assert.deepEqual(routes().length, 3)
  },

  'routes: gateways, metrics, what is refused'(kernel) {
    const { netns, v0 } = pair(kernel)
    kernel.call('rtm_newaddr', { netns, ifindex: v0.ifindex, address: Uint8Array.of(10, 3, 0, 1), prefix: 24 })
    const destination = Uint8Array.of(192, 0, 2, 0)
    const route = (r: object): string =>
      detailOf(() => kernel.call('rtm_newroute', { netns, destination, prefix: 24, ...r }))
    assert.equal(route({ gateway: Uint8Array.of(10, 3, 0, 2) }), 'ok')
    assert.equal(route({ gateway: Uint8Array.of(10, 3, 0, 3) }), 'EEXIST')
    assert.equal(route({ gateway: Uint8Array.of(10, 3, 0, 3), metric: 10 }), 'ok')
    assert.equal(route({ gateway: Uint8Array.of(10, 9, 0, 3), metric: 11 }), 'ENETUNREACH Nexthop has invalid gateway')
    assert.equal(route({ prefix: 16, destination: Uint8Array.of(192, 0, 2, 0) }).split(' ')[0], 'EINVAL')
    assert.equal(route({ ifindex: 9999, metric: 12 }).split(' ')[0], 'ENODEV')
    assert.equal(route({ type: 6, metric: 13 }), 'ok')
    const found = kernel
      .call('rtm_getroutes', { netns, family: 2 })
      .filter((one) => one.destination[0] === 192)
      .map(({ metric, type, ifindex }) => ({ metric, type, ifindex }))
      .sort((a, b) => a.metric - b.metric)
    assert.deepEqual(found, [
      { metric: 0, type: 1, ifindex: v0.ifindex },
      { metric: 10, type: 1, ifindex: v0.ifindex },
      { metric: 13, type: 6, ifindex: undefined },
    ])
    kernel.call('rtm_delroute', { netns, destination, prefix: 24, metric: 10 })
    const gone = { netns, destination, prefix: 24, metric: 10 }
    assert.equal(
      detailOf(() => kernel.call('rtm_delroute', gone)),
      'ESRCH',
    )
  },

  neighbours(kernel) {
    const { netns, v0 } = pair(kernel)
    const address = Uint8Array.of(10, 3, 0, 9)
    const lladdr = Uint8Array.of(2, 0, 0, 0, 0, 9)
    kernel.call('rtm_newneigh', { netns, ifindex: v0.ifindex, address, lladdr })
    const [one] = kernel.call('rtm_getneighs', { netns, ifindex: v0.ifindex }).filter((n) => n.address.length === 4)
    assert.deepEqual(
      { ...one, lladdr: [...(one?.lladdr ?? [])] },
      {
        ifindex: v0.ifindex,
        address,
        lladdr: [...lladdr],
        state: 0x80,
      },
    )
    kernel.call('rtm_delneigh', { netns, ifindex: v0.ifindex, address })
    assert.throws(() => kernel.call('rtm_delneigh', { netns, ifindex: v0.ifindex, address }), refused('ENOENT'))
  },

  'XDP by netlink: modes, flags, texts'(kernel) {
    const { netns, v0 } = pair(kernel)
    const [one, two] = [program(kernel, P.BPF_PROG_TYPE_XDP, 2), program(kernel, P.BPF_PROG_TYPE_XDP, 1)]
    const other = program(kernel, P.BPF_PROG_TYPE_SCHED_CLS, 0)
    const set = (fd: Fd | -1, flags = 0, expectedFd?: Fd | -1, name = 'v0'): string =>
      detailOf(() =>
        kernel.call('rtm_setlink', {
          netns,
          name,
          xdp: { fd, flags, ...(expectedFd === undefined ? {} : { expectedFd }) },
        }),
      )
    const state = () => kernel.call('rtm_getlink', { netns, ifindex: v0.ifindex }).xdp
    assert.equal(set(one), 'ok')
    assert.deepEqual(state(), {
      attached: 1,
      progId: idOf(kernel, one),
      drvProgId: idOf(kernel, one),
      skbProgId: 0,
      hwProgId: 0,
    })
    assert.equal(set(two, X.XDP_FLAGS_UPDATE_IF_NOEXIST), 'EBUSY XDP program already attached')
    assert.equal(set(two, X.XDP_FLAGS_SKB_MODE), "EEXIST Native and generic XDP can't be active at the same time")
    assert.equal(set(two, X.XDP_FLAGS_REPLACE, two), 'EEXIST Active program does not match expected')
    assert.equal(set(two, X.XDP_FLAGS_REPLACE, one), 'ok')
    assert.equal(state().progId, idOf(kernel, two))
    assert.equal(set(two, 0, one), 'ok')
    assert.equal(set(one, X.XDP_FLAGS_SKB_MODE | X.XDP_FLAGS_DRV_MODE).split(' ')[0], 'EINVAL')
    assert.equal(set(one, 1 << 10).split(' ')[0], 'EINVAL')
    assert.equal(set(other).split(' ')[0], 'EINVAL')
    assert.equal(set(-1, X.XDP_FLAGS_SKB_MODE), 'ok')
    assert.equal(state().attached, 1)
    assert.equal(set(-1), 'ok')
    assert.equal(state().attached, 0)
    assert.equal(set(one, X.XDP_FLAGS_SKB_MODE), 'ok')
    assert.equal(state().attached, 2)
    assert.equal(set(two, X.XDP_FLAGS_DRV_MODE), "EEXIST Native and generic XDP can't be active at the same time")
    assert.equal(set(-1), 'ok')
    assert.equal(state().attached, 2)
    assert.equal(set(-1, X.XDP_FLAGS_SKB_MODE), 'ok')
    assert.equal(
      set(one, X.XDP_FLAGS_DRV_MODE, undefined, 'lo'),
      'EOPNOTSUPP Underlying driver does not support XDP in native mode',
    )
    assert.equal(set(one, X.XDP_FLAGS_HW_MODE, undefined, 'v0'), 'EINVAL')
    assert.equal(set(one, 0, undefined, 'lo'), 'ok')
    assert.equal(kernel.call('rtm_getlink', { netns, name: 'lo' }).xdp.attached, 2)
    const devmap = program(kernel, P.BPF_PROG_TYPE_XDP, 2, { expectedAttachType: bpf_attach_type.BPF_XDP_DEVMAP })
    assert.equal(set(devmap), 'EINVAL BPF_XDP_DEVMAP programs can not be attached to a device')
    const cpumap = program(kernel, P.BPF_PROG_TYPE_XDP, 2, { expectedAttachType: bpf_attach_type.BPF_XDP_CPUMAP })
    assert.equal(set(cpumap), 'EINVAL BPF_XDP_CPUMAP programs can not be attached to a device')
  },

  'XDP and the MTU of the other end of a veth pair'(kernel) {
    const { netns } = pair(kernel)
    const plain = program(kernel, P.BPF_PROG_TYPE_XDP, 2)
    const frags = program(kernel, P.BPF_PROG_TYPE_XDP, 2, { progFlags: 1 << 5 })
    const mtu = (name: string, value: number): string =>
      detailOf(() => kernel.call('rtm_setlink', { netns, name, mtu: value }))
    const set = (fd: Fd | -1): string =>
      detailOf(() => kernel.call('rtm_setlink', { netns, name: 'v0', xdp: { fd, flags: 4 } }))
    assert.equal(mtu('v1', 9000), 'ok')
    assert.equal(set(plain), 'ERANGE veth: Peer MTU is too large to set XDP')
    assert.equal(set(frags), 'ok')
    assert.equal(set(-1), 'ok')
    assert.equal(mtu('v1', 3506), 'ok')
    assert.equal(set(plain), 'ok')
    assert.equal(mtu('v1', 3507), 'EINVAL mtu greater than device maximum')
    assert.equal(mtu('v0', 9000), 'ok')
    assert.equal(set(-1), 'ok')
    assert.equal(mtu('v1', 3507), 'ok')
    assert.equal(set(plain), 'ERANGE veth: Peer MTU is too large to set XDP')
  },

  'XDP links hold their place, are updated and come off'(kernel) {
    const { netns, v0 } = pair(kernel)
    const [one, two] = [program(kernel, P.BPF_PROG_TYPE_XDP, 2), program(kernel, P.BPF_PROG_TYPE_XDP, 1)]
    const place = { netns, targetIfindex: v0.ifindex, attachType: bpf_attach_type.BPF_XDP }
    const state = () => kernel.call('rtm_getlink', { netns, ifindex: v0.ifindex }).xdp
    assert.throws(() => kernel.call('link_create', { ...place, targetIfindex: 4321, progFd: one }), refused('EINVAL'))
    assert.throws(
      () => kernel.call('link_create', { ...place, progFd: one, flags: X.XDP_FLAGS_REPLACE }),
      refused('EINVAL'),
    )
    const link = kernel.call('link_create', { ...place, progFd: one, flags: X.XDP_FLAGS_SKB_MODE })
    assert.equal(state().skbProgId, idOf(kernel, one))
    assert.throws(() => kernel.call('link_create', { ...place, progFd: two, flags: 2 }), refused('EBUSY'))
    assert.equal(
      detailOf(() => kernel.call('rtm_setlink', { netns, name: 'v0', xdp: { fd: two, flags: 2 } })),
      "EBUSY Can't replace active BPF XDP link",
    )
    const info = kernel.call('obj_get_info_by_fd', { fd: link })
    assert.ok(info.kind === 'link')
    assert.deepEqual(info.details, { ifindex: v0.ifindex })
    assert.equal(info.progId, idOf(kernel, one))
    kernel.call('link_update', { linkFd: link, newProgFd: two })
    assert.equal(state().skbProgId, idOf(kernel, two))
    assert.throws(
      () => kernel.call('link_update', { linkFd: link, newProgFd: one, flags: 4, oldProgFd: one }),
      refused('EPERM'),
    )
    kernel.call('link_detach', { linkFd: link })
    assert.equal(state().attached, 0)
    assert.throws(() => kernel.call('link_update', { linkFd: link, newProgFd: one }), refused('ENOLINK'))
    const second = kernel.call('link_create', { ...place, progFd: one })
    kernel.call('close', { fd: second })
    assert.equal(state().attached, 0)
    const third = kernel.call('link_create', { ...place, progFd: one })
    kernel.call('rtm_dellink', { netns, name: 'v0' })
    const left = kernel.call('obj_get_info_by_fd', { fd: third })
    assert.ok(left.kind === 'link')
    assert.deepEqual(left.details, { ifindex: 0 })
  },

  'clsact and its filters: priorities, handles, texts'(kernel) {
    const { netns, v0 } = pair(kernel)
    const [ok, shot] = [program(kernel, P.BPF_PROG_TYPE_SCHED_CLS, 0), program(kernel, P.BPF_PROG_TYPE_SCHED_CLS, 2)]
    const xdp = program(kernel, P.BPF_PROG_TYPE_XDP, 2)
    const at = { netns, ifindex: v0.ifindex }
    const qdisc = { ...at, kind: 'clsact', handle: 0xffff_0000, parent: 0xffff_fff1 }
    const ingress = { ...at, parent: 0xffff_fff2 }
    const add = (r: object): string =>
      detailOf(() =>
        kernel.call('rtm_newtfilter', { ...ingress, progFd: ok, name: 'n', flags: 1, mode: 'create', ...r }),
      )
    assert.equal(add({}), "EINVAL Parent Qdisc doesn't exists")
    kernel.call('rtm_newqdisc', qdisc)
    assert.equal(
      detailOf(() => kernel.call('rtm_newqdisc', qdisc)),
      'EEXIST Exclusivity flag on, cannot modify',
    )
    assert.deepEqual(
      kernel
        .call('rtm_getqdisc', at)
        .map(({ kind, parent }) => ({ kind, parent }))
        .at(-1),
      { kind: 'clsact', parent: 0xffff_fff1 },
    )
    assert.equal(add({}), 'ok')
    assert.equal(add({}), 'ok')
    assert.equal(add({ priority: 5, handle: 7, progFd: shot }), 'ok')
    assert.equal(add({ priority: 5, handle: 7 }), 'EEXIST Filter already exists')
    assert.equal(add({ priority: 5, handle: 7, mode: 'replace' }), 'ok')
    assert.equal(add({ priority: 5 }), 'ok')
    assert.equal(add({ progFd: xdp }).split(' ')[0], 'EINVAL')
    assert.equal(add({ priority: 6, flags: 1 << 8 }).split(' ')[0], 'EINVAL')
    assert.equal(add({ priority: 6, flagsGen: 2 }).split(' ')[0], 'EOPNOTSUPP')
    const list = (): unknown[] =>
      kernel.call('rtm_gettfilter', ingress).map(({ priority, handle, progId, flags, flagsGen, name }) => ({
        priority,
        handle,
        progId,
        flags,
        flagsGen,
        name,
      }))
    const common = { progId: idOf(kernel, ok), flags: 1, flagsGen: 8, name: 'n' }
    assert.deepEqual(list(), [
      { priority: 5, handle: 1, ...common },
      { priority: 5, handle: 7, ...common },
      { priority: 49151, handle: 1, ...common },
      { priority: 49152, handle: 1, ...common },
    ])
    kernel.call('rtm_deltfilter', { ...ingress, priority: 5, handle: 7, protocol: 3 })
    assert.equal(list().length, 3)
    assert.equal(
      detailOf(() => kernel.call('rtm_deltfilter', { ...ingress, priority: 5, handle: 77, protocol: 3 })),
      'ENOENT Specified filter handle not found',
    )
    assert.equal(
      detailOf(() => kernel.call('rtm_deltfilter', { ...ingress, priority: 99, handle: 1, protocol: 3 })),
      'ENOENT Filter with specified priority/protocol not found',
    )
    kernel.call('rtm_deltfilter', { ...ingress, priority: 5, protocol: 3 })
    assert.equal(list().length, 2)
    kernel.call('rtm_delqdisc', qdisc)
    assert.deepEqual(kernel.call('rtm_gettfilter', ingress), [])
  },

  'tcx: order, revisions, what is refused'(kernel) {
    const { netns, v0 } = pair(kernel)
    const [a, b, c] = [0, 2, -1].map((value) => program(kernel, P.BPF_PROG_TYPE_SCHED_CLS, value)) as [Fd, Fd, Fd]
    const id = (fd: Fd): number => idOf(kernel, fd)
    const at = { netns, targetIfindex: v0.ifindex, attachType: bpf_attach_type.BPF_TCX_INGRESS }
    const query = () => kernel.call('prog_query', at)
    assert.deepEqual(query().progIds, [])
    const first = kernel.call('link_create', { ...at, progFd: a })
    assert.equal(query().revision, 2n)
    assert.equal(
      detailOf(() => kernel.call('link_create', { ...at, progFd: a })),
      'EEXIST',
    )
    kernel.call('prog_attach', { ...at, attachBpfFd: b, attachFlags: 8 })
    assert.deepEqual(query().progIds, [id(b), id(a)])
    assert.equal(query().linkIds[0], 0)
    kernel.call('link_create', { ...at, progFd: c, flags: 8, relativeFd: a })
    assert.deepEqual(query().progIds, [id(b), id(c), id(a)])
    const detach = (r: object): string => detailOf(() => kernel.call('prog_detach', { ...at, ...r }))
    assert.equal(detach({ attachBpfFd: a }), 'EBUSY')
    assert.equal(detach({ attachBpfFd: b, expectedRevision: 77n }), 'ESTALE')
    assert.equal(detach({ attachBpfFd: b }), 'ok')
    assert.equal(detach({ attachBpfFd: b }), 'ENOENT')
    assert.deepEqual(query().progIds, [id(c), id(a)])
    const info = kernel.call('obj_get_info_by_fd', { fd: first })
    assert.ok(info.kind === 'link')
    assert.deepEqual(info.details, { ifindex: v0.ifindex, attachType: 46 })
    kernel.call('close', { fd: first })
    assert.deepEqual(query().progIds, [id(c)])
    assert.equal(
      detailOf(() => kernel.call('prog_query', { ...at, targetIfindex: 4321 })),
      'ENODEV',
    )
  },

  'features of a device'(kernel) {
    const { netns } = pair(kernel)
    const before = kernel.call('ethtool_features', { netns, name: 'v0' })
    assert.equal(before['rx-gro'], false)
    assert.equal(kernel.call('ethtool_features', { netns, name: 'v0', set: { 'rx-gro': true } })['rx-gro'], true)
    assert.throws(() => kernel.call('ethtool_features', { netns, name: 'nothing' }), refused('ENODEV'))
  },

  'sysctls of a namespace are its own'(kernel) {
    const read = (name: string): string => kernel.call('sysctl_read', { name })
    const { netns } = pair(kernel)
    const home = read('net.ipv4.ip_forward')
    kernel.call('setns', { netns })
    kernel.call('sysctl_write', { name: 'net.ipv4.ip_forward', value: '0' })
    assert.equal(read('net.ipv4.conf.v0.forwarding'), '0')
    kernel.call('sysctl_write', { name: 'net.ipv4.ip_forward', value: '1' })
    assert.equal(read('net.ipv4.conf.v0.forwarding'), '1')
    assert.equal(read('net.ipv4.conf.all.forwarding'), '1')
    kernel.call('sysctl_write', { name: 'net.ipv4.conf.v0.forwarding', value: '0' })
    assert.equal(read('net.ipv4.conf.v0.forwarding'), '0')
    assert.equal(read('net.ipv4.ip_forward'), '1')
    kernel.call('sysctl_write', { name: 'net.ipv4.ip_default_ttl', value: '33' })
    assert.equal(read('net.ipv4.ip_default_ttl'), '33')
    assert.throws(() => kernel.call('sysctl_write', { name: 'net.ipv4.ip_default_ttl', value: '0' }), refused('EINVAL'))
    assert.equal(read('net.ipv6.conf.v1.forwarding'), '0')
    assert.ok(home === '0' || home === '1')
  },

  'calls that name no namespace are made in the session’s own'(kernel) {
    const { netns, v0 } = pair(kernel)
    assert.throws(() => kernel.call('rtm_getlink', { name: 'v0' }), refused('ENODEV'))
    kernel.call('setns', { netns })
    assert.equal(kernel.call('rtm_getlink', { name: 'v0' }).ifindex, v0.ifindex)
    const same = kernel.call('netns_open', {})
    assert.equal(kernel.call('rtm_getlink', { netns: same, name: 'v0' }).ifindex, v0.ifindex)
  },
}
