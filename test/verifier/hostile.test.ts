import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeBtf, parseBtf } from '#src/btf/index.js'
import { mapTypeByName, PROG_TYPE_NAMES } from '#src/spec/index.js'
import { type MapDescription, type VerifyProgram, verify } from '#src/verifier/index.js'
import { Random } from '../support/random.js'
import { testSeed } from '../support/seed.js'
import { type FuzzMap, Generator } from './support/generate.js'

// Whatever the bytes are, the answer is a verdict in bounded time: no crash, no endless walk, no exception of the verifier's own.

const seconds = Number(process.env['SKEP_SECONDS'] ?? 4)
const array = mapTypeByName('array')
const MAPS: readonly FuzzMap[] = [
  { fd: 3, type: 'array', keySize: 4, valueSize: 32 },
  { fd: 4, type: 'hash', keySize: 8, valueSize: 48 },
  { fd: 5, type: 'ringbuf', keySize: 0, valueSize: 0 },
  { fd: 6, type: 'constant', keySize: 4, valueSize: 24 },
]

const btf = parseBtf(
  encodeBtf([
    { kind: 'int', name: 'int', size: 4, signed: true, char: false, bool: false, bits: 32, bitOffset: 0 },
    { kind: 'func_proto', name: '', type: 1, params: [{ name: 'a', type: 3 }] },
    // A pointer to itself, an array of itself, a function that is its own prototype.
    { kind: 'ptr', name: '', type: 3 },
    { kind: 'array', name: '', type: 4, indexType: 1, length: 0xffff_ffff },
    { kind: 'func', name: 'f', type: 2, linkage: 'global' },
    {
      kind: 'struct',
      name: 's',
      size: 8,
      kindFlag: false,
      members: [{ name: 'm', type: 6, bitOffset: 0, bitSize: 0 }],
    },
    { kind: 'func_proto', name: '', type: 4, params: [{ name: '', type: 6 }] },
    { kind: 'func', name: 'g', type: 7, linkage: 'static' },
  ]),
)

function describe(random: Random, fd: number): MapDescription | undefined {
  if (random.once(9)) return undefined
  return {
    name: `m${fd}`,
    type: random.once(2) ? (array?.id ?? 2) : random.below(36),
    keySize: random.pick([0, 4, 4, 8, 0xffff_ffff]),
    valueSize: random.pick([0, 8, 32, 0xffff_ffff]),
    maxEntries: random.pick([0, 1, 4, 0xffff_ffff]),
    flags: random.once(3) ? random.u32() : 0,
    frozen: random.once(3),
    contents: random.once(3) ? random.bytes(random.below(40)) : undefined,
    btf: random.once(2) ? btf : undefined,
    btfKeyTypeId: random.below(12),
    btfValueTypeId: random.below(12),
  }
}

/** A good program with bytes changed, instructions moved, or nothing but noise. */
function stream(random: Random): Uint8Array {
  if (random.once(6)) return random.bytes(8 * (1 + random.below(40)))
  const insns = new Generator(random, MAPS).program().insns
  for (let i = random.below(12); i > 0; i--) {
    const at = random.below(insns.length)
    if (random.once(3)) insns.copyWithin(random.below(insns.length / 8) * 8, (at >> 3) * 8, (at >> 3) * 8 + 8)
    else insns[at] = random.once(2) ? random.below(256) : (insns[at] as number) ^ (1 << random.below(8))
  }
  return insns
}

test('hostile instructions and BTF get a verdict', (t) => {
  const end = performance.now() + seconds * 1000
  let count = 0
  let accepted = 0
  for (; performance.now() < end; count++) {
    const random = new Random((testSeed * 131 + count * 104_729) | 0)
    const insns = stream(random)
    const records = random.once(2) ? [] : [0, random.below(20), random.below(60)].sort((a, b) => a - b)
    const program: VerifyProgram = {
      insns,
      type: random.pick(PROG_TYPE_NAMES),
      license: random.pick(['GPL', '', 'x']),
      sleepable: random.once(4),
      attachBtfId: random.below(12),
      map: (fd) => describe(new Random(testSeed + count * 64 + fd), fd),
      btf: random.once(2) ? btf : undefined,
      kernelBtf: random.once(2) ? btf : undefined,
      funcInfo: records.map((insnOff) => ({ insnOff, typeId: random.below(12) })),
    }
    const level = random.pick([0, 1, 2, 4])
    const result = verify(program, { logLevel: level, maxInsns: 20_000 })
    if (result.ok) accepted++
    const message = result.diagnostics[0]?.message ?? ''
    assert.doesNotMatch(message, /internal error/, `program ${count}, seed ${testSeed}: ${message}`)
    assert.equal(result.ok, result.errno === undefined)
  }
  t.diagnostic(`${count} programs, ${accepted} accepted`)
  assert.ok(count > 10)
})
