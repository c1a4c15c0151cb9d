import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assemble, type ConstantMemory, generateProgram, reachableInsns } from '#src/isa/index.js'
import { Interpreter, Machine, rawImage } from '#src/vm/index.js'
import { testSeed } from '../support/seed.js'

/** The slots that are reached, as text: `x` reached, `.` not. */
function reach(text: string, memory?: (slot: number) => ConstantMemory | undefined): string {
  const reached = reachableInsns(
    assemble(text, { resolveSymbol: () => ({ src: 2, value: (1n << 32n) | 3n }) }),
    memory === undefined ? {} : { memory },
  )
  return [...reached].map((slot) => (slot === 1 ? 'x' : '.')).join('')
}

test('a branch on constants goes one way', () => {
  assert.equal(reach('r1 = 5\nif r1 == 5 goto +1\nr9 = 1\nr0 = 0\nexit'), 'xx.xx')
  assert.equal(reach('r1 = 5\nif r1 == 6 goto +1\nr9 = 1\nr0 = 0\nexit'), 'xxxxx')
  assert.equal(reach('r1 = -1\nif w1 s> 0 goto +1\ngoto +1\nr9 = 1\nr0 = 0\nexit'), 'xxx.xx')
  assert.equal(reach('r1 = 0x100000000 ll\nif w1 != 0 goto +1\ngoto +1\nr9 = 1\nr0 = 0\nexit'), 'xxxx.xx')
  assert.equal(reach('r1 = 12\nr1 <<= 2\nr1 &= 0x20\nif r1 & 0x20 goto +1\nr9 = 1\nr0 = 0\nexit'), 'xxxx.xx')
})

test('both ways where the value depends on the way here', () => {
  assert.equal(reach('r1 = 1\nif r2 > 3 goto +1\nr1 = 0\nif r1 == 0 goto +1\nr9 = 1\nr0 = 0\nexit'), 'xxxxxxx')
  // A loop: the counter is 3 only at first.
  assert.equal(reach('r1 = 3\nr1 -= 1\nif r1 != 0 goto -2\nr0 = 0\nexit'), 'xxxxx')
})

test('calls forget what they clobber, keep the rest and reach subprograms', () => {
  assert.equal(reach('r1 = 1\ncall 7\nif r1 == 1 goto +1\nr9 = 1\nr0 = 0\nexit'), 'xxxxxx')
  assert.equal(reach('r6 = 1\ncall 7\nif r6 == 1 goto +1\nr9 = 1\nr0 = 0\nexit'), 'xxx.xx')
  assert.equal(reach('r6 = 1\nif r6 == 1 goto +1\ncall pc+2\nr0 = 0\nexit\nr0 = 1\nexit'), 'xx.xx..')
  assert.equal(reach('call pc+2\nr0 = 0\nexit\nr0 = 1\nexit'), 'xxxxx')
})

test('constant memory is read, beyond its end it is not', () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 0xfe)
  const memory: ConstantMemory = (offset, size) => {
    if (offset < 0 || offset + size > bytes.length) return undefined
    let value = 0n
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[offset + i] as number)
    return value
  }
  const program = (offset: number, size: string, value: string) =>
    `r1 = data ll\nr1 += 1\nr2 = *(${size} *)(r1 + ${offset})\nif r2 == ${value} goto +1\nr9 = 1\nr0 = 0\nexit`
  const at = () => memory
  assert.equal(reach(program(0, 'u16', '0x403'), at), 'xxxxx.xx')
  assert.equal(reach(program(2, 's8', '-2'), at), 'xxxxx.xx')
  assert.equal(reach(program(2, 'u8', '254'), at), 'xxxxx.xx')
  assert.equal(reach(program(2, 'u16', '254'), at), 'xxxxxxxx')
  assert.equal(reach(program(0, 'u16', '0x403')), 'xxxxxxxx')
  // Come to again on another way, with other registers: the same memory, whoever hands it out.
  const again = `r6 = 0\nif r2 > 3 goto +1\nr6 = 1\n${program(0, 'u16', '0x403')}`
  assert.equal(
    reach(again, () => (offset, size) => memory(offset, size)),
    'xxxxxxxx.xx',
  )
})

test('whatever a generated program executes is reachable', () => {
  const machine = new Machine()
  const first = testSeed
  const engine = new Interpreter(machine)
  for (let seed = first; seed < first + 300; seed++) {
    const insns = generateProgram({ seed, length: 60, input: 'none' })
    const reached = reachableInsns(insns)
    const program = machine.install(rawImage(machine, insns), {
      name: 'interpreter',
      prepare: (image) => engine.prepareStepping(image),
    })
    engine.onStep = (_image, slot) => assert.equal(reached[slot], 1, `seed ${seed}: slot ${slot} was executed`)
    program.runner.run(0)
    machine.uninstall(program)
  }
})
