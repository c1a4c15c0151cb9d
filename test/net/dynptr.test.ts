import assert from 'node:assert/strict'
import { test } from 'node:test'
import { embedded } from '#src/embedded/index.js'
import { load } from '#src/sdk/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { randomFrame } from './support/frames.js'
import { fixture, outcome, type Run } from './support/pair.js'
import { random } from './support/random.js'

const skip = linuxUnavailable()

test('packets through dynptrs', { skip }, async () => {
  using ours = embedded()
  using theirs = openLinux()
  const mine = await load(fixture('helpers/dynptr.o'), { kernel: ours })
  const linux = await load(fixture('helpers/dynptr.o'), { kernel: theirs })
  const r = random()
  for (const name of ['dynptr_tc', 'dynptr_xdp', 'dynptr_socket']) {
    for (let run = 0; run < 1500; run++) {
      const xdp = name === 'dynptr_xdp'
      const frame = randomFrame(r, 220, xdp && r.chance(0.3) ? 9000 : 500)
      const view = new DataView(frame.buffer)
      const near = (): number => (r.chance(0.05) ? r.u32() : r.chance(0.5) ? r.below(60) : r.below(frame.length + 10))
      for (let index = 0; index < 3; index++) {
        const at = 128 + index * 24
        view.setUint32(at, r.u32(), true)
        view.setUint32(at + 4, near(), true)
        view.setUint32(at + 8, near(), true)
        view.setUint32(at + 12, near(), true)
        view.setBigUint64(at + 16, r.chance(0.8) ? 0n : BigInt(r.below(5)), true)
      }
      const ctxIn = new Uint8Array(24)
      const linear = r.chance(0.5) ? 200 + r.below(frame.length - 199) : frame.length
      new DataView(ctxIn.buffer).setUint32(4, linear, true)
      const request: Run = { dataIn: frame, dataSizeOut: 20_000, ...(xdp ? { ctxIn } : {}) }
      assert.deepEqual(
        outcome(() => mine.program(name).testRun(request)),
        outcome(() => linux.program(name).testRun(request)),
        `${name} seed ${r.seed} run ${run} linear ${linear} of ${frame.length}`,
      )
    }
  }
})
