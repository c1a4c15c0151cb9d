import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Btf, type CoreRelo, CoreResolver, parseBtf } from '#src/btf/index.js'
import { objectBtf, objectBtfExt, openObject } from '#src/object/index.js'
import { root } from '../support/paths.js'
import { skep } from '../support/skep.js'

const VMLINUX = '/sys/kernel/btf/vmlinux'
/** Objects, and what they are resolved against: each kind of relocation is among them. */
const CASES = [
  ['test/fixtures/btf/core-kernel.o', VMLINUX],
  ['test/fixtures/object/core.o', VMLINUX],
] as const

const folder = mkdtempSync(join(tmpdir(), 'skep-gen-'))
after(() => rmSync(folder, { recursive: true }))

function relocations(file: string): { readonly btf: Btf; readonly relos: readonly CoreRelo[] } {
  const spec = openObject(new Uint8Array(readFileSync(join(root, file))), { file })
  const btf = objectBtf(spec)
  assert.ok(btf !== undefined)
  return { btf, relos: objectBtfExt(spec)?.coreRelos.flatMap(({ records }) => records) ?? [] }
}

for (const [object, target] of CASES) {
  const missing = existsSync(target) ? false : `there is no ${target}`
  test(`min_core_btf resolves ${object} as the whole BTF does`, { skip: missing }, () => {
    const output = join(folder, 'ours.btf')
    const { status, stderr, stdout } = skep('bpftool', 'gen', 'min_core_btf', target, output, object)
    assert.deepEqual([status, stderr, stdout], [0, '', ''])
    const bytes = new Uint8Array(readFileSync(output))
    const small = parseBtf(bytes)
    const whole = parseBtf(new Uint8Array(readFileSync(target)))
    assert.ok(small.typeCount < whole.typeCount / 10)
    const { btf, relos } = relocations(object)
    assert.ok(relos.length > 0)
    const [there, here] = [new CoreResolver(btf, [whole]), new CoreResolver(btf, [small])]
    for (const relo of relos) {
      const [expected, found] = [there.resolve(relo), here.resolve(relo)]
      assert.equal(found.ok, expected.ok, expected.spec)
      if (!found.ok || !expected.ok) continue
      assert.equal(found.target?.access, expected.target?.access)
      // An id is the id in the BTF it is looked for in: this one has its own.
      if (relo.kind !== 'target_type_id') assert.equal(found.value, expected.value, expected.spec)
    }
  })

  test(`min_core_btf of ${object} is bpftool's, byte for byte`, (t) => {
    if (missing) return t.skip(missing)
    if (spawnSync('bpftool', ['version']).error !== undefined) return t.skip('bpftool is not installed')
    const [ours, theirs] = [join(folder, 'ours.btf'), join(folder, 'theirs.btf')]
    assert.equal(skep('gen', 'min_core_btf', target, ours, object).status, 0)
    const run = spawnSync('bpftool', ['gen', 'min_core_btf', target, theirs, object], { cwd: root, encoding: 'utf8' })
    assert.equal(run.status, 0, run.stderr)
    assert.deepEqual(readFileSync(ours), readFileSync(theirs))
    return undefined
  })
}

test('min_core_btf of several objects has what each of them needs', { skip: !existsSync(VMLINUX) }, () => {
  const objects = CASES.map(([object]) => object)
  const sizes = [objects, ...objects.map((object) => [object])].map((files) => {
    const output = join(folder, 'several.btf')
    assert.equal(skep('gen', 'min_core_btf', VMLINUX, output, ...files).status, 0)
    return readFileSync(output).length
  })
  assert.ok(
    sizes.slice(1).every((size) => size < (sizes[0] as number)),
    String(sizes),
  )
})

test('min_core_btf says what is wrong', () => {
  const output = join(folder, 'none.btf')
  const words = skep('bpftool', 'gen', 'min_core_btf', VMLINUX, output)
  assert.equal(words.status, 255)
  assert.match(words.stderr, /^Error: 'min_core_btf' needs at least 3 arguments, 2 found\n/)
  const absent = skep('gen', 'min_core_btf', '/nonexistent', output, 'test/fixtures/object/core.o')
  assert.match(absent.stderr, /failed to load source BTF file: \/nonexistent/)
  // Two types of one name disagree about an offset: no kernel would be asked which is meant.
  const ambiguous = skep('gen', 'min_core_btf', 'test/fixtures/btf/core-target.o', output, 'test/fixtures/btf/core.o')
  assert.match(ambiguous.stderr, /ambiguous/)
  assert.equal(existsSync(output), false)
})
