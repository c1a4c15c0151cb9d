import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assemble } from '#src/isa/index.js'
import {
  BudgetError,
  type Engine,
  ExecutionError,
  Interpreter,
  Jit,
  Machine,
  MemoryFault,
  runRaw,
  WasmInterpreter,
} from '#src/vm/index.js'

type EngineName = 'reference' | 'interpreter' | 'jit'

function make(engine: EngineName, machine: Machine): Engine {
  if (engine === 'jit') return new Jit(machine)
  return engine === 'interpreter' ? new WasmInterpreter(machine) : new Interpreter(machine)
}

function errorOf(engine: EngineName, text: string, budget = 1_000_000): Error {
  const machine = new Machine()
  try {
    runRaw(machine, assemble(text), new Uint8Array(16), {
      engine: make(engine, machine),
      budget,
    })
  } catch (error) {
    return error as Error
  }
  assert.fail(`no error on the ${engine}: ${text}`)
}

const sameMessage: Record<string, string> = {
  'read through NULL': 'r2 = 0\nr0 = *(u64 *)(r2 + 8)\nexit',
  'write near NULL': 'r2 = 100\n*(u32 *)(r2 + 4) = 7\nexit',
  'read through a number': 'r2 = 0x123456789abcdef ll\nr0 = *(u8 *)(r2 + 0)\nexit',
  'atomic through NULL': 'r2 = 0\nr1 = 1\nlock *(u64 *)(r2 + 0) += r1\nexit',
  'too deep': 'call pc-1\nexit',
}

for (const [name, text] of Object.entries(sameMessage)) {
  for (const engine of ['interpreter', 'jit'] as const) {
    test(`the ${engine} fails as the reference interpreter does: ${name}`, () => {
      const expected = errorOf('reference', text)
      const error = errorOf(engine, text)
      assert.equal(error.name, expected.name)
      if (expected instanceof MemoryFault) assert.equal(error.message, expected.message)
    })
  }
}

test('an address beyond the memory is a fault at its instruction', () => {
  const error = errorOf('jit', 'r2 = 0xfff00000 ll\nr3 = 0\nr0 = *(u64 *)(r2 + 8)\nexit')
  assert.ok(error instanceof MemoryFault)
  assert.equal(error.pc, 3)
})

test('an endless loop ends with the budget', () => {
  for (const engine of ['interpreter', 'jit'] as const) {
    const error = errorOf(engine, 'r0 = 0\nl: r0 += 1\ngoto l\nexit')
    assert.ok(error instanceof BudgetError)
    assert.equal(error.pc, engine === 'jit' ? 1 : 2)
  }
})

test('the budget is used about as the interpreter uses it', () => {
  const text = 'r0 = 0\nr1 = 1000\nl: r0 += r1\nr1 -= 1\nif r1 != 0 goto l\nexit'
  for (const engine of ['reference', 'interpreter', 'jit'] as const) {
    const machine = new Machine()
    const options = { engine: make(engine, machine) }
    assert.equal(runRaw(machine, assemble(text), new Uint8Array(0), { ...options, budget: 3100 }).r0, 500500n)
    assert.throws(() => runRaw(machine, assemble(text), new Uint8Array(0), { ...options, budget: 2900 }), BudgetError)
  }
})

test('running off the end is an error of the run', () => {
  assert.ok(errorOf('jit', 'r0 = 0\nr1 = 1') instanceof ExecutionError)
  assert.ok(errorOf('interpreter', 'r0 = 0\nr1 = 1') instanceof ExecutionError)
})
