import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '#src/base/index.js'
import {
  encodeInsns,
  GENERATED_INPUT_BYTES,
  generateProgram,
  type InsnFields,
  insnFields,
  insnSlots,
  type OpName,
  type Random,
  seededRandom,
} from '#src/isa/index.js'
import {
  type Engine,
  Interpreter,
  Jit,
  type JitOptions,
  Machine,
  rawImage,
  runRaw,
  WasmInterpreter,
  XdpPacket,
} from '#src/vm/index.js'
import { BPF_PROG_TYPE_XDP, type BpfSyscall, kernel, needsKernel } from '../support/bpf-syscall.js'
import { testSeed } from '../support/seed.js'

const seed = testSeed
const PROGRAMS = Number(process.env.SKEP_PROGRAMS ?? 600)

const modes: Record<string, JitOptions> = {
  default: {},
  unchecked: { checked: false, counted: false },
  blinded: { blinded: () => true },
}

/** Every engine that must give what the reference interpreter gives. */
const engines: Record<string, (machine: Machine) => Engine> = {
  'interpreter in WebAssembly': (machine) => new WasmInterpreter(machine),
}
for (const [name, options] of Object.entries(modes)) engines[`jit, ${name}`] = (machine) => new Jit(machine, options)

/** What a run gives, or the name of its error. */
function outcome(machine: Machine, engine: Engine, insns: Uint8Array, mem: Uint8Array, budget: number): string {
  try {
    const result = runRaw(machine, insns, mem, { engine, budget })
    return `${result.r0.toString(16)} ${toHex(result.mem)}`
  } catch (error) {
    return (error as Error).name
  }
}

for (const [name, make] of Object.entries(engines)) {
  test(`generated programs give what the reference interpreter gives (${name}, seed ${seed})`, () => {
    const machine = new Machine()
    const interpreter = new Interpreter(machine)
    const jit = make(machine)
    for (let i = 0; i < PROGRAMS; i++) {
      const random = seededRandom(seed + i)
      const insns = generateProgram({ seed: seed + i, input: 'memory', length: 20 + (i % 80), subprogs: i % 3 })
      const mem = Uint8Array.from({ length: GENERATED_INPUT_BYTES }, () => random.below(256))
      const expected = outcome(machine, interpreter, insns, mem, 1_000_000)
      assert.equal(outcome(machine, jit, insns, mem, 1_000_000), expected, `seed ${seed + i}: ${toHex(insns)}`)
    }
  })
}

/** Blocks that jump to one another in every direction, also into the middle of loops, until a count runs out. */
function tangle(random: Random): Uint8Array {
  const i = insnFields
  const blocks = 2 + random.below(12)
  const ops: OpName[] = ['add64_reg', 'xor64_reg', 'mul64_imm', 'add32_imm', 'rsh64_imm', 'lsh32_imm', 'sub64_reg']
  const conditions: OpName[] = ['jgt64_reg', 'jset64_imm', 'jslt32_reg', 'jeq64_imm', 'jne32_imm', 'jle64_imm']
  const code: { fields: InsnFields; to?: number }[] = [
    ...[0, 1, 2, 3, 4].map((dst) => ({ fields: i('mov64_imm', { dst, imm: random.s32() }) })),
    { fields: i('mov64_imm', { dst: 9, imm: 200 + random.below(200) }) },
  ]
  const starts: number[] = []
  for (let block = 0; block < blocks; block++) {
    starts.push(code.length)
    for (let n = random.below(4); n > 0; n--) {
      const op = random.pick(ops)
      const imm = op.includes('sh') ? random.below(32) : random.s32()
      const operand = op.endsWith('imm') ? { imm } : { src: random.below(5) }
      code.push({ fields: i(op, { dst: random.below(5), ...operand }) })
    }
    code.push({ fields: i('sub64_imm', { dst: 9, imm: 1 }) }, { fields: i('jeq64_imm', { dst: 9 }), to: blocks })
    for (let n = random.below(3); n > 0; n--) {
      const op = random.pick(conditions)
      const operand = op.endsWith('imm') ? { imm: random.s32() } : { src: random.below(5) }
      code.push({ fields: i(op, { dst: random.below(5), ...operand }), to: random.below(blocks) })
    }
    if (random.below(3) > 0) code.push({ fields: i('goto'), to: random.below(blocks) })
  }
  code.push({ fields: i('goto'), to: random.below(blocks) })
  starts.push(code.length)
  for (const src of [1, 2, 3, 4]) code.push({ fields: i('xor64_reg', { dst: 0, src }) })
  code.push({ fields: i('exit') })
  assert.ok(code.every(({ fields }) => insnSlots(fields) === 1))
  return encodeInsns(
    code.map(({ fields, to }, at) => (to === undefined ? fields : { ...fields, off: starts[to]! - at - 1 })),
  )
}

test(`control flow of any shape gives what the interpreter gives (seed ${seed})`, () => {
  const machine = new Machine()
  const interpreter = new Interpreter(machine)
  const others = Object.entries(engines).map(([name, make]) => ({ name, engine: make(machine) }))
  const none = new Uint8Array(0)
  for (let i = 0; i < PROGRAMS * 2; i++) {
    const insns = tangle(seededRandom(seed * 7 + i))
    const expected = outcome(machine, interpreter, insns, none, 1_000_000)
    // The budget is where an endless one ends: without counting there is no end.
    for (const { name, engine } of others) {
      if (name === 'jit, unchecked') continue
      const given = outcome(machine, engine, insns, none, 1_000_000)
      assert.equal(given, expected, `${name}, tangle ${seed * 7 + i}: ${toHex(insns)}`)
    }
  }
})

test(`generated programs give what Linux gives (seed ${seed})`, { skip: needsKernel }, () => {
  const linux = kernel as BpfSyscall
  const machine = new Machine()
  const all = Object.values(engines).map((make) => make(machine))
  let compared = 0
  for (let i = 0; i < PROGRAMS; i++) {
    const number = seed + i
    const random = seededRandom(number)
    // See test/vm/differential.test.ts on what never stands together.
    const without = i % 2 === 0 ? (['atomic'] as const) : (['may_goto', 'cond'] as const)
    const insns = generateProgram({ seed: number, input: 'xdp', length: 20 + (i % 60), without })
    const loaded = linux.progLoad(BPF_PROG_TYPE_XDP, insns)
    if (loaded.fd < 0) continue
    const packet = Uint8Array.from({ length: 14 + GENERATED_INPUT_BYTES + 32 }, () => random.below(256))
    const expected = linux.testRun(loaded.fd, packet)
    linux.close(loaded.fd)
    assert.equal(expected.errno, 0, `seed ${number}`)
    for (const engine of all) {
      const xdp = new XdpPacket(machine.memory, machine.network)
      xdp.load(packet, 0, packet.length)
      const program = machine.install(rawImage(machine, insns, 'generated'), engine)
      machine.packet = xdp
      program.runner.run(xdp.ctx)
      assert.equal(machine.r0lo >>> 0, expected.retval, `seed ${number}: ${toHex(insns)} on ${toHex(packet)}`)
      machine.packet = undefined
      xdp.free()
      machine.uninstall(program)
    }
    compared++
  }
  assert.ok(compared > PROGRAMS * 0.9, `${compared} of ${PROGRAMS} compared`)
})
