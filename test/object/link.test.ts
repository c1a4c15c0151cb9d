import assert from 'node:assert/strict'
import { test } from 'node:test'
import { R_BPF, SHF, STB, STT, writeElf } from '#src/elf/index.js'
import { getCode, getImm, getOff, getSrc } from '#src/isa/index.js'
import { linkProgram, ObjectError, openObject, patchProgram } from '#src/object/index.js'
import { fixtureBytes, found, openFixture } from './fixtures.js'

const layout = (name: string, program: string) =>
  linkProgram(openFixture(name), program).functions.map((each) => [each.name, each.start])

test('subprograms follow depth first, each behind the first that needs it', () => {
  for (const name of ['subprogs.o', 'subprogs_nobtf.o', 'subprogs_be.o']) {
    const names = (program: string) => layout(name, program).map(([each]) => each)
    assert.deepEqual(names('first'), ['first', 'global_sum', 'leaf'])
    assert.deepEqual(names('second'), ['second', 'each', 'global_sum', 'leaf', 'weak_step', 'hidden_step'])
    assert.deepEqual(names('third'), ['third', 'leaf', 'hidden_step'])
    assert.deepEqual(names('alone'), ['alone'])
  }
})

test('calls and callbacks point at the appended functions', () => {
  for (const name of ['subprogs.o', 'subprogs_be.o']) {
    const { insns, functions } = linkProgram(openFixture(name), 'second')
    const starts = new Map(functions.map((each) => [each.start, each.name]))
    const reached = new Set<string>()
    for (let slot = 0; slot < insns.length / 8; slot++) {
      const call = getCode(insns, slot) === 0x85 && getSrc(insns, slot) === 1
      const callback = getCode(insns, slot) === 0x18 && getSrc(insns, slot) === 4
      if (call || callback) reached.add(found(starts.get(slot + getImm(insns, slot) + 1)))
      if (callback) assert.equal(getImm(insns, slot + 1), 0)
      if (getCode(insns, slot) === 0x18) slot++
    }
    assert.deepEqual([...reached].sort(), ['each', 'global_sum', 'hidden_step', 'leaf', 'weak_step'])
  }
})

test('the same source in either byte order links to the same instructions', () => {
  for (const [little, big, program] of [
    ['subprogs.o', 'subprogs_be.o', 'first'],
    ['subprogs.o', 'subprogs_be.o', 'second'],
    ['elf_map.o', 'elf_map_be.o', 'cls_main'],
  ] as const) {
    assert.deepEqual(linkProgram(openFixture(big), program).insns, linkProgram(openFixture(little), program).insns)
  }
})

test('maps stay symbolic, with their pseudo source in place', () => {
  const { fixups, insns } = linkProgram(openFixture('globals.o'), 'prog')
  assert.ok(fixups.length > 10)
  for (const fixup of fixups) {
    assert.equal(fixup.kind, 'map_value')
    assert.equal(getSrc(insns, fixup.slot), 2)
    if (fixup.kind === 'map_value') assert.equal(getImm(insns, fixup.slot + 1), fixup.offset)
  }
  const maps = linkProgram(openFixture('btf_maps.o'), 'count')
  assert.deepEqual(new Set(maps.fixups.map((fixup) => fixup.kind)), new Set(['map_fd']))
})

