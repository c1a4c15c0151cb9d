import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { attachTcx, attachXdp, load } from '#src/sdk/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { inside, wire } from '../support/net.js'
import { root } from '../support/paths.js'

test('links are shown with their devices and hooks, and detached by id', { skip: linuxUnavailable() }, async () => {
  using kernel = openLinux()
  using net = wire(kernel)
  using counters = await load(join(root, 'examples/xdp-counters/counters.o'), { kernel })
  using bytes = await load(join(root, 'test/fixtures/net/tc_classify.o'), { kernel })
  using xdp = attachXdp(counters.program('count'), net.rightDevice, { via: 'link' })
  const [classifier] = bytes.programs.values()
  assert.ok(classifier !== undefined && xdp.link !== undefined)
  using tcx = attachTcx(classifier, net.rightDevice, { direction: 'egress' })
  const skep = (...words: string[]): string =>
    inside(net.right, process.execPath, join(root, 'dist/cli/main.js'), 'link', ...words, '--kernel', 'linux')

  const { ifindex } = net.rightDevice
  const progId = counters.program('count').info().id
  assert.deepEqual(JSON.parse(skep('show', 'id', String(xdp.link.id), '--json')), {
    id: xdp.link.id,
    type: 'xdp',
    prog_id: progId,
    devname: 'right0',
    ifindex,
  })
  assert.equal(
    skep('show', 'id', String(xdp.link.id)),
    `${xdp.link.id}: xdp  prog ${progId}  \n\tifindex right0(${ifindex})  \n`,
  )
  assert.match(
    skep('list'),
    new RegExp(
      `^${tcx.id}: tcx {2}prog \\d+ {2}\\n\\tifindex right0\\(${ifindex}\\) {2}attach_type tcx_egress {2}$`,
      'm',
    ),
  )
  skep('detach', 'id', String(xdp.link.id))
  assert.equal(net.rightDevice.info().xdp.attached, 0)
})
