// Generated instruction sequences on Linux and on both engines: every register and stack slot they leave, all 64 bits.
// SKEP_LONG=1 runs many more; SKEP_SEED=n repeats a run.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { toHex } from '#src/base/index.js'
import { embedded } from '#src/embedded/index.js'
import {
  disassemble,
  GENERATED_INPUT_BYTES,
  GENERATED_RESULT_BYTES,
  type GenerateOptions,
  generateProgram,
  seededRandom,
} from '#src/isa/index.js'
import { type Fd, type Kernel, KernelError } from '#src/kernel/index.js'
import { bpf_map_type, bpf_prog_type } from '#src/spec/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { testSeed } from '../support/seed.js'

const skip = linuxUnavailable()
const long = process.env['SKEP_LONG'] === '1'
const PROGRAMS = long ? 40_000 : 800
const seed = testSeed

interface Side {
  readonly kernel: Kernel
  readonly map: Fd
}

let sides: readonly [linux: Side, jit: Side, interpreter: Side]

function side(kernel: Kernel): Side {
  const map = kernel.call('map_create', {
    mapType: bpf_map_type.BPF_MAP_TYPE_ARRAY,
    keySize: 4,
    valueSize: GENERATED_RESULT_BYTES,
    maxEntries: 1,
  })
  return { kernel, map }
}

before(() => {
  if (skip === false) {
    sides = [side(openLinux()), side(embedded({ engine: 'jit' })), side(embedded({ engine: 'interpreter' }))]
  }
})
after(() => {
  for (const { kernel } of sides ?? []) kernel[Symbol.dispose]()
})

/** r0 and the result map after one run; or the errno by which the kernel refuses the program. */
function results({ kernel, map }: Side, type: number, options: GenerateOptions, dataIn: Uint8Array): string {
  const key = new Uint8Array(4)
  kernel.call('map_update_elem', { mapFd: map, key, value: new Uint8Array(GENERATED_RESULT_BYTES) })
  let progFd: Fd
  try {
    const insns = generateProgram({ ...options, resultMap: map })
    progFd = kernel.call('prog_load', { progType: type, insns, license: 'GPL' }).fd
  } catch (error) {
    if (error instanceof KernelError) return error.message
    throw error
  }
  const { retval } = kernel.call('prog_test_run', { progFd, dataIn })
  kernel.call('close', { fd: progFd })
  return `${retval.toString(16)} ${toHex(kernel.call('map_lookup_elem', { mapFd: map, key }))}`
}

const INPUTS = [
  ['none', bpf_prog_type.BPF_PROG_TYPE_SOCKET_FILTER],
  ['socket_filter', bpf_prog_type.BPF_PROG_TYPE_SOCKET_FILTER],
  ['xdp', bpf_prog_type.BPF_PROG_TYPE_XDP],
] as const

for (const [input, type] of INPUTS) {
  test(`${PROGRAMS} programs on ${input}, from seed ${seed}`, { skip }, () => {
    const seen = new Set<string>()
    for (let number = seed; number < seed + PROGRAMS; number++) {
      const random = seededRandom(number ^ 0x5bd1e995)
      const packet = Uint8Array.from({ length: 14 + GENERATED_INPUT_BYTES + 40 }, () => random.below(256))
      packet.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5])
      const options: GenerateOptions = {
        seed: number,
        input,
        length: 10 + random.below(90),
        cpu: random.pick([1, 2, 3, 4, 4, 4] as const),
        // Linux forgets that atomic fetches read the stack when it decides which branches are dead: never both.
        without: number % 2 === 0 ? ['atomic'] : ['may_goto', 'cond'],
      }
      const [theirs = '', compiled, interpreted] = sides.map((one) => results(one, type, options, packet))
      seen.add(theirs)
      if (compiled === theirs && interpreted === theirs) continue
      assert.deepEqual(
        { compiled, interpreted },
        { compiled: theirs, interpreted: theirs },
        `input ${input}, SKEP_SEED=${number}:\n${disassemble(generateProgram({ ...options, resultMap: 1 }))}`,
      )
    }
    assert.ok(seen.size > PROGRAMS * 0.9, `results tell programs apart: ${seen.size} of ${PROGRAMS}`)
  })
}
