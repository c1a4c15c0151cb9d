import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { toHex } from '#src/base/index.js'
import { applyCoreRelo, CoreResolver, type CoreResult, parseBtf, parseBtfExt } from '#src/btf/index.js'
import { btfBytes, objectPath, objectSections } from './support/objects.js'

const sections = objectSections('core.o')
const local = parseBtf(sections.get('.BTF')!, { file: 'core.o' })
const target = parseBtf(btfBytes('core-target.o'), { file: 'core-target.o' })
const relos = parseBtfExt(sections.get('.BTF.ext')!, local).coreRelos

/** What libbpf made of each program, recorded by record-core.c: instructions in hex, or "refused". */
const expected: Record<string, string> = JSON.parse(readFileSync(objectPath('core.expected.json'), 'utf8'))

function resolveAll(program: string, resolver = new CoreResolver(local, [target])): CoreResult[] {
  const group = relos.find((g) => g.section === `raw_tp/${program}`)
  return (group?.records ?? []).map((relo) => resolver.resolve(relo))
}

function relocate(program: string): string {
  const insns = sections.get(`raw_tp/${program}`)!.slice()
  const records = relos.find((g) => g.section === `raw_tp/${program}`)?.records ?? []
  for (const [i, result] of resolveAll(program).entries()) {
    if (applyCoreRelo(insns, records[i]!.insnOff, result).done === 'refused') return 'refused'
  }
  return toHex(insns)
}

test('every program is relocated as libbpf relocates it', () => {
  const different: string[] = []
  for (const [program, wanted] of Object.entries(expected)) {
    const got = relocate(program)
    if (got !== wanted) different.push(`${program}\n  libbpf ${wanted}\n  here   ${got}`)
  }
  assert.deepEqual(different, [])
  assert.ok(Object.keys(expected).length > 140)
})

test('the recorded choices cover every relocation kind, poisoning and refusal', () => {
  const kinds = new Set(relos.flatMap((g) => g.records.map((r) => r.kind)))
  assert.equal(kinds.size, 13)
  assert.ok(Object.values(expected).includes('refused'))
  assert.ok(Object.values(expected).some((insns) => insns.includes('850000001023ad0b')))
})

function failure(program: string): Extract<CoreResult, { ok: false }> {
  const result = resolveAll(program).find((r) => !r.ok)
  assert.ok(result !== undefined && !result.ok, program)
  return result
}

test('a failure says what was accessed, what was tried and why each failed', () => {
  const missing = failure('now_anon_missing')
  assert.equal(missing.fatal, false)
  assert.equal(missing.access, 'struct now_anon.missing')
  assert.equal(missing.candidates.length, 1)
  assert.match(missing.candidates[0]!.type, /^\[\d+\] struct now_anon$/)
  assert.equal(missing.candidates[0]!.why, "struct now_anon has no field 'missing'")

  const absent = failure('absent_field')
  assert.match(absent.reason, /no type absent of this kind/)

  const outside = failure('load_outer_many_6_out_of_bounds')
  assert.equal(outside.access, 'struct outer.many[6].more')
  assert.match(outside.candidates[0]!.why, /5 elements, index 6/)

  const incompatible = failure('fetch_number_now_pointer')
  assert.match(incompatible.candidates[0]!.why, /incompatible type \(ptr .* there, int here\)/)

  const ambiguous = failure('ambiguous_first')
  assert.equal(ambiguous.fatal, true)
  assert.equal(ambiguous.candidates.length, 2)
  assert.match(ambiguous.reason, /ambiguous: .*twice___a.*twice___b.* different offsets \(0 and 4\)|\(4 and 0\)/)
})

test('without a target every field is unknown and the hint says what to give', () => {
  const result = resolveAll('fetch_moved_a', new CoreResolver(local, []))[0]!
  assert.ok(!result.ok && result.hint !== undefined && result.reason === 'no target BTF was given')
})

test('malformed relocations are refused, not thrown', () => {
  const resolver = new CoreResolver(local, [target])
  const typeId = local.findByName('moved', 'struct')!
  for (const access of ['', ':', '0:', '0:99', '0:2:1:1', 'x', '0:1:-1', '1'.repeat(400), '0:'.repeat(70) + '0']) {
    const result = resolver.resolve({ typeId, access, kind: 'field_byte_offset' })
    assert.ok(!result.ok && result.fatal, access)
  }
  assert.equal(resolver.resolve({ typeId: 1_000_000, access: '0', kind: 'type_exists' }).ok, false)
  assert.equal(resolver.resolve({ typeId, access: '0', kind: 'enumval_value' }).ok, false)
})

test('an instruction that does not hold the recorded value is refused', () => {
  const result = resolveAll('load_moved_a')[0]!
  const insns = sections.get('raw_tp/load_moved_a')!.slice()
  insns[10] = 44
  assert.equal(applyCoreRelo(insns, 8, result).done, 'refused')
  assert.equal(applyCoreRelo(insns, 4, result).done, 'refused')
  assert.equal(applyCoreRelo(insns, 800, result).done, 'refused')
})
