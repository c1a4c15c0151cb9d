import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeBtf, type NewBtfType, parseBtf } from '#src/btf/index.js'
import { getCode, getImm, getOff } from '#src/isa/index.js'
import { linkProgram } from '#src/object/index.js'
import { openFixture } from './fixtures.js'

const int: NewBtfType = {
  kind: 'int',
  name: 'int',
  size: 4,
  bits: 32,
  bitOffset: 0,
  signed: true,
  char: false,
  bool: false,
}
const member = (name: string, type: number, bytes: number) => ({ name, type, bitOffset: bytes * 8, bitSize: 0 })

/** A kernel where task_struct begins with padding and the map type enum has another number. */
const target = parseBtf(
  encodeBtf([
    int,
    {
      kind: 'struct',
      name: 'task_struct',
      size: 200,
      kindFlag: false,
      members: [member('group_leader', 3, 16), member('tgid', 1, 100), member('pid', 1, 96)],
    },
    { kind: 'ptr', name: '', type: 2 },
    { kind: 'struct', name: 'mm_struct', size: 8, kindFlag: false, members: [member('other', 1, 0)] },
    { kind: 'enum', name: 'bpf_map_type', size: 4, signed: false, values: [{ name: 'BPF_MAP_TYPE_HASH', value: 33 }] },
  ]),
  { file: 'imagined kernel' },
)

/** What a relocation puts into the instruction at `slot`: the offset of a load, or an immediate. */
function patched(insns: Uint8Array, slot: number): number {
  return (getCode(insns, slot) & 7) === 1 ? getOff(insns, slot) : getImm(insns, slot)
}

test('CO-RE relocations take the layout of the target', () => {
  const spec = openFixture('core.o')
  const linked = linkProgram(spec, 'prog', { targets: [target] })
  const outcome = (access: string, kind: string) =>
    linked.core.find((each) => each.access.includes(access) && each.kind === kind)
  assert.ok(linked.core.length >= 6)
  assert.ok(linked.core.every(({ done }) => done === 'patched'))
  assert.ok(outcome('task_struct', 'field_byte_offset'))
  assert.ok(outcome('no_such_field', 'field_exists'))
  const compiled = linkProgram(spec, 'prog').insns
  const values = linked.core.map(({ access, kind, slot }) => [
    `${kind} ${access.replace(/^.*?(struct|enum) /, '')}`,
    patched(compiled, slot),
    patched(linked.insns, slot),
  ])
  // As compiled, and on the target: fields moved, the enumerator has another number, what is not there is 0.
  assert.deepEqual(values, [
    ['field_byte_offset task_struct.group_leader', 8, 16],
    ['field_byte_offset task_struct.pid', 0, 96],
    ['field_byte_size task_struct.group_leader', 8, 8],
    ['field_exists mm_struct___skep.no_such_field', 1, 0],
    ['type_exists no_such_struct', 1, 0],
    ['enumval_value bpf_map_type___skep::BPF_MAP_TYPE_HASH___skep', 77, 33],
  ])
  assert.equal(linkProgram(spec, 'prog').coreSkipped, linked.core.length)
})

test('a field that is missing poisons its instruction and says what was tried', () => {
  const spec = openFixture('core.o')
  const linked = linkProgram(spec, 'poisoned', { targets: [target] })
  const poisoned = linked.core.filter(({ done }) => done === 'poisoned')
  assert.equal(poisoned.length, 1)
  const [{ slot, access, candidates, reason } = assert.fail()] = poisoned
  assert.match(access, /struct mm_struct___skep\.no_such_field/)
  assert.match(candidates[0]?.type ?? '', /struct mm_struct/)
  assert.equal(candidates[0]?.file, 'imagined kernel')
  assert.ok(reason)
  assert.deepEqual([getCode(linked.insns, slot), getImm(linked.insns, slot)], [0x85, 0xbad2310])
})
