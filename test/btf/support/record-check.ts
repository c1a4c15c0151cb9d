// Records what Linux says to BTF that is wrong: node build/test/btf/support/record-check.js ./record-check > test/fixtures/btf/check.expected.json
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { handMade, loadable, MUTATED, mutations } from './check-cases.js'

const SEED = 20261121
const COUNT = 2000

function load(blobs: readonly Uint8Array[]): { errno: number; log: string }[] {
  const input = Buffer.concat(
    blobs.flatMap((blob) => {
      const length = Buffer.alloc(4)
      length.writeUInt32LE(blob.length)
      return [length, blob]
    }),
  )
  const run = spawnSync(process.argv[2] ?? './record-check', { input, maxBuffer: 1 << 30 })
  if (run.status !== 0) throw new Error('record-check failed')
  const output = run.stdout.toString('latin1')
  let at = 0
  return blobs.map(() => {
    const [head = '', errno, length] = /^(\d+) (\d+)\n/.exec(output.slice(at, at + 40)) ?? []
    const start = at + head.length
    at = start + Number(length)
    return { errno: Number(errno), log: output.slice(start, at) }
  })
}

const named = { ...handMade(), ...Object.fromEntries(MUTATED.map((file) => [file, loadable(file)])) }
const answers = load(Object.values(named))
const cases = Object.fromEntries(
  Object.keys(named).map((name, i) => {
    const { errno, log } = answers[i]!
    return [name, errno === 0 ? { errno, log: hash(log) } : { errno, log }]
  }),
)
const mutated = load(mutations(SEED, COUNT)).map(({ errno, log }) => `${errno} ${hash(log)}`)

function hash(log: string): string {
  return createHash('sha256').update(log, 'latin1').digest('hex').slice(0, 12)
}

console.log(JSON.stringify({ cases, seed: SEED, mutated }, null, 2))