test('patching fills in descriptors, symbols and kfuncs, and what is missing as libbpf does', () => {
  const spec = openFixture('ksyms.o')
  const linked = linkProgram(spec, 'prog')
  const slot = (name: string) => found(linked.fixups.find((fixup) => 'name' in fixup && fixup.name === name)).slot
  const insns = patchProgram(spec, linked, {
    mapFd: () => 77,
    ksym: ({ name }) => (name === 'schedule' ? { address: 0xffff_ffff_8123_4567n } : undefined),
    kfunc: ({ name }) => (name.startsWith('bpf_task') ? { btfId: name.length, fdIndex: 3 } : undefined),
  })
  assert.equal(getImm(insns, slot('schedule')), 0x81234567 | 0)
  assert.equal(getImm(insns, slot('schedule') + 1), -1)
  assert.deepEqual([getSrc(insns, slot('bpf_prog_active')), getImm(insns, slot('bpf_prog_active'))], [0, 0])
  assert.deepEqual([getImm(insns, slot('bpf_task_acquire')), getOff(insns, slot('bpf_task_acquire'))], [16, 3])
  const missing = found(linked.fixups.find((fixup) => fixup.kind === 'kfunc' && fixup.name === 'no_such_kfunc'))
  assert.equal(getImm(insns, missing.slot), 2002000000 + spec.externs.findIndex(({ name }) => name === 'no_such_kfunc'))
  assert.throws(
    () => patchProgram(spec, linked, { mapFd: () => 1 }),
    /extern \(ksym\) 'schedule' \(strong\): not resolved/,
  )

  const maps = openFixture('btf_maps.o')
  const count = linkProgram(maps, 'count')
  const poisoned = patchProgram(maps, count, { mapFd: (map) => (map === 'bloom' ? undefined : 5) })
  const bloom = found(count.fixups.find((fixup) => fixup.kind === 'map_fd' && fixup.map === 'bloom')).slot
  assert.equal(getCode(poisoned, bloom), 0x85)
  assert.equal(getImm(poisoned, bloom), 2001000000 + maps.maps.findIndex(({ name }) => name === 'bloom'))
  assert.equal(getImm(poisoned, bloom + 1), getImm(poisoned, bloom))
})

test('the exception callback comes last', () => {
  assert.deepEqual(
    layout('exception.o', 'guarded').map(([name]) => name),
    ['guarded', 'check', 'on_throw'],
  )
})

test('function and line records follow their functions', () => {
  const { funcInfo, lineInfo, functions } = linkProgram(openFixture('subprogs.o'), 'second')
  assert.deepEqual(
    funcInfo.map(({ insnOff }) => insnOff),
    functions.map(({ start }) => start),
  )
  assert.equal(lineInfo[0]?.insnOff, 0)
  assert.match(lineInfo[0]?.fileName ?? '', /subprogs\.c$/)
  assert.ok(lineInfo.some(({ text }) => text.includes('weak_step(sum)')))
  const without = linkProgram(openFixture('subprogs_nobtf.o'), 'second')
  assert.deepEqual([without.funcInfo, without.lineInfo], [[], []])
})

test('what one program cannot have stops that program only', () => {
  const spec = openFixture('broken_refs.o')
  assert.equal(linkProgram(spec, 'fine').insns.length, 16)
  assert.throws(() => linkProgram(spec, 'uses_section'), /bad map relo against 'strange' in section 'my_section'/)
  assert.throws(() => linkProgram(spec, 'calls_nothing'), /failed to find BTF for extern 'not_defined'/)
  assert.throws(
    () => linkProgram(spec, 'nobody'),
    (error) => error instanceof ObjectError && /it has uses_section, calls_nothing, fine/.test(error.hint ?? ''),
  )
})

const EXIT = [0x95, 0, 0, 0, 0, 0, 0, 0]
const call = (imm: number) => [0x85, 0x10, 0, 0, imm & 255, (imm >> 8) & 255, (imm >> 16) & 255, (imm >> 24) & 255]
const code = { flags: SHF.ALLOC | SHF.EXECINSTR }

