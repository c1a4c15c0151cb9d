import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeText } from '#src/base/index.js'
import { SHF, SHT, STB, STT, writeElf } from '#src/elf/index.js'
import { describeObject, kernelName, type MapSpec, mapCreation, ObjectError, openObject } from '#src/object/index.js'
import { fixtureBytes, found, openFixture } from './fixtures.js'

const brief = (map: MapSpec) => [map.type, map.keySize, map.valueSize, map.maxEntries, map.flags, map.pinning]
const named = (name: string, map: string) => found(openFixture(name).maps.find((candidate) => candidate.name === map))

for (const name of ['btf_maps.o', 'btf_maps_be.o', 'btf_maps_v1.o']) {
  test(`${name}: .maps in every form`, () => {
    const spec = openFixture(name)
    const map = (wanted: string) => found(spec.maps.find((candidate) => candidate.name === wanted))
    assert.deepEqual(brief(map('flows')), ['hash', 12, 16, 1024, 1, 'by_name'])
    assert.deepEqual(brief(map('sized')), ['array', 4, 24, 4, 4, 'none'])
    assert.equal(map('sized').numaNode, 0)
    assert.equal(map('bloom').mapExtra, 3n)
    assert.deepEqual(brief(found(map('outer').inner)), ['array', 4, 8, 8, 0, 'none'])
    assert.deepEqual(map('outer').initial, [
      { key: 0, kind: 'map', name: 'inner_a' },
      { key: 2, kind: 'map', name: 'inner_b' },
    ])
    assert.deepEqual(brief(found(map('anonymous_inner').inner)), ['hash', 4, 4, 2, 0, 'none'])
    assert.deepEqual(map('jumps').initial, [
      { key: 1, kind: 'program', name: 'tail_one' },
      { key: 5, kind: 'program', name: 'tail_two' },
    ])
    assert.ok(map('flows').btfKeyTypeId > 0 && map('flows').btfValueTypeId > 0)
  })
}

test('struct bpf_map_def, with BTF, without, big-endian', () => {
  for (const name of ['map_def.o', 'map_def_nobtf.o', 'map_def_be.o']) {
    const spec = openFixture(name)
    assert.deepEqual(spec.maps.map(brief), [
      ['percpu_array', 4, 8, 256, 0, 'none'],
      ['lpm_trie', 8, 4, 1000, 1, 'none'],
    ])
    assert.ok(spec.maps.every((map) => map.origin === 'bpf_map_def'))
  }
})

test("the kernel samples' longer struct, version, and numbered sections in the program array", () => {
  const spec = openFixture('map_def_samples.o')
  assert.equal(spec.version, 0x060c00)
  const [inner, outer, jumps] = spec.maps
  assert.equal(inner?.numaNode, 0)
  assert.equal(outer?.inner?.type, 'hash')
  assert.deepEqual(outer?.extra, [0, 0])
  assert.deepEqual(jumps?.initial, [
    { key: 0, kind: 'program', name: 'zero' },
    { key: 1, kind: 'program', name: 'one' },
  ])
})

test("one section for each map keeps the definition's other words", () => {
  const spec = openFixture('map_paths.o')
  assert.deepEqual(
    spec.maps.map(({ name, section }) => [name, section]),
    [
      ['first', 'maps/first'],
      ['second', 'maps/second'],
    ],
  )
  const words = new Uint32Array(new Uint8Array(encodeText('tenant\0\0')).buffer)
  assert.deepEqual(spec.maps[1]?.extra, [2, ...words, 0, 0, 0, 0])
})

test("Aya's id and pinning", () => {
  assert.equal(named('map_def_id_pinning.o', 'BLOCKLIST').pinning, 'by_name')
  const events = named('map_def_id_pinning.o', 'EVENTS')
  assert.equal(events.pinning, 'none')
  assert.equal(mapCreation(events, { cpus: 6, pageSize: 4096 }).maxEntries, 6)
})

