// What `npm pack` makes works where it is installed: the library with its doors, and the command.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { root } from './support/paths.js'

interface Manifest {
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, unknown>>
  readonly bin: Readonly<Record<string, string>>
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
let dir = ''
let installed = ''

function run(command: string, args: readonly string[], cwd: string): { status: number | null; out: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  return { status, out: `${stdout}${stderr}` }
}

before(() => {
  dir = mkdtempSync(join(tmpdir(), 'skep-pack-'))
  // Without scripts: packing builds anew, and other tests are running from what is built.
  const packed = run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', dir], root)
  assert.equal(packed.status, 0, packed.out)
  const modules = join(dir, 'app/node_modules')
  installed = join(modules, 'skep')
  mkdirSync(installed, { recursive: true })
  const unpacked = run(
    'tar',
    ['-xzf', join(dir, `skep-${manifest.version}.tgz`), '--strip-components=1', '-C', installed],
    dir,
  )
  assert.equal(unpacked.status, 0, unpacked.out)
  // The dependencies it names, and no others; the registry may be out of reach.
  for (const name of Object.keys(manifest.dependencies)) {
    mkdirSync(join(modules, name, '..'), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  writeFileSync(join(dir, 'app/package.json'), '{ "type": "module" }')
})
after(() => rmSync(dir, { recursive: true, force: true }))

test('it holds what is needed and nothing else', () => {
  for (const file of ['LICENSE', 'README.md', 'CHANGELOG.md', 'dist/sdk/index.d.ts', 'examples/firewall/firewall.o']) {
    assert.ok(existsSync(join(installed, file)), file)
  }
  for (const file of ['src', 'test', 'build', 'scripts', 'bench', 'node_modules']) {
    assert.ok(!existsSync(join(installed, file)), file)
  }
})

test('every door opens', () => {
  const doors = Object.keys(manifest.exports).filter((door) => !door.endsWith('.json'))
  const script = doors
    .map((door) => `if (Object.keys(await import('skep${door.slice(1)}')).length === 0) throw new Error('${door}')`)
    .join('\n')
  const { status, out } = run(process.execPath, ['--input-type=module', '-e', script], join(dir, 'app'))
  assert.equal(status, 0, out)
})

test('the library runs a program', () => {
  const script = `
    import { load } from 'skep'
    import { embedded } from 'skep/embedded'
    const path = 'node_modules/skep/examples/firewall/firewall.o'
    const collection = await load(path, { kernel: embedded() })
    console.log(collection.program('firewall').testRun({ dataIn: new Uint8Array(60) }).retval)
    collection.close()`
  writeFileSync(join(dir, 'app/main.mjs'), script)
  const { status, out } = run(process.execPath, ['main.mjs'], join(dir, 'app'))
  assert.equal(status, 0, out)
  assert.match(out, /^[1-3]\n$/)
})

test('the command runs the example', () => {
  const bin = join(installed, manifest.bin['skep'] as string)
  const example = join(installed, 'examples/firewall')
  const args = ['run', join(example, 'firewall.o'), '--pcap', join(example, 'traffic.pcap'), '--json']
  const { status, out } = run(process.execPath, [bin, ...args], join(dir, 'app'))
  assert.equal(status, 0, out)
  assert.equal(JSON.parse(out).packets, 500)
  // As a link in node_modules/.bin starts it.
  const started = run(bin, ['--version'], join(dir, 'app'))
  assert.equal(started.out.trim(), manifest.version)
})

test('without the optional dependency the other kernel says what is missing', () => {
  const bin = join(installed, manifest.bin['skep'] as string)
  const object = join(installed, 'examples/firewall/firewall.o')
  const { status, out } = run(
    process.execPath,
    [bin, 'run', object, '--kernel', 'linux', '--packet', '00'],
    join(dir, 'app'),
  )
  assert.notEqual(status, 0)
  assert.match(out, process.platform === 'linux' ? /koffi/ : /Linux/)
})
