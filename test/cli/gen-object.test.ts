import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { dumpRaw, parseBtf } from '#src/btf/index.js'
import { embedded } from '#src/embedded/index.js'
import { linux } from '#src/linux/index.js'
import { describeObject, linkProgram, type ObjectSpec, objectBtf, openObject } from '#src/object/index.js'
import { globalVariables, loadCollection } from '#src/sdk/index.js'
import { linuxUnavailable } from '../support/kernels.js'
import { root } from '../support/paths.js'
import { skep } from '../support/skep.js'

const folder = mkdtempSync(join(tmpdir(), 'skep-gen-object-'))
for (const name of ['ours', 'theirs']) mkdirSync(join(folder, name))
after(() => rmSync(folder, { recursive: true }))

const fixture = (name: string) => `test/fixtures/${name}.o`
const APPLICATION = fixture('link/application')
const LIBRARY = fixture('link/library')

/** Each order, objects that have nothing to do with each other, one alone, and without BTF. */
const CASES = [
  [APPLICATION, LIBRARY],
  [LIBRARY, APPLICATION],
  [LIBRARY],
  [fixture('object/globals'), fixture('net/xdp_count')],
  [fixture('object/btf_maps'), fixture('object/kconfig')],
  [fixture('object/subprogs')],
  [fixture('object/core'), fixture('net/xdp_count')],
]

/** The output has the same name in both folders, as the data maps are called after it. */
function ours(inputs: readonly string[]): string {
  const output = join(folder, 'ours', 'linked.o')
  const { status, stderr } = skep('bpftool', 'gen', 'object', output, ...inputs)
  assert.deepEqual([status, stderr], [0, ''])
  return output
}

function open(file: string): ObjectSpec {
  return openObject(new Uint8Array(readFileSync(file)), { file: 'linked.o' })
}

/** What a program is made of, ids and offsets in strings left out. */
function programOf(spec: ObjectSpec, name: string): object {
  const btf = objectBtf(spec)
  const { insns, fixups, functions, funcInfo, lineInfo } = linkProgram(spec, name, {})
  return {
    insns,
    fixups,
    functions: functions.map(({ function: _, ...rest }) => rest),
    funcInfo: funcInfo.map(({ insnOff, typeId }) => [insnOff, btf?.typeName(typeId)]),
    lineInfo: lineInfo.map(({ fileNameOff: _, lineOff: __, ...rest }) => rest),
  }
}

