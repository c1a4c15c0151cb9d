import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { linuxUnavailable } from '../support/kernels.js'
import { root } from '../support/paths.js'
import { skep } from '../support/skep.js'

// In the package, so that `skep` is what it is to a user.
const folder = mkdtempSync(join(root, 'build', 'skeleton-'))
after(() => rmSync(folder, { recursive: true }))

function skeleton(object: string, ...words: string[]): string {
  const { status, stdout, stderr } = skep('gen', 'skeleton', object, ...words)
  assert.deepEqual([status, stderr], [0, ''])
  return stdout
}

/** Checks and compiles modules as strictly as a user can. The result is what the compiler has to say. */
function compile(files: Readonly<Record<string, string>>): string {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const options = {
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable', 'dom'],
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noUnusedLocals: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    types: [],
    skipLibCheck: true,
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: Object.keys(files) }))
  const run = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], {
    encoding: 'utf8',
  })
  return run.stdout + run.stderr
}

function runModule(file: string): unknown {
  const run = spawnSync(process.execPath, [join(folder, file)], { cwd: root, encoding: 'utf8' })
  assert.equal(run.status, 0, run.stderr)
  return JSON.parse(run.stdout)
}

const USE = `
import { KERNEL } from 'skep/KERNEL'
import { BtfMaps, type Count } from './btf_maps.js'
import { Globals } from './globals.js'
import { Part } from './part.js'
import { XdpCount } from './xdp_count.js'

declare const console: { log(text: string): void }
using kernel = KERNEL()
const data = new Uint8Array(64)

const opened = new Globals()
const before = { label: opened.rodata.limits.label, initialised: opened.data.initialised, mode: opened.rodata.mode }
opened.rodata.mode = 'MODE_DROP'
opened.rodata.limits = { ...opened.rodata.limits, rate: 7 }
opened.data.initialised = 5
opened.data_mine.in_my_data = 100
using globals = opened.load({ kernel })
const verdicts = [globals.programs.prog.testRun({ dataIn: data }).retval]
globals.data.initialised = 6
globals.bss.packets = globals.bss.packets + 10n
verdicts.push(globals.programs.prog.testRun({ dataIn: data }).retval)
// A constant is one.
let constant = ''
try {
  (globals.rodata as { threshold: bigint }).threshold = 1n
} catch (error) {
  constant = (error as Error).message
}

const unpinned = new BtfMaps()
for (const map of unpinned.spec.maps) map.pinning = 'none'
using maps = unpinned.load({ kernel })
const one: Count = { packets: 1n, bytes: 2n }
maps.maps.flows.set({ source: 3, target: 4, source_port: 5, target_port: 6 }, one)
const flows = [...maps.maps.flows].map(([key, value]) => [key.target, Number(value.packets + value.bytes)])
maps.maps.inner_a.set(2, 9n)
maps.maps.outer.set(1, maps.maps.inner_a)

using count = XdpCount.load({ kernel })
count.programs.count_packets.testRun({ dataIn: data })
const cpus = (count.maps.protocols.get(0) ?? []).length === kernel.possibleCpus

using part = new Part(globals.collection)
console.log(JSON.stringify({
  before, verdicts, constant, flows, cpus,
  packets: Number(globals.bss.packets),
  seen: globals.bss.seen[0]?.rate,
  table: [...globals.data.table],
  mine: globals.bss_mine.in_my_bss,
  part: Number(part.bss.packets),
  counted: count.maps.kinds.get(0)?.packets === 1n,
  attachable: typeof count.attach,
}))
`

const WRONG = `
import { BtfMaps } from './btf_maps.js'
import { Globals } from './globals.js'
export function wrong(globals: Globals, maps: ReturnType<typeof BtfMaps.load>): void {
  // @ts-expect-error: no such variable
  globals.data.nothing = 1
  // @ts-expect-error: 64 bits are a bigint
  globals.bss.packets = 1
  // @ts-expect-error: members are set with the whole
  globals.rodata.limits.rate = 1
  // @ts-expect-error: no enumerator
  globals.rodata.mode = 'MODE_OTHER'
  // @ts-expect-error: a key has all members
  maps.maps.flows.get({ source: 1 })
  // @ts-expect-error: no such map
  void maps.maps.others
  // @ts-expect-error: no such program
  maps.attach({ other: {} })
}
`

test('a skeleton in TypeScript compiles, refuses what does not fit, and works', () => {
  const files = {
    'globals.ts': skeleton('test/fixtures/object/globals.o'),
    'btf_maps.ts': skeleton('test/fixtures/object/btf_maps.o'),
    'xdp_count.ts': skeleton('test/fixtures/net/xdp_count.o', '--lang', 'ts'),
    'part.ts': skep('gen', 'subskeleton', 'test/fixtures/object/globals.o', 'name', 'part', 'lang', 'ts').stdout,
    'use.ts': USE.replaceAll('KERNEL', 'embedded'),
    'use-linux.ts': USE.replaceAll('KERNEL', 'linux'),
    'wrong.ts': WRONG,
  }
  assert.equal(compile(files), '')
  const expected = {
    before: { label: 'default', initialised: 42, mode: 'MODE_COUNT' },
    verdicts: [1, 1],
    constant: "variable 'threshold' is constant once it is loaded",
    flows: [[4, 3]],
    cpus: true,
    packets: 12,
    seen: 7,
    table: [6, 2, 3, 10, 5],
    mine: 230,
    part: 12,
    counted: true,
    attachable: 'function',
  }
  assert.deepEqual(runModule('use.js'), expected)
  if (linuxUnavailable() === false) assert.deepEqual(runModule('use-linux.js'), expected)
})

test('every object of ours has a skeleton that compiles', () => {
  const objects = [
    'object/kconfig',
    'object/globals_nobtf',
    'object/struct_ops',
    'object/arena',
    'btf/kinds',
    'btf/values',
    'iproute2/tc_guide',
    'events/streams',
  ]
  const files = Object.fromEntries(
    objects.map((object) => [`${object.replace('/', '_')}.ts`, skeleton(`test/fixtures/${object}.o`)]),
  )
  assert.equal(compile(files), '')
})

test('names and languages', () => {
  assert.match(skeleton('test/fixtures/object/globals.o', 'name', 'my_own'), /\nexport class MyOwn \{\n/)
  const inC = skep('bpftool', 'gen', 'skeleton', 'test/fixtures/object/globals.o')
  assert.equal(inC.status, 255)
  assert.match(inC.stderr, /^Error: skeletons in C are not made here\n/)
  assert.equal(skep('gen', 'skeleton', '/nonexistent.o').status, 1)
})
