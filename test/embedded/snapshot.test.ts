import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type EmbeddedKernel, embedded } from '#src/embedded/index.js'
import { type BpfMap, BpfProgram, KernelError, load, loadCollection, openObject } from '#src/sdk/index.js'
import { root } from '../support/paths.js'
import { testSeed } from '../support/seed.js'

const FIREWALL = join(root, 'examples/firewall/firewall.o')
const COUNT = join(root, 'test/fixtures/net/xdp_count.o')

/** The same state in a kernel of its own. */
function again(kernel: EmbeddedKernel): EmbeddedKernel {
  const restored = embedded({ cpus: kernel.possibleCpus })
  restored.restore(kernel.snapshot())
  return restored
}

/** Every object with its information, every element of every map, every pin. */
function everything(kernel: EmbeddedKernel): unknown {
  using session = kernel.fork()
  const all: unknown[] = []
  for (const kind of ['btf', 'map', 'prog', 'link'] as const) {
    let id = 0
    for (;;) {
      try {
        id = session.call(`${kind}_get_next_id`, { startId: id })
      } catch {
        break
      }
      const fd = session.call(`${kind}_get_fd_by_id`, { id })
      all.push(session.call('obj_get_info_by_fd', { fd, details: true }))
      if (kind === 'map') all.push([...elements(session, fd)])
      session.call('close', { fd })
    }
  }
  all.push([...pins(session, '/sys/fs/bpf')])
  for (const name of ['net.core.bpf_jit_harden', 'kernel.unprivileged_bpf_disabled'])
    all.push(session.call('sysctl_read', { name }))
  return all
}

function* elements(kernel: EmbeddedKernel, fd: ReturnType<BpfMap['info']> extends never ? never : BpfMap['fd']) {
  let key: Uint8Array | undefined
  for (;;) {
    try {
      key = kernel.call('map_get_next_key', { mapFd: fd, ...(key === undefined ? {} : { key }) })
    } catch {
      return
    }
    try {
      yield [key, kernel.call('map_lookup_elem', { mapFd: fd, key })]
    } catch (error) {
      yield [key, String(error)]
    }
  }
}

function* pins(kernel: EmbeddedKernel, path: string): Generator<string> {
  for (const name of kernel.call('readdir', { path })) {
    const full = `${path}/${name}`
    const { type } = kernel.call('stat', { path: full })
    yield `${full} ${type}`
    if (type === 'directory') yield* pins(kernel, full)
  }
}

function attempt(run: () => void): void {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof KernelError)
  }
}

const frame = (n: number): Uint8Array => {
  const bytes = new Uint8Array(64)
  bytes.set([8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, n & 255, 10, 0, 1, (n >> 8) & 255], 12)
  bytes[35] = n & 255
  return bytes
}

