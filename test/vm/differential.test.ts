import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '#src/base/index.js'
import { GENERATED_INPUT_BYTES, generateProgram, type OpKind, seededRandom } from '#src/isa/index.js'
import { Interpreter, Machine, rawImage, SkbPacket, XdpPacket } from '#src/vm/index.js'
import {
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_XDP,
  type BpfSyscall,
  kernel,
  needsKernel,
} from '../support/bpf-syscall.js'
import { testSeed } from '../support/seed.js'

type Input = 'none' | 'xdp' | 'socket_filter'

const PROGRAMS = Number(process.env.SKEP_PROGRAMS ?? 1500)
const seed = testSeed

/**
 * Linux 6.18 forgets that an atomic fetch reads the stack when it looks for the numbers a branch depends on: where paths
 * merge it may keep the wrong side of a branch with a constant. So no program has both atomics and what makes paths
 * merge: may_goto, and conditional branches.
 */
function neverTogether(number: number): OpKind[] {
  return number % 2 === 0 ? ['atomic'] : ['may_goto', 'cond']
}

/** A packet long enough for every program, with an Ethernet header that the kernel takes. */
function packetOf(number: number): Uint8Array {
  const random = seededRandom(number)
  const bytes = Uint8Array.from({ length: 14 + GENERATED_INPUT_BYTES + 32 }, () => random.below(256))
  bytes.set([0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xb5])
  return bytes
}

/** The low half of r0, as a test run gives it. */
function runOnMachine(machine: Machine, input: Input, insns: Uint8Array, packet: Uint8Array): number {
  const program = machine.install(rawImage(machine, insns, 'generated'), new Interpreter(machine))
  let ctx = 0
  if (input === 'xdp') {
    const xdp = new XdpPacket(machine.memory, machine.network)
    xdp.load(packet, 0, packet.length)
    machine.packet = xdp
    ctx = xdp.ctx
  } else {
    const skb = new SkbPacket(machine.memory, machine.network)
    skb.load(packet, 0, packet.length, false, 1)
    machine.packet = skb
    ctx = skb.ctx
  }
  try {
    program.runner.run(ctx)
    return machine.r0lo >>> 0
  } finally {
    machine.packet.free()
    machine.packet = undefined
    machine.uninstall(program)
  }
}

for (const input of ['none', 'xdp', 'socket_filter'] as const) {
  test(`generated programs give what Linux gives (${input}, seed ${seed})`, { skip: needsKernel }, () => {
    const linux = kernel as BpfSyscall
    const machine = new Machine()
    let compared = 0
    const refused: string[] = []
    for (let i = 0; i < PROGRAMS; i++) {
      const number = seed + i
      const insns = generateProgram({
        seed: number,
        input,
        length: 20 + (i % 60),
        without: neverTogether(i),
      })
      const type = input === 'xdp' ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SOCKET_FILTER
      const loaded = linux.progLoad(type, insns)
      if (loaded.fd < 0) {
        refused.push(`seed ${number}: errno ${loaded.errno}`)
        continue
      }
      const packet = packetOf(number)
      const expected = linux.testRun(loaded.fd, packet)
      linux.close(loaded.fd)
      assert.equal(expected.errno, 0, `seed ${number}`)
      const result = runOnMachine(machine, input, insns, packet)
      assert.equal(result, expected.retval, `seed ${number}: ${toHex(insns)} on ${toHex(packet)}`)
      compared++
    }
    assert.ok(compared > PROGRAMS * 0.95, `${compared} of ${PROGRAMS} compared; refused: ${refused.slice(0, 5)}`)
  })
}
