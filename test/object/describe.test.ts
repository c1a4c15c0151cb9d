import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeObject, linkProgram, openObject } from '#src/object/index.js'
import { PROG_TYPE_NAMES } from '#src/spec/index.js'
import { fixtureBytes, fixtureNames, openFixture } from './fixtures.js'

const REFUSED = new Set(['elf_map_long.o', 'mixed_maps.o', 'mixed_maps_btf.o'])
const opened = fixtureNames.filter((name) => !REFUSED.has(name))

test('what `object show --json` prints for one object', () => {
  const { programs, maps, ...rest } = describeObject(openFixture('elf_map.o'))
  assert.deepEqual(rest, {
    file: 'elf_map.o',
    name: 'elf_map',
    license: 'GPL',
    version: 0,
    byteOrder: 'little',
    btf: false,
    subprograms: [],
    externs: [],
    variables: [],
    notices: [],
  })
  assert.deepEqual(programs[2], {
    name: 'cls_main',
    section: 'classifier',
    type: 'sched_cls',
    attachType: null,
    insns: 19,
  })
  assert.equal(programs[0]?.guessed, "iproute2's tail section MAP-ID/KEY")
  assert.deepEqual(maps[0], {
    name: 'jumps',
    type: 'prog_array',
    keySize: 4,
    valueSize: 4,
    maxEntries: 4,
    flags: 0,
    pinning: 'object_ns',
    origin: 'bpf_elf_map',
    section: 'maps',
    id: 2,
    initial: [
      { key: 0, program: 'first_tail' },
      { key: 3, program: 'last_tail' },
    ],
  })
})

test('every fixture is described in plain JSON, with the size its programs have when linked', () => {
  for (const name of opened) {
    const spec = openFixture(name)
    const described = describeObject(spec)
    assert.deepEqual(JSON.parse(JSON.stringify(described)), described)
    for (const [i, program] of described.programs.entries()) {
      assert.ok(
        program.type === 'unspec' || (PROG_TYPE_NAMES as readonly string[]).includes(program.type),
        program.type,
      )
      if (program.problem !== undefined) continue
      assert.equal(linkProgram(spec, program.name).insns.length / 8, program.insns)
      assert.equal(spec.programs[i]?.name, program.name)
    }
  }
})

test('the same bytes give the same spec, a Buffer the same as a plain array', () => {
  for (const name of opened) {
    const bytes = fixtureBytes(name)
    const plain = new Uint8Array(bytes)
    assert.deepEqual(openObject(bytes, { file: name }), openObject(plain, { file: name }))
    // Opening leaves the input alone.
    assert.deepEqual(plain, new Uint8Array(bytes))
  }
})