for (const name of ['elf_map.o', 'elf_map_btf.o', 'elf_map_be.o']) {
  test(`${name}: iproute2's struct bpf_elf_map`, () => {
    const spec = openFixture(name)
    const [jumps, accounting, custom, inside, around] = spec.maps
    assert.ok(spec.maps.every((map) => map.origin === 'bpf_elf_map'))
    assert.deepEqual(
      spec.maps.map((map) => map.pinning),
      ['object_ns', 'global_ns', 'scope 7', 'none', 'none'],
    )
    assert.equal(jumps?.id, 2)
    assert.deepEqual(jumps?.initial, [
      { key: 0, kind: 'program', name: 'first_tail' },
      { key: 3, kind: 'program', name: 'last_tail' },
    ])
    assert.equal(accounting?.valueSize, 8)
    assert.equal(custom?.type, 'hash')
    // BPF_ANNOTATE_KV_PAIR gives types, where there is BTF.
    assert.equal(found(accounting).btfKeyTypeId > 0 && found(accounting).btfValueTypeId > 0, name === 'elf_map_btf.o')
    assert.equal(custom?.btfKeyTypeId, 0)
    assert.equal(inside?.id, 9)
    assert.equal(around?.inner?.valueSize, 4)
    assert.deepEqual(around?.initial, [{ key: 1, kind: 'map', name: 'inside' }])
    const tail = found(spec.programs.find((program) => program.name === 'first_tail'))
    assert.deepEqual([tail.type, tail.guessed], ['sched_cls', true])
    assert.match(tail.reason ?? '', /tail section/)
  })
}

test('an older bpf_elf_map is zero-filled with a notice, a newer one refused', () => {
  const spec = openFixture('elf_map_short.o')
  assert.deepEqual(spec.notices, ['Note: 8 bytes struct bpf_elf_map fixup performed due to size mismatch!'])
  assert.deepEqual(spec.maps[0]?.initial, [{ key: 1, kind: 'program', name: 'tail' }])
  assert.throws(() => openFixture('elf_map_long.o'), /'table' has 40 bytes, more than the 36 known/)
})

test('two kinds of definition in one object are refused, naming both', () => {
  for (const name of ['mixed_maps.o', 'mixed_maps_btf.o']) {
    assert.throws(
      () => openFixture(name),
      (error) =>
        error instanceof ObjectError &&
        error.section === 'maps' &&
        /'ours' is a struct bpf_map_def \(20 bytes\), 'theirs' a struct bpf_elf_map \(36 bytes\)/.test(error.message),
    )
  }
})

/** An object whose `maps` section holds records of these sizes, without BTF. */
function legacy(sizes: readonly number[], codeSection = 'xdp', named = true): Uint8Array {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  let at = 0
  return writeElf({
    sections: [
      {
        name: codeSection,
        flags: SHF.ALLOC | SHF.EXECINSTR,
        data: Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0),
      },
      { name: 'maps', data: Uint8Array.from({ length: total }, (_, i) => (i % 4 === 0 ? 1 : 0)) },
    ],
    symbols: [
      { name: 'prog', section: 1, size: 16, type: STT.FUNC },
      ...(named
        ? sizes.map((size, i) => {
            at += size
            return { name: `map${i}`, section: 2, value: at - size, size, type: STT.OBJECT }
          })
        : []),
    ],
  })
}

test('how the two legacy structs are told apart without BTF', () => {
  const origin = (bytes: Uint8Array) => openObject(bytes).maps.map((map) => map.origin)
  assert.deepEqual(origin(legacy([20])), ['bpf_map_def'])
  assert.deepEqual(origin(legacy([36, 36])), ['bpf_elf_map', 'bpf_elf_map'])
  assert.deepEqual(origin(legacy([28])), ['bpf_map_def'])
  assert.deepEqual(origin(legacy([28], 'classifier')), ['bpf_elf_map'])
  assert.deepEqual(origin(legacy([28], '3/1')), ['bpf_elf_map'])
  assert.deepEqual(origin(legacy([24])), ['bpf_map_def'])
  assert.deepEqual(openObject(legacy([24])).maps[0]?.extra, [1])
  assert.deepEqual(origin(legacy([48])), ['bpf_map_def'])
  assert.throws(() => openObject(legacy([16])), /has 16 bytes, needs 20/)
  assert.deepEqual(origin(legacy([16], 'classifier')), ['bpf_elf_map'])
  assert.throws(() => openObject(legacy([20, 36])), /mixes two kinds/)
  assert.throws(() => openObject(legacy([24, 28])), /unable to determine legacy map definition size.*24 bytes.*28/)
  assert.throws(() => openObject(legacy([22])), /22 bytes/)
  assert.throws(
    () => openObject(legacy([20], 'xdp', false)),
    /no maps found: section 'maps' has 20 bytes but no symbol/,
  )
})

