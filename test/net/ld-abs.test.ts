import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testRun } from '#src/embedded/test-run/index.js'
import { bpf_prog_type } from '#src/spec/index.js'
import { Interpreter, Machine } from '#src/vm/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { insns } from '../support/linux-bpf.js'
import { randomFrame } from './support/frames.js'
import { outcome } from './support/pair.js'
import { random } from './support/random.js'

const skip = linuxUnavailable()
const SIZES = [
  [0x30, 0x50],
  [0x28, 0x48],
  [0x20, 0x40],
] as const

/** r6 = ctx; r0 = *(size *)skb[imm] or skb[r7 + imm]; exit with r0. */
function program(code: number, imm: number, indirect: number): Uint8Array {
  return insns(
    [0xbf, 0x16, 0, 0],
    [0xb7, 0x07, 0, indirect],
    [0xb7, 0x00, 0, 7],
    [code, (code & 0xe0) === 0x40 ? 0x70 : 0, 0, imm],
    [0x07, 0x00, 0, 3],
    [0x95, 0x00, 0, 0],
  )
}

test('LD_ABS and LD_IND at every offset, SKF_NET_OFF and SKF_LL_OFF too', { skip }, () => {
  const kernel = openLinux()
  const r = random()
  const bases = [0, 0, 0, -0x100000, -0x200000, 0x7fff_ffff - 100]
  for (const type of ['SOCKET_FILTER', 'SCHED_CLS', 'SCHED_ACT'] as const) {
    const progType = bpf_prog_type[`BPF_PROG_TYPE_${type}`]
    for (let run = 0; run < 250; run++) {
      const frame = randomFrame(r, 60, 120)
      const [abs, ind] = r.pick(SIZES)
      const offset = (r.pick(bases) + r.below(140) - 20) | 0
      const indirect = r.chance(0.5) ? 0 : r.below(60) - 30
      const code = program(r.chance(0.5) ? abs : ind, offset, indirect)
      const { fd } = kernel.call('prog_load', { progType, insns: code, license: 'GPL' })
      const machine = new Machine()
      const image = {
        ...{ name: 'ld', type: progType, expectedAttachType: 0, insns: code, refs: new Map() },
        ...{ handle: machine.createHandle(undefined), hasFrags: false, sleepable: false },
      }
      const loaded = machine.install(image, new Interpreter(machine))
      const request = { progFd: fd, dataIn: frame }
      assert.deepEqual(
        outcome(() => testRun(machine, loaded, request)),
        outcome(() => kernel.call('prog_test_run', request)),
        `${type} seed ${r.seed} run ${run} offset ${offset} indirect ${indirect}`,
      )
      kernel.call('close', { fd })
    }
  }
  kernel[Symbol.dispose]()
})
