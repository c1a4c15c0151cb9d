// From a program's instructions to its first run, and to full speed. `node build/bench/translation.js [rounds]`.
// Translation: our part (decoding, writing the module) and the host's (WebAssembly.Module), for a program that is the first of
// a process's, and the quietest of many. The host compiles functions at their first call and again in the background.
import { encodeInsns, type InsnFields, insnFields } from '#src/isa/index.js'
import { Jit, type JitRunner, Machine, rawImage } from '#src/vm/index.js'

const AIMS = new Map([
  [500, 1],
  [5_000, 10],
  [50_000, 150],
])
const rounds = Number(process.argv[2] ?? 30)
const i = insnFields
const { Module } = WebAssembly
let hostTime = 0

class TimedModule extends Module {
  constructor(bytes: Uint8Array) {
    const start = performance.now()
    super(bytes)
    hostTime += performance.now() - start
  }
}
WebAssembly.Module = TimedModule as typeof Module

/** Arithmetic, stack accesses and branches; `salt` makes it another program for every cache. */
function program(count: number, salt: number): Uint8Array {
  const insns: InsnFields[] = [
    i('mov64_imm', { dst: 0, imm: salt }),
    i('mov64_imm', { dst: 2, imm: 7 }),
    i('mov64_imm', { dst: 3, imm: 9 }),
  ]
  while (insns.length < count - 1) {
    insns.push(
      i('add64_imm', { dst: 0, imm: insns.length }),
      i('xor64_reg', { dst: 2, src: 0 }),
      i('rsh64_imm', { dst: 2, imm: 3 }),
      i('stx64', { dst: 10, src: 2, off: -8 }),
      i('ldx32', { dst: 3, src: 10, off: -8 }),
      i('jgt64_reg', { dst: 2, src: 3, off: 2 }),
      i('mul64_imm', { dst: 0, imm: 31 }),
      i('add32_reg', { dst: 3, src: 0 }),
      i('mov64_reg', { dst: 2, src: 3 }),
      i('and64_imm', { dst: 2, imm: 0xffff }),
    )
  }
  insns.push(i('exit'))
  return encodeInsns(insns)
}

interface Translation {
  readonly ours: number
  readonly host: number
  readonly runner: JitRunner
}

function translate(jit: Jit, machine: Machine, insns: Uint8Array): Translation {
  const image = rawImage(machine, insns, 'translated')
  hostTime = 0
  const start = performance.now()
  const runner = jit.prepare(image)
  runner.compile()
  return { ours: performance.now() - start - hostTime, host: hostTime, runner }
}

/** ms after the first run until runs take at most 1.3 times what they take in the end, and the ns of a run then. */
function warmUp(runner: JitRunner, count: number): { until: number; first: number; best: number } {
  const repeat = Math.max(1, Math.floor(100_000 / count))
  const start = performance.now()
  runner.run(0)
  const first = performance.now() - start
  const times: [at: number, ns: number][] = []
  while (performance.now() - start < 700) {
    const before = performance.now()
    runner.repeat(0, repeat)
    times.push([before - start, ((performance.now() - before) * 1e6) / repeat])
  }
  const sorted = times.map(([, ns]) => ns).sort((a, b) => a - b)
  const best = sorted[Math.floor(sorted.length / 20)] as number
  const full = times.findIndex(([, ns], at) => ns < best * 1.3 && (times[at + 1]?.[1] ?? 0) < best * 1.3)
  return { until: times[Math.max(0, full)]?.[0] ?? 0, first, best }
}

const heads = ['insns', 'first', 'ours', 'host', 'total', 'aim', '', 'first run', 'full speed', 'ns a run']
console.log(heads.map((head) => head.padStart(11)).join(''))
let salt = 0
for (const [count, aim] of AIMS) {
  const all: Translation[] = []
  const machine = new Machine()
  const jit = new Jit(machine)
  for (let round = 0; round < (count > 10_000 ? Math.min(rounds, 8) : rounds); round++) {
    all.push(translate(jit, machine, program(count, ++salt)))
  }
  const total = ({ ours, host }: Translation): number => ours + host
  const best = all.toSorted((a, b) => total(a) - total(b))[0] as Translation
  const { until, first, best: ns } = warmUp((all.at(-1) as Translation).runner, count)
  const cells = [
    String(count),
    total(all[0] as Translation).toFixed(2),
    best.ours.toFixed(2),
    best.host.toFixed(2),
    total(best).toFixed(2),
    String(aim),
    total(best) <= aim ? 'met' : 'not met',
    first.toFixed(2),
    until.toFixed(0),
    ns.toFixed(0),
  ]
  console.log(cells.map((cell) => cell.padStart(11)).join(''))
}
console.log('times in ms; `first`: the first translation of its size, before the translator itself is compiled')
