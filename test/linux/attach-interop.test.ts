// The machine's own tools and ours see and change the same things.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { toHex } from '#src/base/index.js'
import type { Kernel } from '#src/kernel/index.js'
import { attachTc, attachTcx, attachXdp, BpfLink, BpfMap, BpfProgram, load, tcFilters } from '#src/sdk/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { fixture, inside, loadFixture, toolMissing, wire } from '../support/net.js'
import { root } from '../support/paths.js'

const skip = linuxUnavailable() || toolMissing('bpftool', 'ip', 'tc', 'nsenter')
const object = (name: string) => join(root, 'test/fixtures', name)

// biome-ignore lint/suspicious/noExplicitAny: the tools' own JSON
type Json = any

function bpftool(...args: readonly string[]): Json {
  const text = execFileSync('unshare', ['--mount', '--propagation', 'private', 'bpftool', '-j', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return text.trim() === '' ? undefined : JSON.parse(text)
}

/** A bpffs that is mounted nowhere: seen by tools through this process's descriptor. */
function privateBpffs(kernel: Kernel): string {
  return `/proc/${process.pid}/fd/${kernel.call('fsmount', { fsName: 'bpf' })}`
}

test('bpftool shows our programs, maps and links as we do', { skip }, async () => {
  using kernel = openLinux()
  using net = wire(kernel)
  using programs = await loadFixture(kernel, 'attach/net.o', 'xdp_pass', 'tcx_first')
  const program = programs.program('xdp_pass')
  const info = program.info()
  const shown = bpftool('prog', 'show', 'id', String(info.id))
  assert.equal(shown.type, 'xdp')
  assert.equal(shown.name, 'xdp_pass')
  assert.equal(shown.tag, toHex(info.tag))
  assert.equal(shown.bytes_xlated, info.xlatedProgLen)
  assert.equal(shown.bytes_jited, info.jitedProgLen)
  assert.deepEqual(shown.map_ids, [...info.mapIds])
  assert.equal(shown.btf_id, info.btfId)
  const map = programs.map<number, bigint>('hits')
  map.set(5, 55n)
  const dumped = bpftool('map', 'dump', 'id', String(map.info().id))
  assert.equal(dumped.length, 32)
  assert.equal(dumped[5].formatted.value, 55)
  bpftool(
    'map',
    'update',
    'id',
    String(map.info().id),
    'key',
    '6',
    '0',
    '0',
    '0',
    'value',
    '7',
    '0',
    '0',
    '0',
    '0',
    '0',
    '0',
    '0',
  )
  assert.equal(map.get(6), 7n)

  using xdp = attachXdp(program, net.rightDevice, { mode: 'native' })
  using tcx = attachTcx(programs.program('tcx_first'), net.rightDevice, { direction: 'ingress' })
  const links = JSON.parse(inside(net.right, 'bpftool', '-j', 'link', 'show'))
  const ours = links.find((link: Json) => link.id === xdp.link?.id)
  assert.equal(ours.type, 'xdp')
  assert.equal(ours.prog_id, info.id)
  assert.ok(links.some((link: Json) => link.id === tcx.id))
  const [attached] = JSON.parse(inside(net.right, 'bpftool', '-j', 'net', 'show'))
  assert.deepEqual(
    attached.xdp.map((one: Json) => [one.devname, one.ifindex]),
    [['right0', net.rightDevice.ifindex]],
  )
  const [device] = JSON.parse(inside(net.right, 'ip', '-j', 'link', 'show', 'dev', 'right0'))
  assert.equal(device.xdp.prog.id, info.id)
  assert.equal(device.ifindex, net.rightDevice.ifindex)
})

test('tc shows our filters, we show and change its', { skip }, async () => {
  using kernel = openLinux()
  using net = wire(kernel)
  using programs = await loadFixture(kernel, 'attach/net.o', 'tc_ok')
  const program = programs.program('tc_ok')
  using ours = attachTc(program, net.rightDevice, { direction: 'ingress', priority: 11, handle: 0x2a })
  const shown = JSON.parse(inside(net.right, 'tc', '-j', 'filter', 'show', 'dev', 'right0', 'ingress'))
  const filter = shown.find((one: Json) => one.options?.handle !== undefined)
  assert.equal(filter.pref, 11)
  assert.equal(filter.kind, 'bpf')
  assert.equal(filter.options.handle, '0x2a')
  assert.equal(filter.options['direct-action'], true)
  assert.equal(filter.options.prog.id, program.info().id)
  assert.equal(filter.options.bpf_name, `tc_ok:[${program.info().id}]`)
  ours.detach()
  const add = ['filter', 'add', 'dev', 'right0', 'egress', 'pref', '3', 'bpf', 'da', 'obj', object('net/tc_classify.o')]
  inside(net.right, 'tc', ...add, 'sec', 'tc')
  const [theirs] = tcFilters(net.rightDevice, 'egress')
  assert.equal(theirs?.priority, 3)
  assert.equal(theirs?.flags, 1)
  using opened = BpfProgram.fromFd(kernel, kernel.call('prog_get_fd_by_id', { id: theirs?.progId ?? 0 }))
  assert.equal(opened.typeName, 'sched_cls')
  using replaced = attachTc(program, net.rightDevice, {
    direction: 'egress',
    priority: 3,
    handle: theirs?.handle ?? 0,
    replace: true,
  })
  assert.equal(tcFilters(net.rightDevice, 'egress')[0]?.progId, program.info().id)
  inside(net.right, 'tc', 'filter', 'del', 'dev', 'right0', 'egress', 'pref', '3')
  assert.deepEqual(tcFilters(net.rightDevice, 'egress'), [])
  replaced.detach()
})

test('XDP programs of ip are seen, replaced by ours, and ours taken off by ip', { skip }, async () => {
  using kernel = openLinux()
  using net = wire(kernel)
  using programs = await loadFixture(kernel, 'attach/net.o', 'xdp_pass')
  inside(net.right, 'ip', 'link', 'set', 'dev', 'right0', 'xdpgeneric', 'obj', object('net/xdp_count.o'), 'sec', 'xdp')
  const { xdp } = net.rightDevice.info()
  assert.equal(xdp.attached, 2)
  using theirs = BpfProgram.fromFd(kernel, kernel.call('prog_get_fd_by_id', { id: xdp.skbProgId }))
  assert.equal(theirs.typeName, 'xdp')
  using ours = attachXdp(programs.program('xdp_pass'), net.rightDevice, { mode: 'generic', replace: theirs })
  const id = programs.program('xdp_pass').info().id
  assert.match(
    inside(net.right, 'ip', 'link', 'show', 'dev', 'right0'),
    new RegExp(`xdpgeneric.*prog/xdp id ${id} `, 's'),
  )
  inside(net.right, 'ip', 'link', 'set', 'dev', 'right0', 'xdpgeneric', 'off')
  assert.equal(net.rightDevice.info().xdp.attached, 0)
  ours.detach()
})

test('xdp-loader shows our programs, we show and take off its', {
  skip: skip || toolMissing('xdp-loader'),
}, async () => {
  using kernel = openLinux()
  using net = wire(kernel)
  using programs = await loadFixture(kernel, 'attach/net.o', 'xdp_pass')
  const attached = attachXdp(programs.program('xdp_pass'), net.rightDevice)
  const { id, tag } = programs.program('xdp_pass').info()
  assert.match(
    inside(net.right, 'xdp-loader', 'status', 'right0'),
    new RegExp(`right0\\s+xdp_pass\\s+native\\s+${id}\\s+${toHex(tag)}`),
  )
  attached.detach()
  inside(net.right, 'xdp-loader', 'load', '-m', 'skb', 'right0', object('net/xdp_count.o'))
  const { xdp } = net.rightDevice.info()
  assert.equal(xdp.attached, 2)
  using theirs = BpfProgram.fromFd(kernel, kernel.call('prog_get_fd_by_id', { id: xdp.skbProgId }))
  assert.equal(theirs.typeName, 'xdp')
  using ours = attachXdp(programs.program('xdp_pass'), net.rightDevice, { mode: 'generic', replace: theirs })
  assert.equal(net.rightDevice.info().xdp.skbProgId, id)
  ours.detach()
  assert.equal(net.rightDevice.info().xdp.attached, 0)
})

test('pins both ways: maps by name, programs and links opened, updated and detached', { skip }, async () => {
  using kernel = openLinux()
  using net = wire(kernel)
  const bpffs = privateBpffs(kernel)
  bpftool('prog', 'load', object('attach/net.o'), `${bpffs}/theirs`, 'type', 'xdp', 'pinmaps', `${bpffs}/maps`)
  using theirs = BpfProgram.fromFd(kernel, kernel.call('obj_get', { pathname: `${bpffs}/theirs` }))
  assert.equal(theirs.typeName, 'xdp')
  using hitsMap = BpfMap.fromFd(kernel, kernel.call('obj_get', { pathname: `${bpffs}/maps/hits` }))
  assert.equal(hitsMap.name, 'hits')
  using ours = await load(fixture('attach/net.o'), { kernel, programs: ['xdp_pass'], maps: { hits: hitsMap } })
  assert.deepEqual(ours.program('xdp_pass').info().mapIds, [hitsMap.info().id])

  const map = ours.map('hits')
  map.pin(`${bpffs}/ours_map`)
  assert.equal(bpftool('map', 'show', 'pinned', `${bpffs}/ours_map`).id, hitsMap.info().id)
  const attached = attachXdp(ours.program('xdp_pass'), net.rightDevice)
  attached.link?.pin(`${bpffs}/link`)
  assert.equal(bpftool('link', 'show', 'pinned', `${bpffs}/link`).type, 'xdp')
  attached[Symbol.dispose]()
  assert.equal(net.rightDevice.info().xdp.attached, 1)
  const link = BpfLink.openPinned(kernel, `${bpffs}/link`)
  assert.equal(link.info().progId, ours.program('xdp_pass').info().id)
  link.update(theirs)
  assert.equal(net.rightDevice.info().xdp.progId, theirs.info().id)
  inside(net.right, 'bpftool', 'link', 'detach', 'pinned', `${bpffs}/link`)
  assert.equal(net.rightDevice.info().xdp.attached, 0)
  link.close()
  assert.throws(() => BpfLink.openPinned(kernel, `${bpffs}/ours_map`), /is a map, not a link/)
  kernel.call('unlink', { path: `${bpffs}/link` })
})

test('maps that say LIBBPF_PIN_BY_NAME are shared by name, whoever comes first', { skip }, async () => {
  using kernel = openLinux()
  const pinPath = privateBpffs(kernel)
  using first = await load(fixture('object/btf_maps.o'), { kernel, pinPath, programs: [] })
  const [pinned] = first.spec.maps.filter((map) => map.pinning === 'by_name')
  assert.ok(pinned !== undefined)
  const shown = bpftool('map', 'show', 'pinned', `${pinPath}/${pinned.name}`)
  assert.equal(shown.id, first.map(pinned.name).info().id)
  using second = await load(fixture('object/btf_maps.o'), { kernel, pinPath, programs: [] })
  assert.equal(second.map(pinned.name).info().id, shown.id)
})

test('libbpf finds by name what we pinned, and we what libbpf pinned, in the place both take by default', {
  skip,
}, () => {
  const path = join(root, 'examples/tc-bytes/bytes.o')
  // Ours in a process of its own: it must see the same mounts as bpftool.
  const ours = `
    const { linux } = await import('${root}/dist/linux/index.js')
    const { load } = await import('${root}/dist/sdk/index.js')
    const kernel = linux()
    const collection = await load('${path}', { kernel, programs: ['count_egress'], pinPath: '/sys/fs/bpf' })
    console.log(JSON.stringify([collection.map('tc_bytes').info().id, collection.program('count_egress').info().mapIds]))`
  const script = `
    set -e
    mount -t bpf bpf /sys/fs/bpf
    bpftool prog load ${path} /sys/fs/bpf/theirs >&2
    bpftool -j map show pinned /sys/fs/bpf/tc_bytes
    "$0" --input-type=module -e "$1"
    rm /sys/fs/bpf/tc_bytes /sys/fs/bpf/theirs
    "$0" --input-type=module -e "$1"
    bpftool prog load ${path} /sys/fs/bpf/theirs >&2
    bpftool -j prog show pinned /sys/fs/bpf/theirs`
  const away = ['--mount', '--propagation', 'private', 'bash', '-c', script, process.execPath, ours]
  const output = execFileSync('unshare', away, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const [theirMap, first, second, theirProgram] = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Json)
  assert.equal(first[0], theirMap.id)
  assert.ok(first[1].includes(theirMap.id))
  assert.notEqual(second[0], theirMap.id)
  assert.ok(theirProgram.map_ids.includes(second[0]))
})