test('a snapshot goes on where the kernel was: programs, maps of every kind, pins, sysctls', async () => {
  using kernel = embedded({ cpus: 2 })
  kernel.call('sysctl_write', { name: 'net.core.bpf_jit_harden', value: '1' })
  kernel.call('sysctl_write', { name: 'kernel.unprivileged_bpf_disabled', value: '1' })
  kernel.call('mkdir', { path: '/sys/fs/bpf/dir' })
  {
    // Something that comes and goes: ids and memory have holes.
    using gone = await load(COUNT, { kernel })
    assert.ok(gone.programs.size > 0)
    using firewall = await load(FIREWALL, { kernel })
    for (const [name, program] of firewall.programs) program.pin(`/sys/fs/bpf/${name}`)
    for (const [name, map] of firewall.maps) map.pin(`/sys/fs/bpf/dir/${name.replaceAll('.', '_')}`)
    for (let n = 0; n < 300; n++) firewall.program('firewall').testRun({ dataIn: frame(n) })
  }
  using count = await load(COUNT, { kernel })
  count.program('count_packets').pin('/sys/fs/bpf/count')
  const make = (mapType: number, keySize: number, valueSize: number, maxEntries: number, mapFlags = 0) => {
    const fd = kernel.call('map_create', {
      mapType,
      keySize,
      valueSize,
      maxEntries,
      mapFlags,
      mapName: `t${mapType}_${mapFlags}`,
    })
    kernel.call('obj_pin', { bpfFd: fd, pathname: `/sys/fs/bpf/t${mapType}_${mapFlags}` })
    return fd
  }
  const u32 = (n: number) => new Uint8Array(Uint32Array.of(n).buffer)
  for (const [type, flags] of [
    [1, 0],
    [1, 1],
    [2, 0],
    [9, 0],
    [9, 2],
  ] as const) {
    const fd = make(type, 4, 8, 64, flags)
    for (let n = 0; n < 64; n++)
      kernel.call('map_update_elem', { mapFd: fd, key: u32(n), value: new Uint8Array(8).fill(n) })
    // Small LRU maps throw elements out early: some are gone already.
    for (let n = 0; n < 64 && type !== 2; n += 3)
      attempt(() => kernel.call('map_delete_elem', { mapFd: fd, key: u32(n) }))
  }
  const trie = make(11, 8, 4, 64, 1)
  for (let n = 0; n < 40; n++)
    kernel.call('map_update_elem', { mapFd: trie, key: Uint8Array.of(n % 32, 0, 0, 0, n * 7, n, 1, 2), value: u32(n) })
  for (const type of [22, 23]) {
    const fd = make(type, 0, 4, 16)
    for (let n = 0; n < 11; n++) kernel.call('map_update_elem', { mapFd: fd, value: u32(n) })
    for (let n = 0; n < 4; n++) kernel.call('map_lookup_and_delete_elem', { mapFd: fd })
  }
  const bloom = make(30, 0, 4, 100)
  for (let n = 0; n < 50; n++) kernel.call('map_update_elem', { mapFd: bloom, value: u32(n * 3) })
  const jumps = make(3, 4, 4, 4)
  kernel.call('map_update_elem', { mapFd: jumps, key: u32(2), value: u32(count.program('count_packets').fd) })

  using restored = again(kernel)
  assert.deepEqual(everything(restored), everything(kernel))

  // Both go on, and stay the same: queues, LRU order, filters, programs that count.
  const goOn = (of: EmbeddedKernel): unknown => {
    using session = of.fork()
    using program = BpfProgram.openPinned(session, '/sys/fs/bpf/firewall')
    const results = []
    for (let n = 200; n < 500; n++) results.push(program.testRun({ dataIn: frame(n) }).retval)
    const open = (name: string) => session.call('obj_get', { pathname: `/sys/fs/bpf/${name}` })
    for (const name of ['t22_0', 't23_0'])
      results.push(session.call('map_lookup_and_delete_elem', { mapFd: open(name) }))
    const lru = open('t9_0')
    for (let n = 100; n < 140; n++)
      session.call('map_update_elem', { mapFd: lru, key: u32(n), value: new Uint8Array(8) })
    const filter = open('t30_0')
    for (let n = 0; n < 200; n++) {
      try {
        session.call('map_lookup_elem', { mapFd: filter, value: u32(n) })
        results.push(n)
      } catch {
        results.push(-n)
      }
    }
    using fresh = loadCollection(openObject(new Uint8Array(readFileSync(COUNT)), { file: COUNT }), { kernel: session })
    results.push(
      fresh.program('count_packets').info().id,
      fresh.program('count_packets').testRun({ dataIn: frame(1) }).retval,
    )
    return results
  }
  assert.deepEqual(goOn(restored), goOn(kernel))
  const settled = (of: EmbeddedKernel) =>
    JSON.stringify(everything(of), (name, value) =>
      name === 'runTimeNs' || typeof value === 'bigint' ? undefined : value,
    )
  assert.equal(settled(restored), settled(kernel))
})

test('what is unpinned in a restored kernel goes away whole', async () => {
  using kernel = embedded()
  using firewall = await load(FIREWALL, { kernel })
  for (const [name, program] of firewall.programs) program.pin(`/sys/fs/bpf/${name}`)
  using restored = again(kernel)
  using session = restored.fork()
  for (const name of session.call('readdir', { path: '/sys/fs/bpf' }))
    session.call('unlink', { path: `/sys/fs/bpf/${name}` })
  for (const kind of ['prog', 'map', 'btf', 'link'] as const)
    assert.throws(() => session.call(`${kind}_get_next_id`, { startId: 0 }), /ENOENT/, kind)
})