for (const inputs of CASES) {
  const label = inputs.map((file) => file.replace(/^.*\//, '')).join(' and ')
  test(`gen object links ${label} as bpftool does`, (t) => {
    if (spawnSync('bpftool', ['version']).error !== undefined) return t.skip('bpftool is not installed')
    const output = join(folder, 'theirs', 'linked.o')
    const run = spawnSync('bpftool', ['gen', 'object', output, ...inputs], { cwd: root, encoding: 'utf8' })
    assert.equal(run.status, 0, run.stderr)
    const [expected, found] = [open(output), open(ours(inputs))]
    assert.deepEqual(describeObject(found), describeObject(expected))
    for (const { name } of expected.programs) assert.deepEqual(programOf(found, name), programOf(expected, name), name)
    for (const map of expected.maps) {
      assert.deepEqual(found.maps.find(({ name }) => name === map.name)?.contents, map.contents, map.name)
    }
    // Types: as many of each kind and name; their order is each linker's own, and libbpf leaves prototypes that nothing has.
    const types = (spec: ObjectSpec) => {
      const btf = objectBtf(spec)
      assert.ok(btf !== undefined)
      return Array.from({ length: btf.typeCount - 1 }, (_, i) => `${btf.kindOf(i + 1)} ${btf.typeName(i + 1)}`)
        .filter((type) => type !== 'func_proto ')
        .sort()
    }
    assert.deepEqual(types(found), types(expected))
    return undefined
  })
}

test('externs find their definitions, statics stay apart, strong beats weak: on both kernels', () => {
  const spec = open(ours([APPLICATION, LIBRARY]))
  assert.deepEqual(
    spec.externs.map(({ name }) => name),
    ['CONFIG_HZ', 'bpf_rcu_read_lock'],
  )
  assert.equal(spec.functions.filter(({ name }) => name === 'local').length, 2)
  assert.equal(spec.functions.filter(({ name }) => name === 'weakling').length, 1)
  const run = (kernel: ReturnType<typeof embedded>): object => {
    using collection = loadCollection(spec, {
      kernel,
      programs: ['first', 'second', 'third'],
      kconfig: { CONFIG_HZ: 250 },
    })
    const dataIn = new Uint8Array(64)
    const verdicts = ['first', 'second'].map((name) => collection.program(name).testRun({ dataIn }).retval)
    const data = globalVariables<{ counter: bigint }>(collection, '.data')
    return { verdicts, counter: data.counter, zeroed: globalVariables(collection, '.bss').zeroed }
  }
  const first = (kernel: ReturnType<typeof embedded>) => {
    const { verdicts, counter, zeroed } = run(kernel) as { verdicts: number[]; counter: bigint; zeroed: number[] }
    // 0 + (4 * 7 + 10) + 0, 2 * 3 + 6, 2 + 2 of the strong weakling; then the library's own local and weakling.
    assert.equal(verdicts[0], 4 * 7 + 10 + (2 * 3 + 6) + (2 + 2))
    assert.equal(((verdicts[1] ?? 0) - 10 - 3) % 7, 0)
    assert.equal(counter, 6n)
    assert.deepEqual(zeroed.slice(0, 2), [0, 250])
  }
  {
    using kernel = embedded()
    first(kernel)
  }
  if (linuxUnavailable() === false) {
    using kernel = linux() as unknown as ReturnType<typeof embedded>
    first(kernel)
  }
})

test('an object that was linked can be linked again', () => {
  const once = ours([LIBRARY])
  const twice = join(folder, 'twice.o')
  assert.equal(skep('gen', 'object', twice, APPLICATION, once).status, 0)
  const [spec, direct] = [open(twice), open(ours([APPLICATION, LIBRARY]))]
  for (const { name } of direct.programs) assert.deepEqual(programOf(spec, name), programOf(direct, name), name)
  const text = (each: ObjectSpec) => [...dumpRaw(parseBtf(each.btf as Uint8Array))].length
  assert.equal(text(spec), text(direct))
})

test('what does not fit is refused, as bpftool refuses it', () => {
  const output = join(folder, 'none.o')
  for (const [other, message] of [
    ['link/conflict', /conflicting non-weak symbol 'counter' definition in '.*conflict\.o'/],
    ['link/other_size', /'counter' in '.*other_size\.o' has another size/],
  ] as const) {
    const { status, stderr } = skep('bpftool', 'gen', 'object', output, LIBRARY, fixture(other))
    assert.equal(status, 234)
    assert.match(stderr, message)
    assert.match(stderr, /\nError: failed to link '.*': Invalid argument \(22\)\n$/)
    if (spawnSync('bpftool', ['version']).error !== undefined) continue
    const theirs = spawnSync('bpftool', ['gen', 'object', output, LIBRARY, fixture(other)], { cwd: root })
    assert.equal(theirs.status, 234)
    rmSync(output, { force: true })
  }
  assert.equal(skep('gen', 'object', output, fixture('object/globals_be')).status, 1)
  assert.equal(skep('gen', 'object', output, '/nonexistent.o').status, 1)
  assert.equal(existsSync(output), false)
})

test('libbpf loads what was linked here as what it linked itself', (t) => {
  if (linuxUnavailable() !== false) return t.skip('bpf(2) does not work here')
  if (spawnSync('bpftool', ['version']).error !== undefined) return t.skip('bpftool is not installed')
  if (spawnSync('unshare', ['-m', 'true']).status !== 0) return t.skip('no namespaces can be made here')
  const mounted = join(folder, 'bpffs')
  mkdirSync(mounted)
  const load = 'mount -t bpf none "$1" && bpftool prog loadall "$2" "$1/all" >&2 && ls "$1/all"'
  const programs = (file: string) => {
    const run = spawnSync('unshare', ['-m', 'sh', '-c', load, 'sh', mounted, file], { encoding: 'utf8' })
    return run.status === 0 ? run.stdout.split('\n').filter((name) => name !== '') : run.status
  }
  const loaded = [[LIBRARY], [APPLICATION, LIBRARY], [fixture('net/xdp_count'), LIBRARY]].map((inputs) => {
    const theirs = join(folder, 'theirs', 'linked.o')
    assert.equal(spawnSync('bpftool', ['gen', 'object', theirs, ...inputs], { cwd: root }).status, 0)
    const found = programs(ours(inputs))
    assert.deepEqual(found, programs(theirs), inputs.join(' '))
    return found
  })
  assert.deepEqual(loaded[0], ['core_user', 'second'])
  return undefined
})
