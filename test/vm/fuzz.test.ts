import { test } from 'node:test'
import { FormatError, toHex, UsageError } from '#src/base/index.js'
import { encodeInsns, type InsnFields, insnFields, randomInsns, seededRandom } from '#src/isa/index.js'
import { HELPERS } from '#src/spec/index.js'
import {
  BudgetError,
  ExecutionError,
  hasHelper,
  Machine,
  Memory,
  MemoryFault,
  runRaw,
  UnsupportedError,
} from '#src/vm/index.js'
import { testSeed } from '../support/seed.js'

const seed = testSeed
const ROUNDS = Number(process.env.SKEP_ROUNDS ?? 1500)
const HELPER_ROUNDS = Math.ceil(ROUNDS / 200)

function isOurs(error: unknown): boolean {
  return [FormatError, UsageError, UnsupportedError, BudgetError, MemoryFault, ExecutionError].some(
    (type) => error instanceof type,
  )
}

function check(insns: Uint8Array, what: string): void {
  // Such a program may write over the records of its machine: each has its own.
  const machine = new Machine({ memory: new Memory({ initialPages: 16 }) })
  const mem = Uint8Array.from({ length: 64 }, (_, index) => index)
  try {
    runRaw(machine, insns, mem, { budget: 20_000 })
  } catch (error) {
    if (!isOurs(error)) throw new Error(`${what}: ${toHex(insns)}`, { cause: error })
  }
}

test(`random instructions end in a result or an error of ours (seed ${seed})`, () => {
  for (let i = 0; i < ROUNDS; i++) check(randomInsns(seed + i, 1 + (i % 30)), `seed ${seed + i}`)
})

test(`random bytes end in a result or an error of ours (seed ${seed})`, () => {
  const random = seededRandom(seed)
  for (let i = 0; i < ROUNDS; i++) {
    const bytes = Uint8Array.from({ length: 8 * (1 + random.below(20)) + (random.oneIn(20) ? 3 : 0) }, () =>
      random.below(256),
    )
    check(bytes, `round ${i}`)
  }
})

test(`helpers with arguments that no verifier has seen end in a result or an error of ours (seed ${seed})`, () => {
  const random = seededRandom(seed)
  const values = [0, 1, -1, 8, 64, 100, 0x1_0000, 0x7fff_ffff, -0x8000_0000, 0x3f_fff0, 0x3f_ffff, 0x41_0000]
  for (const { id, name } of HELPERS) {
    if (!hasHelper(name)) continue
    for (let round = 0; round < HELPER_ROUNDS; round++) {
      const list: InsnFields[] = [insnFields('mov64_reg', { dst: 6, src: 1 })]
      for (let register = 1; register <= 5; register++) {
        const choice = random.below(4)
        if (choice === 0) {
          list.push(insnFields('mov64_reg', { dst: register, src: 10 }))
          list.push(insnFields('add64_imm', { dst: register, imm: -8 * random.below(64) }))
        } else if (choice === 1) list.push(insnFields('mov64_reg', { dst: register, src: 6 }))
        else list.push(insnFields('mov64_imm', { dst: register, imm: random.pick(values) }))
      }
      list.push(insnFields('call', { imm: id }), insnFields('exit'))
      check(encodeInsns(list), `helper ${name}`)
    }
  }
})
