import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { toHex } from '#src/base/index.js'
import { encodeFuncInfo, encodeLineInfo, parseBtf } from '#src/btf/index.js'
import { getCode, getImm, setImm } from '#src/isa/index.js'
import { linkProgram, loadableBtf, type MapSpec, mapCreation } from '#src/object/index.js'
import { attachTypeByName, progTypeId } from '#src/spec/index.js'
import { root } from '../support/paths.js'
import { openFixture } from './fixtures.js'

// What libbpf 1.5 made of our fixtures, recorded by scripts/record/libbpf-link.sh.
const folder = join(root, 'test/recorded/object')
const recorded = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.jsonl')) : []

type Entry = Record<string, string | number>

function records(name: string): Entry[] {
  return readFileSync(join(folder, name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Entry)
}

test('there are records', () => assert.ok(recorded.length >= 10))

for (const name of recorded) {
  const all = records(name)
  const of = (kind: string) => all.filter((entry) => entry.record === kind)
  const spec = openFixture(name.replace('.jsonl', '.o'))

  test(`${spec.name}: maps as libbpf makes them`, () => {
    const shape = (map: MapSpec) => {
      const { maxEntries } = mapCreation(map, { cpus: 2, pageSize: 4096 })
      const { typeId: type, keySize, valueSize, flags, btfKeyTypeId, btfValueTypeId } = map
      const mapExtra = Number(map.mapExtra)
      return { name: map.name, type, keySize, valueSize, maxEntries, flags, mapExtra, btfKeyTypeId, btfValueTypeId }
    }
    assert.deepEqual(
      spec.maps.map(shape),
      of('map').map(({ record: _, ...map }) => map),
    )
  })

  test(`${spec.name}: programs and their types`, () => {
    const known = of('section').filter(({ type }) => type !== 0)
    const ours = spec.programs.filter(({ guessed, type }) => !guessed && type !== 'unspec')
    assert.deepEqual(
      ours.map(({ name: program, section, type, attachType, autoload }) => ({
        name: program,
        section,
        type: progTypeId(type) ?? 0,
        attachType: attachType === undefined ? 0 : attachTypeByName(attachType)?.id,
        autoload: Number(autoload),
      })),
      known.map(({ record: _, ...program }) => program),
    )
  })

  test(`${spec.name}: linked instructions, function and line records`, () => {
    for (const program of of('program')) {
      const linked = linkProgram(spec, String(program.name))
      const want = Uint8Array.from(Buffer.from(String(program.insns), 'hex'))
      const fds = new Map<string, number>()
      for (const fixup of linked.fixups) {
        if (fixup.kind === 'map_fd' || fixup.kind === 'map_value') {
          // A descriptor is the recording's own, but the same for the same map everywhere.
          const fd = getImm(want, fixup.slot)
          assert.equal(fds.get(fixup.map) ?? fd, fd)
          fds.set(fixup.map, fd)
          assert.equal(getImm(linked.insns, fixup.slot), 0)
          setImm(linked.insns, fixup.slot, fd)
        } else {
          const end = fixup.kind === 'kfunc' ? 8 : 16
          // What the kernel said about the symbol; only the instruction's code is ours to compare.
          if (getCode(want, fixup.slot) !== getCode(linked.insns, fixup.slot))
            assert.fail(`${fixup.name} at ${fixup.slot}`)
          linked.insns.set(want.subarray(fixup.slot * 8, fixup.slot * 8 + end), fixup.slot * 8)
        }
      }
      assert.equal(new Set(fds.values()).size, fds.size, 'one descriptor for each map')
      assert.equal(toHex(linked.insns), program.insns, `${program.name}`)
      assert.equal(toHex(encodeFuncInfo(linked.funcInfo)), program.funcInfo)
      assert.equal(toHex(encodeLineInfo(linked.lineInfo)), program.lineInfo)
    }
  })

  const [recordedBtf] = of('btf')
  if (recordedBtf !== undefined) {
    test(`${spec.name}: BTF to load`, () => {
      const want = parseBtf(Uint8Array.from(Buffer.from(String(recordedBtf.bytes), 'hex')))
      const bytes = loadableBtf(spec)
      assert.ok(bytes)
      const have = parseBtf(bytes)
      assert.equal(have.typeCount, want.typeCount)
      for (let id = 1; id < want.typeCount; id++) assert.deepEqual(have.type(id), want.type(id))
    })
  }
}
