// Interpreter speed on small loops: ns per instruction. `node build/bench/interpreter.js [seconds per loop]`.
import { encodeInsns, type InsnFields, insnFields } from '#src/isa/index.js'
import { Interpreter, Machine, rawImage } from '#src/vm/index.js'

const i = insnFields

/** A loop of `body`, run r9 = `count` times. */
function loop(body: InsnFields[], count: number, before: InsnFields[] = []): InsnFields[] {
  const prologue = [i('mov64_imm', { dst: 0 }), i('mov64_imm', { dst: 9, imm: count }), ...before]
  const end = [
    i('sub64_imm', { dst: 9, imm: 1 }),
    i('jne64_imm', { dst: 9, imm: 0, off: -(body.length + 2) }),
    i('exit'),
  ]
  return [...prologue, ...body, ...end]
}

const programs: Record<string, InsnFields[]> = {
  'alu64 add, xor, shift, mul': [
    i('add64_imm', { dst: 0, imm: 0x1234567 }),
    i('mov64_reg', { dst: 1, src: 0 }),
    i('rsh64_imm', { dst: 1, imm: 13 }),
    i('xor64_reg', { dst: 0, src: 1 }),
    i('mul64_imm', { dst: 0, imm: 0x85ebca6b | 0 }),
    i('mov64_reg', { dst: 2, src: 0 }),
    i('lsh64_imm', { dst: 2, imm: 7 }),
    i('add64_reg', { dst: 0, src: 2 }),
    i('or64_imm', { dst: 0, imm: 1 }),
    i('and64_imm', { dst: 2, imm: 0xff }),
  ],
  'alu32 jhash-like': [
    i('mov32_reg', { dst: 1, src: 0 }),
    i('lsh32_imm', { dst: 1, imm: 4 }),
    i('mov32_reg', { dst: 2, src: 0 }),
    i('rsh32_imm', { dst: 2, imm: 28 }),
    i('or32_reg', { dst: 1, src: 2 }),
    i('xor32_reg', { dst: 0, src: 1 }),
    i('add32_imm', { dst: 0, imm: 0x1eadbeef }),
    i('sub32_reg', { dst: 1, src: 0 }),
    i('mul32_imm', { dst: 0, imm: 31 }),
    i('add32_reg', { dst: 0, src: 1 }),
  ],
  'stack loads and stores': [
    i('stx64', { dst: 10, src: 9, off: -8 }),
    i('ldx32', { dst: 1, src: 10, off: -8 }),
    i('stx32', { dst: 10, src: 1, off: -16 }),
    i('ldx8', { dst: 2, src: 10, off: -16 }),
    i('ldx16', { dst: 3, src: 10, off: -8 }),
    i('st32', { dst: 10, imm: 5, off: -24 }),
    i('ldx64', { dst: 4, src: 10, off: -24 }),
    i('add64_reg', { dst: 0, src: 4 }),
  ],
  branches: [
    i('mov64_reg', { dst: 1, src: 9 }),
    i('and64_imm', { dst: 1, imm: 7 }),
    i('jeq64_imm', { dst: 1, imm: 3, off: 2 }),
    i('jgt64_imm', { dst: 1, imm: 5, off: 2 }),
    i('add64_imm', { dst: 0, imm: 1 }),
    i('jset64_imm', { dst: 9, imm: 1, off: 1 }),
    i('add64_imm', { dst: 0, imm: 2 }),
    i('jslt32_imm', { dst: 9, imm: 4, off: 1 }),
    i('add64_imm', { dst: 0, imm: 3 }),
  ],
  'div and mod by 64-bit registers': [
    i('mov64_reg', { dst: 1, src: 9 }),
    i('mul64_imm', { dst: 1, imm: 0x7fffffff }),
    i('mul64_imm', { dst: 1, imm: 0x7fffffff }),
    i('mov64_imm', { dst: 2, imm: 1000 }),
    i('mod64_reg', { dst: 1, src: 2 }),
    i('add64_reg', { dst: 0, src: 1 }),
  ],
  'helper calls (ktime_get_ns)': [i('call', { imm: 5 }), i('mov64_reg', { dst: 1, src: 0 })],
  'helper calls (get_smp_processor_id)': [i('call', { imm: 8 }), i('mov64_reg', { dst: 1, src: 0 })],
}

function run(name: string, insns: InsnFields[], seconds: number): void {
  const machine = new Machine()
  const interpreter = new Interpreter(machine)
  const image = rawImage(machine, encodeInsns(insns), name)
  let executed = 0
  const stepping = interpreter.prepareStepping(image)
  const runner = interpreter.prepare(image)
  interpreter.onStep = () => {
    executed++
  }
  stepping.run(0)
  for (let warm = 0; warm < 20; warm++) runner.run(0)
  const times: number[] = []
  const start = performance.now()
  while (performance.now() - start < seconds * 1000) {
    const from = performance.now()
    runner.run(0)
    times.push(((performance.now() - from) * 1e6) / executed)
  }
  times.sort((a, b) => a - b)
  const median = times[times.length >> 1] as number
  console.log(`${name.padEnd(40)} ${median.toFixed(2).padStart(7)} ns/insn  (best ${(times[0] as number).toFixed(2)})`)
}

const seconds = Number(process.argv[2] ?? 0.5)
for (const [name, body] of Object.entries(programs)) {
  try {
    run(name, loop(body, 100_000), seconds)
  } catch (error) {
    console.log(`${name}: ${error}`)
  }
}
