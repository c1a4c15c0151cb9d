import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fromHex } from '#src/base/index.js'
import { type Engine, Interpreter, Machine, runRaw, WasmInterpreter } from '#src/vm/index.js'
import { sharedData } from '../support/paths.js'

const file = sharedData('conformance/isa.jsonl')

const engines: Record<string, (machine: Machine) => Engine> = {
  'the reference interpreter': (machine) => new Interpreter(machine),
  'the interpreter in WebAssembly': (machine) => new WasmInterpreter(machine),
}

for (const [engineName, make] of Object.entries(engines))
  test(`every vector of the conformance suite on ${engineName}`, {
    skip: file === undefined && 'shared/conformance is absent',
  }, () => {
    const lines = readFileSync(file as string, 'utf8')
      .trim()
      .split('\n')
    assert.ok(lines.length > 200)
    const machine = new Machine()
    const engine = make(machine)
    const wrong: string[] = []
    for (const line of lines) {
      const vector = JSON.parse(line) as { name: string; insns: string; mem: string; result: string }
      try {
        const { r0 } = runRaw(machine, fromHex(vector.insns), fromHex(vector.mem), { budget: 1_000_000, engine })
        if (r0 !== BigInt(`0x${vector.result}`)) wrong.push(`${vector.name}: ${toHex64(r0)} not ${vector.result}`)
      } catch (error) {
        wrong.push(`${vector.name}: ${error}`)
      }
    }
    assert.deepEqual(wrong, [])
  })

function toHex64(value: bigint): string {
  return value.toString(16)
}
