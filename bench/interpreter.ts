// Both interpreters on small loops, beside the compilers: ns per instruction, median (best); the aim of the one in
// WebAssembly is 1.4 to 3.3. `node build/bench/interpreter.js [seconds per loop]`.
import { encodeInsns, type InsnFields, insnFields } from '#src/isa/index.js'
import { Interpreter, Jit, Machine, rawImage, WasmInterpreter } from '#src/vm/index.js'
import { BPF_PROG_TYPE_SCHED_CLS, kernel } from '../test/support/bpf-syscall.js'

/** Runs of one BPF_PROG_TEST_RUN: many, because a call has a fixed cost. */
const LINUX_REPEAT = 500

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

/** Median and best of repeated measurements for `seconds`, in ns. */
function measure(seconds: number, once: () => number): { median: number; best: number } {
  const times: number[] = []
  const start = performance.now()
  while (performance.now() - start < seconds * 1000) times.push(once())
  times.sort((a, b) => a - b)
  return { median: times[times.length >> 1] as number, best: times[0] as number }
}

/** ns a run on Linux's JIT, by its own clock; undefined where bpf(2) does not work or the program is refused. */
function onLinux(insns: Uint8Array): number | undefined {
  if (kernel === undefined) return undefined
  const { fd } = kernel.progLoad(BPF_PROG_TYPE_SCHED_CLS, insns)
  if (fd < 0) return undefined
  try {
    const packet = new Uint8Array(64)
    const from = performance.now()
    kernel.testRun(fd, packet, { repeat: LINUX_REPEAT })
    return ((performance.now() - from) * 1e6) / LINUX_REPEAT
  } finally {
    kernel.close(fd)
  }
}

function run(name: string, insns: Uint8Array, seconds: number): void {
  const machine = new Machine()
  const interpreter = new Interpreter(machine)
  let executed = 0
  const stepping = interpreter.prepareStepping(rawImage(machine, insns, name))
  interpreter.onStep = () => {
    executed++
  }
  stepping.run(0)
  const engines = [new WasmInterpreter(machine), interpreter, new Jit(machine)] as const
  const times = engines.map((engine) => {
    const runner = engine.prepare(rawImage(machine, insns, name))
    for (let warm = 0; warm < 50; warm++) runner.run(0)
    return measure(seconds, () => {
      const from = performance.now()
      runner.run(0)
      return ((performance.now() - from) * 1e6) / executed
    })
  })
  const linux = onLinux(insns)
  const cells = times.map(({ median, best }) => `${median.toFixed(2).padStart(8)} (${best.toFixed(2)})`.padEnd(18))
  console.log(`${name.padEnd(36)}${cells.join('')}${linux === undefined ? '-' : (linux / executed).toFixed(2)}`)
}

const seconds = Number(process.argv[2] ?? 0.5)
console.log(
  `${''.padEnd(36)}${['    wasm', '    JavaScript', '    jit', 'Linux JIT'].map((head) => head.padEnd(18)).join('')}`,
)
for (const [name, body] of Object.entries(programs)) run(name, encodeInsns(loop(body, 10_000)), seconds)