test('calls by section and offset, by RELA, and into the same section without relocations', () => {
  const bytes = writeElf({
    sections: [
      {
        name: 'xdp',
        ...code,
        // Calls: static function 'second' of .text by section symbol; 'first' by RELA; 'local' without relocation.
        data: Uint8Array.from([...call(1), ...call(0), ...call(1), ...EXIT, ...EXIT]),
        relocations: [
          { offset: 0, type: R_BPF.CALL32, symbol: 0, addend: 16n },
          { offset: 8, type: R_BPF.CALL32, symbol: 1, addend: 0n },
        ],
      },
      { name: '.text', ...code, data: Uint8Array.from([...EXIT, ...EXIT, ...EXIT]) },
    ],
    symbols: [
      { name: '', section: 2, bind: STB.LOCAL, type: STT.SECTION },
      { name: 'first', section: 2, size: 16, type: STT.FUNC },
      { name: 'second', section: 2, value: 16, size: 8, bind: STB.LOCAL, type: STT.FUNC },
      { name: 'prog', section: 1, size: 32, type: STT.FUNC },
      { name: 'local', section: 1, value: 32, bind: STB.LOCAL, type: STT.FUNC },
    ],
  })
  const spec = openObject(bytes)
  assert.deepEqual(
    spec.programs.map(({ name }) => name),
    ['prog'],
  )
  const { functions, insns } = linkProgram(spec, 'prog')
  assert.deepEqual(
    functions.map(({ name, start }) => [name, start]),
    [
      ['prog', 0],
      ['second', 4],
      ['first', 5],
      ['local', 7],
    ],
  )
  assert.deepEqual(
    [0, 1, 2].map((slot) => slot + 1 + getImm(insns, slot)),
    [4, 5, 7],
  )
})

test('functions that call each other in a circle, or in a very long chain, link', () => {
  const chain = 20_000
  const data = new Uint8Array(chain * 16)
  for (let i = 0; i < chain; i++) data.set([...call(i === chain - 1 ? -2 * chain + 1 : 1), ...EXIT], i * 16)
  const bytes = writeElf({
    sections: [
      { name: '.text', ...code, data },
      {
        name: 'xdp',
        ...code,
        data: Uint8Array.from([...call(-1), ...EXIT]),
        relocations: [{ offset: 0, type: R_BPF.CALL32, symbol: 0 }],
      },
    ],
    symbols: [
      ...Array.from({ length: chain }, (_, i) => ({
        name: `f${i}`,
        section: 1,
        value: i * 16,
        size: 16,
        type: STT.FUNC,
      })),
      { name: 'prog', section: 2, size: 16, type: STT.FUNC },
    ],
  })
  const linked = linkProgram(openObject(bytes), 'prog')
  assert.equal(linked.insns.length, data.length + 16)
  assert.equal(linked.functions[1]?.name, 'f0')
})

test('a section without symbols is a program named after it', () => {
  const bytes = writeElf({ sections: [{ name: 'socket/7', ...code, data: Uint8Array.from(EXIT) }] })
  const spec = openObject(bytes)
  assert.deepEqual(
    spec.programs.map(({ name, type }) => [name, type]),
    [['socket_7', 'socket_filter']],
  )
})

test('guesses are stated', () => {
  const spec = openFixture('old_sections.o')
  const of = (name: string) => found(spec.programs.find((program) => program.name === name))
  assert.deepEqual([of('in_classifier').type, of('in_classifier').guessed], ['sched_cls', false])
  assert.deepEqual([of('in_from_netdev').type, of('in_from_netdev').guessed], ['sched_cls', true])
  assert.deepEqual(
    [of('in_by_context').type, of('in_by_context').reason],
    ['sched_cls', 'its context is a struct __sk_buff'],
  )
  assert.deepEqual([of('xdp_by_context').type, of('xdp_by_context').attachType], ['xdp', 'xdp'])
  assert.deepEqual([of('nothing_known').type, of('nothing_known').guessed], ['unspec', false])
  const plain = openFixture('text_only.o')
  assert.deepEqual(
    plain.programs.map(({ name, type }) => [name, type]),
    [['entry', 'xdp']],
  )
  assert.deepEqual(
    openObject(fixtureBytes('text_only_nobtf.o')).programs.map(({ name, type }) => [name, type]),
    [['entry', 'unspec']],
  )
})
