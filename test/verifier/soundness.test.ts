import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type EmbeddedKernel, embedded } from '#src/embedded/index.js'
import { KernelError, type ProgLoadResult } from '#src/kernel/index.js'
import { mapTypeByName, PROG_TYPES } from '#src/spec/index.js'
import { type MapDescription, verify } from '#src/verifier/index.js'
import { type Engine, Interpreter } from '#src/vm/index.js'
import { Random } from '../support/random.js'
import { testSeed } from '../support/seed.js'
import { type Concrete, type Kept, keep, misfit } from './support/contains.js'
import { type FuzzMap, type Generated, Generator } from './support/generate.js'

// Generated programs that the verifier accepts are run on the interpreter, and at each instruction registers and stack must lie
// inside one of the states the verifier saw there. `SKEP_STEPS=1000000 npm test -- verifier/soundness` takes more steps.

const wanted = Number(process.env['SKEP_STEPS'] ?? 0)
const seconds = wanted > 0 ? Number.POSITIVE_INFINITY : 10
const RUNNABLE: ReadonlySet<string> = new Set(['xdp', 'sched_cls', 'socket_filter', 'cgroup_skb'])
const FRAME = 512

/** The embedded kernel, with every instruction of its programs shown to `onStep`. */
function steppingKernel() {
  const kernel = embedded({ engine: 'interpreter', verifier: 'off', budget: 20_000 })
  const { machine } = kernel
  const interpreter = new Interpreter(machine)
  const engine: Engine = { name: 'interpreter', prepare: (image) => interpreter.prepareStepping(image) }
  const install = machine.install.bind(machine)
  machine.install = (image) => install(image, engine)
  return { kernel, machine, interpreter }
}

/** Without a verifier, calls are judged that it never comes to: then undefined. */
function loaded(kernel: EmbeddedKernel, { type, insns }: Generated): ProgLoadResult | undefined {
  try {
    return kernel.call('prog_load', { progType: PROG_TYPES[type].id, insns, license: 'GPL' })
  } catch (error) {
    if (error instanceof KernelError && /cannot use helper/.test(error.message)) return undefined
    throw error
  }
}

test('what a program does lies inside what the verifier thought possible', (t) => {
  const { kernel, machine, interpreter } = steppingKernel()
  using _ = kernel
  const random = new Random(testSeed)
  const maps: FuzzMap[] = []
  const described = new Map<number, MapDescription>()
  const map = (type: FuzzMap['type'], keySize: number, valueSize: number, maxEntries: number) => {
    const row = mapTypeByName(type === 'constant' ? 'array' : type)
    if (row === undefined) throw new Error(type)
    const shape = { keySize, valueSize, maxEntries }
    const flags = type === 'constant' ? 128 : 0
    const fd = kernel.call('map_create', { mapType: row.id, mapFlags: flags, ...shape })
    let contents: Uint8Array | undefined
    if (type === 'constant') {
      contents = random.bytes(valueSize)
      kernel.call('map_update_elem', { mapFd: fd, key: new Uint8Array(4), value: contents })
      kernel.call('map_freeze', { mapFd: fd })
    }
    maps.push({ fd, type, keySize, valueSize })
    described.set(fd, { name: type, type: row.id, flags, frozen: type === 'constant', contents, ...shape })
  }
  map('array', 4, 32, 4)
  map('hash', 8, 48, 16)
  map('percpu_array', 4, 16, 2)
  map('lru_hash', 4, 8, 16)
  map('ringbuf', 0, 0, 4096)
  map('constant', 4, 24, 1)

  let steps = 0
  let programs = 0
  let runs = 0
  const end = performance.now() + seconds * 1000
  for (let count = 0; performance.now() < end && (wanted === 0 || steps < wanted); count++) {
    const generated = new Generator(new Random((testSeed * 31 + count * 104_729) | 0), maps).program()
    if (!RUNNABLE.has(generated.type) || generated.functions.some(({ global }) => global)) continue
    const states = statesOf(generated, described)
    if (states === undefined) continue
    const fd = loaded(kernel, generated)
    if (fd === undefined) continue
    programs++
    let top = 0
    let ctx = 0
    let problem: string | undefined
    interpreter.onStep = (_image, slot, registers) => {
      if (slot === 0 && top === 0) {
        top = registers[20] as number
        ctx = registers[2] as number
      }
      steps++
      const depth = (top - (registers[20] as number)) / FRAME
      const packetEnd = generated.type === 'xdp' ? (machine.memory.u32[(ctx + 4) >>> 2] as number) : 0
      const at: Concrete = { registers, depth, ctx, memory: machine.memory, packetEnd }
      const here = states[slot] ?? []
      let first: string | undefined
      for (const kept of here) {
        const wrong = misfit(kept, at)
        if (wrong === undefined) return
        first ??= wrong
      }
      problem ??= `program ${count} (${generated.type}, seed ${testSeed}), instruction ${slot}: ${first ?? 'no state'} in ${here.length} states`
    }
    for (let run = 0; run < 4; run++) {
      top = 0
      runs++
      try {
        kernel.call('prog_test_run', { progFd: fd.fd, dataIn: random.bytes(14 + random.below(80)) })
      } catch (error) {
        // A may_goto goes on for millions of turns.
        if (!(error instanceof KernelError) || error.code !== 'ETIMEDOUT') {
          problem ??= `program ${count} (${generated.type}, seed ${testSeed}): ${String(error)}`
        }
      }
    }
    interpreter.onStep = undefined
    kernel.call('close', { fd: fd.fd })
    assert.equal(problem, undefined)
  }
  t.diagnostic(`${steps} steps of ${runs} runs of ${programs} programs`)
  assert.ok(steps > 1000)
})

/** The states at each instruction; undefined for a program that is refused, or too complex to be followed whole. */
function statesOf(generated: Generated, maps: ReadonlyMap<number, MapDescription>): Kept[][] | undefined {
  const states: Kept[][] = []
  const { ok } = verify(
    { insns: generated.insns, type: generated.type, license: 'GPL', cpus: 1, map: (fd) => maps.get(fd) },
    {
      logLevel: 0,
      maxInsns: 4000,
      exhaustive: true,
      onState: (slot, state) => {
        const list = states[slot]
        if (list === undefined) states[slot] = [keep(state)]
        else list.push(keep(state))
      },
    },
  )
  return ok ? states : undefined
}
