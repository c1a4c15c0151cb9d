// The types of the package for those who install it: every entry, strictly, with the declarations checked, and with no
// types of Node or the DOM around.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { root } from './support/paths.js'

const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, unknown>
}
const entries = Object.keys(exports)
  .filter((door) => !door.endsWith('.json'))
  .map((door) => `skep${door.slice(1)}`)

const USE = `
import { load, RingBuffer, type Collection, KernelError } from 'skep'
import { embedded, type EmbeddedKernel } from 'skep/embedded'
import { linux } from 'skep/linux'
import type { Kernel } from 'skep/kernel'

export async function run(object: Uint8Array): Promise<number> {
  const kernel: EmbeddedKernel = embedded({ engine: 'jit', cpus: 4 })
  const collection: Collection = await load(object, { kernel })
  const flows = collection.map<{ source: number }, bigint>('flows')
  const value: bigint | undefined = flows.get({ source: 1 })
  const { retval } = collection.program('firewall').testRun({ dataIn: new Uint8Array(64) })
  collection[Symbol.dispose]()
  return retval + Number(value ?? 0n)
}
export const open = (): Kernel => linux()
export const isBusy = (error: unknown): boolean => error instanceof KernelError && error.code === 'EBUSY'
export { RingBuffer }
// @ts-expect-error: values of this map are bigint
export const wrong = async (c: Collection): Promise<string> => c.map<number, bigint>('x').get(0)
`
// AbortSignal is the host's; the DOM's and Node's both fit.
const SIGNAL = `
import type { RecordsOptions } from 'skep'
export const options: RecordsOptions = { signal: new AbortController().signal }
`

let dir = ''
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'skep-types-'))
  const modules = join(dir, 'node_modules')
  mkdirSync(join(modules, 'skep'), { recursive: true })
  cpSync(join(root, 'dist'), join(modules, 'skep/dist'), { recursive: true })
  cpSync(join(root, 'package.json'), join(modules, 'skep/package.json'))
  mkdirSync(join(modules, '@types'))
  for (const name of ['@noble', '@types/node', 'undici-types'])
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  writeFileSync(join(dir, 'package.json'), '{ "type": "module" }')
  const all = entries.map((entry, i) => `import * as e${i} from '${entry}'\nexport { e${i} }`).join('\n')
  writeFileSync(join(dir, 'all.ts'), `${all}\n`)
  writeFileSync(join(dir, 'use.ts'), USE)
  writeFileSync(join(dir, 'signal.ts'), SIGNAL)
})
after(() => rmSync(dir, { recursive: true, force: true }))

function check(files: readonly string[], options: Record<string, unknown>): void {
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2022'],
    types: [],
    strict: true,
    noEmit: true,
    skipLibCheck: false,
  }
  writeFileSync(
    join(dir, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...compilerOptions, ...options }, files }),
  )
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', dir],
    { cwd: dir, encoding: 'utf8' },
  )
  assert.equal(status, 0, `${stdout}${stderr}`.slice(0, 4000))
}

const RESOLUTIONS = [
  { module: 'nodenext', moduleResolution: 'nodenext' },
  { module: 'preserve', moduleResolution: 'bundler' },
]

for (const resolution of RESOLUTIONS) {
  const how = resolution.moduleResolution
  test(`every entry's types by ${how} resolution, without a host's`, () => check(['all.ts', 'use.ts'], resolution))
  test(`beside the DOM's, by ${how} resolution`, () =>
    check(['all.ts', 'use.ts', 'signal.ts'], { ...resolution, lib: ['es2022', 'dom'] }))
  test(`beside Node's, by ${how} resolution`, () =>
    check(['all.ts', 'use.ts', 'signal.ts'], { ...resolution, types: ['node'] }))
}