test('devices, addresses, what is attached and links come back', async () => {
  using kernel = embedded()
  using count = await load(COUNT, { kernel })
  const program = count.program('count_packets')
  const netns = kernel.call('netns_create', {})
  kernel.call('netns_bind', { netns, path: '/run/netns/red' })
  kernel.call('rtm_newlink', { name: 'v0', kind: 'veth', peer: { name: 'v1', netns } })
  const v0 = kernel.call('rtm_getlink', { name: 'v0' }).ifindex
  const v1 = kernel.call('rtm_getlink', { name: 'v1', netns }).ifindex
  kernel.call('rtm_newaddr', { ifindex: v0, address: Uint8Array.of(10, 0, 0, 1), prefix: 24 })
  kernel.call('rtm_setlink', { ifindex: v0, up: true, xdp: { fd: program.fd } })
  kernel.call('rtm_setlink', { ifindex: v1, netns, up: true })
  const link = kernel.call('link_create', { progFd: program.fd, attachType: 37, targetIfindex: v1, netns })
  kernel.call('obj_pin', { bpfFd: link, pathname: '/sys/fs/bpf/link' })
  const seen = (of: EmbeddedKernel) => {
    using session = of.fork()
    const red = session.call('netns_open', { path: '/run/netns/red' })
    return [
      session.call('rtm_getlinks', {}),
      session.call('rtm_getlinks', { netns: red }),
      session.call('rtm_getaddrs', {}),
      session.call('rtm_getroutes', {}),
      session.call('obj_get_info_by_fd', { fd: session.call('obj_get', { pathname: '/sys/fs/bpf/link' }) }),
    ]
  }
  using restored = again(kernel)
  assert.deepEqual(seen(restored), seen(kernel))
  // The link still holds its hook, and lets go when it is unpinned.
  using session = restored.fork()
  session.call('unlink', { path: '/sys/fs/bpf/link' })
  const red = session.call('netns_open', { path: '/run/netns/red' })
  assert.equal(session.call('rtm_getlink', { name: 'v1', netns: red }).xdp.attached, 0)
  session.call('rtm_setlink', { name: 'v0', xdp: { fd: -1 } })
  assert.throws(() => session.call('prog_get_next_id', { startId: 0 }), /ENOENT/)
})

test('what is no snapshot, or one of another kernel, is refused with a reason', () => {
  using kernel = embedded()
  const bytes = kernel.snapshot()
  const refused = (snapshot: Uint8Array, cpus: number, reason: RegExp): void => {
    using fresh = embedded({ cpus })
    assert.throws(() => fresh.restore(snapshot), reason)
  }
  refused(new Uint8Array(10), 2, /no snapshot/)
  refused(bytes.subarray(0, bytes.length >> 1), 2, /missing|cut off/)
  refused(bytes.subarray(0, 40), 2, /cut off/)
  refused(bytes, 3, /2 CPUs/)
  const other = bytes.slice()
  other[8] = 99
  refused(other, 2, /version/)
})

