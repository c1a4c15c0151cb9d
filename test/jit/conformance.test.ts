import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fromHex } from '#src/base/index.js'
import { Jit, type JitOptions, Machine, runRaw } from '#src/vm/index.js'
import { sharedData } from '../support/paths.js'

const file = sharedData('conformance/isa.jsonl')
const skip = file === undefined && 'shared/conformance is absent'

const modes: Record<string, JitOptions> = {
  default: {},
  'without checks': { checked: false },
  'constants blinded': { blinded: () => true },
  'without counting': { counted: false },
  'without wasm tail calls': { tailCalls: false },
}

for (const [name, options] of Object.entries(modes)) {
  test(`every vector of the conformance suite on the jit, ${name}`, { skip }, () => {
    const lines = readFileSync(file as string, 'utf8')
      .trim()
      .split('\n')
    assert.ok(lines.length > 200)
    const machine = new Machine()
    const engine = new Jit(machine, options)
    const wrong: string[] = []
    for (const line of lines) {
      const vector = JSON.parse(line) as { name: string; insns: string; mem: string; result: string }
      try {
        const { r0 } = runRaw(machine, fromHex(vector.insns), fromHex(vector.mem), { budget: 1_000_000, engine })
        if (r0 !== BigInt(`0x${vector.result}`)) wrong.push(`${vector.name}: ${r0.toString(16)} not ${vector.result}`)
      } catch (error) {
        wrong.push(`${vector.name}: ${error}`)
      }
    }
    assert.deepEqual(wrong, [])
  })
}