test('data sections are maps named and flagged as by libbpf', () => {
  const flags = (name: string) => Object.fromEntries(openFixture(name).maps.map((map) => [map.name, map.flags]))
  assert.deepEqual(flags('globals.o'), {
    'globals.rodata': 0x480,
    'globals.data': 0x400,
    '.data.mine': 0x400,
    '.rodata.mine': 0x480,
    '.data.private': 0,
    'globals.bss': 0x400,
    '.bss.mine': 0x400,
  })
  assert.deepEqual(flags('globals_nobtf.o')['globals_.rodata'], 0x80)
  const names = (file: string) =>
    openObject(fixtureBytes('globals.o'), { file }).maps.map(({ name, section }) => [section, name])
  assert.deepEqual(
    names('/some/where/a-long-object-name.bpf.o').filter(([section]) => section === '.bss' || section === '.rodata'),
    [
      ['.rodata', 'a_long_o.rodata'],
      ['.bss', 'a_long_o.bss'],
    ],
  )
  assert.equal(kernelName('.rodata.and_a_long_tail'), '.rodata.and_a_l')
  assert.equal(kernelName('äöüäöüäöü'), 'äöüäöüä')
})

test('an arena and its variables; struct_ops with their functions', () => {
  const arena = named('arena.o', 'arena')
  assert.deepEqual([...found(arena.contents)], [5, 0, 0, 0, 0, 0, 0, 0])
  const spec = openFixture('struct_ops.o')
  const [link, spare] = spec.maps
  assert.equal(link?.flags, 0x2000)
  assert.equal(link?.structOps?.typeName, 'tcp_congestion_ops')
  assert.deepEqual(
    link?.structOps?.functions.map(({ member, offset, program }) => [member, offset, program]),
    [
      ['ssthresh', 0, 'skep_ssthresh'],
      ['cong_avoid', 8, 'skep_cong_avoid'],
      ['undo_cwnd', 16, 'skep_undo_cwnd'],
    ],
  )
  assert.deepEqual([spare?.autocreate, link?.autocreate], [false, true])
})

test('ring buffers are rounded to what kernels take', () => {
  const events = named('btf_maps.o', 'events')
  const size = (maxEntries: number) => mapCreation({ ...events, maxEntries }, { cpus: 1, pageSize: 4096 }).maxEntries
  assert.deepEqual([0, 1, 4096, 4097, 12288, 1 << 24, 0xffff_ffff].map(size), [
    0,
    4096,
    4096,
    8192,
    16384,
    1 << 24,
    0xffff_ffff,
  ])
})

test('a spec is plain data: cloning it changes nothing', () => {
  for (const name of ['btf_maps.o', 'ksyms.o', 'struct_ops.o', 'elf_map.o']) {
    const spec = openFixture(name)
    assert.deepEqual(structuredClone(spec), spec)
    assert.deepEqual(openFixture(name), spec)
    assert.deepEqual(JSON.parse(JSON.stringify(describeObject(structuredClone(spec)))), describeObject(spec))
  }
})

test('.maps without BTF says what to do; empty and foreign files are named', () => {
  const bytes = writeElf({
    sections: [
      { name: '.maps', data: new Uint8Array(32) },
      { name: 'license', data: encodeText('GPL\0') },
      { name: '.bss', type: SHT.NOBITS, size: 8 },
    ],
    symbols: [{ name: 'map', section: 1, size: 32, type: STT.OBJECT, bind: STB.GLOBAL }],
  })
  assert.throws(
    () => openObject(bytes, { file: 'x.o' }),
    (error) =>
      error instanceof ObjectError &&
      /x\.o: DATASEC '\.maps' not found/.test(error.message) &&
      /-g/.test(error.hint ?? ''),
  )
  assert.throws(() => openObject(new Uint8Array(0), { file: 'x.o' }), /^ObjectError: x\.o: elf: the file is empty/)
  assert.throws(
    () => openObject(writeElf({ sections: [], machine: 62 })),
    /not a valid eBPF object file: it is for x86-64/,
  )
  assert.deepEqual(openObject(writeElf({ sections: [] })).programs, [])
})