test('interpreted programs, maps of maps, ring buffers with records, per-CPU and mapped values', async () => {
  using kernel = embedded({ cpus: 3 })
  kernel.call('sysctl_write', { name: 'net.core.bpf_jit_enable', value: '0' })
  {
    using count = await load(COUNT, { kernel })
    count.program('count_packets').pin('/sys/fs/bpf/interpreted')
    for (let n = 0; n < 50; n++) count.program('count_packets').testRun({ dataIn: frame(n) })
  }
  kernel.call('sysctl_write', { name: 'net.core.bpf_jit_enable', value: '1' })
  const make = (mapType: number, keySize: number, valueSize: number, maxEntries: number, more: object = {}) => {
    const fd = kernel.call('map_create', { mapType, keySize, valueSize, maxEntries, mapName: `m${mapType}`, ...more })
    kernel.call('obj_pin', { bpfFd: fd, pathname: `/sys/fs/bpf/m${mapType}` })
    return fd
  }
  const u32 = (n: number) => new Uint8Array(Uint32Array.of(n).buffer)
  const inner = make(2, 4, 8, 4)
  const other = kernel.call('map_create', { mapType: 2, keySize: 4, valueSize: 8, maxEntries: 4 })
  kernel.call('map_update_elem', { mapFd: other, key: u32(1), value: new Uint8Array(8).fill(7) })
  const outer = make(12, 4, 4, 4, { innerMapFd: inner })
  const table = make(13, 4, 4, 4, { innerMapFd: inner })
  kernel.call('map_update_elem', { mapFd: outer, key: u32(0), value: u32(inner) })
  kernel.call('map_update_elem', { mapFd: outer, key: u32(2), value: u32(other) })
  kernel.call('map_update_elem', { mapFd: table, key: u32(9), value: u32(other) })
  kernel.call('close', { fd: other })
  const perCpu = make(5, 4, 8, 8)
  for (let n = 0; n < 8; n++)
    kernel.call('map_update_elem', { mapFd: perCpu, key: u32(n), value: new Uint8Array(24).fill(n) })
  make(27, 0, 0, 4096)

  using restored = again(kernel)
  assert.deepEqual(everything(restored), everything(kernel))
  const goOn = (of: EmbeddedKernel): unknown => {
    using session = of.fork()
    using program = BpfProgram.openPinned(session, '/sys/fs/bpf/interpreted')
    const results: unknown[] = [program.info().jitedProgLen]
    for (let n = 0; n < 50; n++) results.push(program.testRun({ dataIn: frame(n) }).retval)
    const open = (name: string) => session.call('obj_get', { pathname: `/sys/fs/bpf/${name}` })
    // What only an element holds goes with it.
    session.call('map_delete_elem', { mapFd: open('m12'), key: u32(2) })
    session.call('map_delete_elem', { mapFd: open('m13'), key: u32(9) })
    let id = 0
    const ids: number[] = []
    for (;;) {
      try {
        id = session.call('map_get_next_id', { startId: id })
        ids.push(id)
      } catch {
        return [...results, ids]
      }
    }
  }
  assert.deepEqual(goOn(restored), goOn(kernel))
})

test('random operations on random maps, then a snapshot, then more: both kernels stay the same', () => {
  fc.assert(
    fc.property(
      fc.constantFrom([1, 0], [1, 1], [5, 0], [9, 0], [9, 2], [10, 0], [22, 0], [23, 0]),
      fc.array(
        fc.tuple(fc.constantFrom('update', 'delete', 'lookup', 'next'), fc.nat({ max: 20 }), fc.nat({ max: 255 })),
        {
          minLength: 1,
          maxLength: 60,
        },
      ),
      fc.nat({ max: 60 }),
      ([mapType = 1, mapFlags = 0], operations, cut) => {
        using kernel = embedded({ cpus: 2 })
        const noKey = mapType === 22 || mapType === 23
        const created = kernel.call('map_create', {
          mapType,
          keySize: noKey ? 0 : 4,
          valueSize: 8,
          maxEntries: 8,
          mapFlags,
        })
        kernel.call('obj_pin', { bpfFd: created, pathname: '/sys/fs/bpf/m' })
        const perCpu = mapType === 5 || mapType === 10
        const apply = (of: EmbeddedKernel, list: typeof operations): unknown[] => {
          using session = of.fork()
          const mapFd = session.call('obj_get', { pathname: '/sys/fs/bpf/m' })
          return list.map(([what, n, byte]) => {
            const key = noKey ? {} : { key: new Uint8Array(Uint32Array.of(n).buffer) }
            try {
              if (what === 'update')
                return session.call('map_update_elem', {
                  mapFd,
                  ...key,
                  value: new Uint8Array(perCpu ? 16 : 8).fill(byte),
                })
              if (what === 'delete')
                return noKey
                  ? session.call('map_lookup_and_delete_elem', { mapFd })
                  : session.call('map_delete_elem', { mapFd, ...key })
              if (what === 'lookup') return session.call('map_lookup_elem', { mapFd, ...key })
              return session.call('map_get_next_key', { mapFd, ...key })
            } catch (error) {
              assert.ok(error instanceof KernelError)
              return error.code
            }
          })
        }
        apply(kernel, operations.slice(0, cut))
        using restored = again(kernel)
        assert.deepEqual(apply(restored, operations.slice(cut)), apply(kernel, operations.slice(cut)))
        assert.deepEqual(everything(restored), everything(kernel))
      },
    ),
    { numRuns: 60, seed: testSeed },
  )
})
