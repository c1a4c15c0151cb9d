import assert from 'node:assert/strict'
import { test } from 'node:test'
import { embedded } from '#src/embedded/index.js'
import { errorCode, type Kernel, KernelError } from '#src/kernel/index.js'
import { withNetns } from '#src/linux/index.js'
import { attachXdp, NetNamespace, UsageError } from '#src/sdk/index.js'
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

const fails = (code: string, hint?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof KernelError, String(error))
  assert.equal(error.code, code)
  if (hint !== undefined) assert.match(`${error.detail ?? ''} ${error.hint ?? ''}`, hint)
  return true
}

both('XDP by link: every mode counts packets, update swaps the program, detach frees the device', async (kernel) => {
  using net = wire(kernel)
  using programs = await loadFixture(kernel, 'attach/net.o', 'xdp_pass', 'xdp_drop')
  for (const mode of ['auto', 'native', 'generic'] as const) {
    const before = hits(programs, 0)
    const attached = attachXdp(programs.program('xdp_pass'), net.rightDevice, { mode })
    assert.equal(attached.via, 'link')
    assert.equal(attached.mode, mode === 'auto' ? 'native' : mode)
    sendUdp(net.left, '10.9.0.2', 3)
    assert.ok(hits(programs, 0) >= before + 3)
    const { xdp } = net.rightDevice.info()
    assert.equal(xdp.progId, programs.program('xdp_pass').info().id)
    const drops = hits(programs, 1)
    attached.update(programs.program('xdp_drop'))
    sendUdp(net.left, '10.9.0.2', 2)
    assert.ok(hits(programs, 1) >= drops + 2)
    const info = attached.link?.info()
    assert.equal(info?.details.ifindex, net.rightDevice.ifindex)
    attached.detach()
    attached.detach()
    assert.equal(net.rightDevice.info().xdp.attached, 0)
  }
})

both('XDP by netlink: replace, replace of an expected program, foreign programs stay', async (kernel) => {
  using net = wire(kernel)
  using programs = await loadFixture(kernel, 'attach/net.o', 'xdp_pass', 'xdp_drop')
  const [pass, drop] = [programs.program('xdp_pass'), programs.program('xdp_drop')]
  const first = attachXdp(pass, net.rightDevice, { via: 'netlink' })
  assert.throws(() => attachXdp(drop, net.rightDevice, { via: 'netlink' }), fails('EBUSY', /replace|attached/))
  assert.throws(() => attachXdp(drop, net.rightDevice, { replace: drop }), fails('EEXIST', /Active program|replace/i))
  const second = attachXdp(drop, net.rightDevice, { replace: pass })
  assert.equal(net.rightDevice.info().xdp.progId, drop.info().id)
  // The first attachment's program is gone: taking it off leaves the second's alone.
  first.detach()
  assert.equal(net.rightDevice.info().xdp.progId, drop.info().id)
  second.update(pass)
  assert.equal(net.rightDevice.info().xdp.progId, pass.info().id)
  const third = attachXdp(drop, net.rightDevice, { replace: true })
  third.detach()
  assert.equal(net.rightDevice.info().xdp.attached, 0)
})

both('XDP refusals say what to do', async (kernel) => {
  using net = wire(kernel)
  using programs = await loadFixture(kernel, 'attach/net.o', 'xdp_pass', 'xdp_drop', 'tc_ok')
  const [pass, drop] = [programs.program('xdp_pass'), programs.program('xdp_drop')]
  assert.throws(() => attachXdp(programs.program('tc_ok'), net.rightDevice), UsageError)
  using link = attachXdp(pass, net.rightDevice, { mode: 'generic' })
  assert.throws(() => attachXdp(drop, net.rightDevice, { mode: 'native' }), fails('EEXIST', /exclude each other/))
  assert.throws(() => attachXdp(drop, net.rightDevice, { mode: 'generic' }), fails('EBUSY', /program \d+/))
  assert.throws(
    () => attachXdp(drop, net.rightDevice, { mode: 'generic', replace: true }),
    fails('EBUSY', /link|Can't replace/i),
  )
  const lo = net.right.device('lo')
  assert.throws(() => attachXdp(pass, lo, { mode: 'native' }), fails('EOPNOTSUPP', /generic/))
  using onLo = attachXdp(pass, lo)
  assert.equal(onLo.mode, 'generic')
  assert.throws(() => attachXdp(pass, lo, { mode: 'offload' }), fails('EOPNOTSUPP'))
  assert.equal(link.mode, 'generic')
})

both('a driver that refuses falls back to generic mode and says so', async (kernel) => {
  using net = wire(kernel)
  using programs = await loadFixture(kernel, 'attach/net.o', 'xdp_pass')
  net.leftDevice.set({ mtu: 9000 })
  net.rightDevice.set({ mtu: 9000 })
  assert.throws(
    () => attachXdp(programs.program('xdp_pass'), net.rightDevice, { mode: 'native' }),
    (error) => error instanceof KernelError && error.hint !== undefined,
  )
  using attached = attachXdp(programs.program('xdp_pass'), net.rightDevice)
  assert.equal(attached.mode, 'generic')
  assert.equal(attached.notes.length, 1)
})

test('names are resolved in their namespace, and nothing leaks into the caller', {
  skip: linuxUnavailable(),
}, async () => {
  using kernel = openLinux()
  using netns = NetNamespace.create(kernel)
  netns.createVeth('skep-only-here', 'skep-peer')
  using here = NetNamespace.open(kernel)
  assert.throws(() => here.device('skep-only-here'), fails('ENODEV', /no device/))
  const path = `/proc/${process.pid}/fd/${netns.fd}`
  const inside = withNetns(path, () => kernel.call('rtm_getlink', { name: 'skep-only-here' }))
  assert.equal(inside.name, 'skep-only-here')
  assert.throws(() => withNetns(path, () => Promise.resolve(1)), UsageError)
  assert.throws(
    () =>
      withNetns(path, () => {
        throw new RangeError('mine')
      }),
    RangeError,
  )
  assert.throws(() => here.device('skep-only-here'))
  assert.throws(
    () => withNetns('/nonexistent', () => 1),
    (error) => errorCode(error) === 'ENOENT',
  )
  assert.throws(
    () => withNetns('/dev/null', () => 1),
    (error) => errorCode(error) === 'EINVAL',
  )
})
