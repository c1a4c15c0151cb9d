import assert from 'node:assert/strict'
import { test } from 'node:test'
import { embedded } from '#src/embedded/index.js'
import { type Kernel, KernelError } from '#src/kernel/index.js'
import { attachTc, attachTcx, BpfLink, removeClsact, tcFilters, UsageError } from '#src/sdk/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { hits, loadFixture, sendUdp, wire } from '../support/net.js'

const KERNELS = [
  { name: 'embedded', skip: false, open: (): Kernel => embedded() },
  { name: 'linux', skip: linuxUnavailable(), open: openLinux },
] as const

/** The same on both kernels. */
function both(what: string, body: (kernel: Kernel) => Promise<void>): void {
  for (const { name, skip, open } of KERNELS) {
    test(`${name}: ${what}`, { skip }, async () => {
      using kernel = open()
      await body(kernel)
    })
  }
}

const fails = (code: string, text?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof KernelError, String(error))
  assert.equal(error.code, code)
  if (text !== undefined) assert.match(`${error.message} ${error.hint ?? ''}`, text)
  return true
}

both('clsact filters: both directions, order by priority, replace, update, detach', async (kernel) => {
  using net = wire(kernel)
  using programs = await loadFixture(kernel, 'attach/net.o', 'tc_ok', 'tc_shot', 'xdp_pass')
  const [ok, shot] = [programs.program('tc_ok'), programs.program('tc_shot')]
  const { rightDevice: device } = net
  assert.throws(() => attachTc(programs.program('xdp_pass'), device, { direction: 'ingress' }), UsageError)
  const first = attachTc(ok, device, { direction: 'ingress', removeQdisc: true })
  assert.equal(first.handle, 1)
  sendUdp(net.left, '10.9.0.2', 2)
  assert.ok(hits(programs, 2) >= 2)
  using second = attachTc(shot, device, { direction: 'ingress', priority: 7, handle: 9, name: 'mine' })
  assert.deepEqual(
    tcFilters(device, 'ingress').map(({ priority, handle, progId, flags }) => ({ priority, handle, progId, flags })),
    [
      { priority: 7, handle: 9, progId: shot.info().id, flags: 1 },
      { priority: first.priority, handle: 1, progId: ok.info().id, flags: 1 },
    ],
  )
  assert.equal(tcFilters(device, 'ingress')[0]?.name, 'mine')
  // Priority 7 runs first and drops.
  const seen = hits(programs, 2)
  sendUdp(net.left, '10.9.0.2', 2)
  assert.equal(hits(programs, 2), seen)
  assert.throws(
    () => attachTc(ok, device, { direction: 'ingress', priority: 7, handle: 9 }),
    fails('EEXIST', /priority 7 and handle 9/),
  )
  const third = attachTc(ok, device, { direction: 'ingress', priority: 7, handle: 9, replace: true })
  assert.equal(tcFilters(device, 'ingress')[0]?.progId, ok.info().id)
  second.update(shot)
  assert.equal(tcFilters(device, 'ingress')[0]?.progId, shot.info().id)
  third.detach()
  second.detach()
  assert.equal(tcFilters(device, 'ingress').length, 1)
  using egress = attachTc(ok, device, { direction: 'egress' })
  assert.equal(tcFilters(device, 'egress').length, 1)
  const beforeEgress = hits(programs, 2)
  sendUdp(net.right, '10.9.0.1', 2)
  assert.ok(hits(programs, 2) >= beforeEgress + 2)
  egress.detach()
  first.detach()
  assert.equal(removeClsact(device), false)
})

both('tcx: order by neighbours, revisions, query, update', async (kernel) => {
  using net = wire(kernel)
  using programs = await loadFixture(kernel, 'attach/net.o', 'tcx_first', 'tcx_second', 'tcx_egress')
  const [one, two, out] = ['tcx_first', 'tcx_second', 'tcx_egress'].map((name) => programs.program(name))
  const { rightDevice: device } = net
  const id = (program: typeof one) => program?.info().id ?? 0
  using a = attachTcx(one!, device, { direction: 'ingress' })
  using b = attachTcx(two!, device, { direction: 'ingress', before: a })
  const query = () =>
    kernel.call('prog_query', { netns: device.netns.fd, targetIfindex: device.ifindex, attachType: 46 })
  assert.deepEqual(query().progIds, [id(two), id(one)])
  assert.deepEqual(query().linkIds, [b.id, a.id])
  const { revision } = query()
  assert.throws(
    () => attachTcx(out!, device, { direction: 'ingress', expectedRevision: revision + 5n }),
    fails('ESTALE', /revision/),
  )
  b.detach()
  using c = attachTcx(two!, device, { direction: 'ingress', after: { linkId: a.id } })
  assert.deepEqual(query().progIds, [id(one), id(two)])
  assert.throws(() => attachTcx(out!, device, { direction: 'egress', before: a }), fails('ENOENT', /not attached here/))
  using d = attachTcx(out!, device, { direction: 'egress', expectedRevision: 1n })
  assert.deepEqual(d.info().details, { ifindex: device.ifindex, attachType: 47 })
  sendUdp(net.left, '10.9.0.2', 2)
  assert.ok(hits(programs, 4) >= 2)
  assert.ok(hits(programs, 5) >= 2)
  sendUdp(net.right, '10.9.0.1', 2)
  assert.ok(hits(programs, 6) >= 2)
  assert.throws(() => c.update(one!), fails('EEXIST'))
  c.update(out!, { expected: two! })
  assert.throws(() => c.update(two!, { expected: two! }), fails('EPERM'))
  using again = BpfLink.byId(kernel, c.id)
  assert.equal(again.kind, 'tcx')
  assert.equal(again.info().progId, id(out))
})
