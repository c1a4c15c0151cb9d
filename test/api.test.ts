import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { root } from './support/paths.js'

// The public API is golden text: a change of it is seen, and meant, in the commit that makes it.
const { publicApi } = (await import(pathToFileURL(join(root, 'scripts/gen/api.mjs')).href)) as {
  publicApi(): Map<string, string>
}
const UPDATE = 'the public API changed: if that is meant, `npm run api` and commit api/ with the change'

const exported = publicApi()

test('api/ has one file for each entry of the package', () => {
  assert.deepEqual(readdirSync(join(root, 'api')).sort(), [...exported.keys()].sort(), UPDATE)
})

for (const [name, text] of exported) {
  test(`api/${name} is what the package exports`, () => {
    const golden = readFileSync(join(root, 'api', name), 'utf8')
    if (golden === text) return
    const before = new Set(golden.split('\n'))
    const after = new Set(text.split('\n'))
    const gone = [...before].filter((line) => !after.has(line)).map((line) => `- ${line}`)
    const come = [...after].filter((line) => !before.has(line)).map((line) => `+ ${line}`)
    assert.fail(`${UPDATE}\n${[...gone, ...come].slice(0, 40).join('\n') || '(only the order changed)'}`)
  })
}

test('the text has every kind of declaration: overloads, classes, aliases, types alone', () => {
  const spec = exported.get('spec.d.ts') ?? ''
  assert.equal(spec.match(/export declare function mapTypeByName\(/g)?.length, 2)
  const sdk = exported.get('skep.d.ts') ?? ''
  assert.match(sdk, /export declare class BpfMap<K = unknown, V = unknown> \{\n {4}#private;/)
  assert.match(sdk, /export type UpdateMode =/)
  assert.match(exported.get('linux.d.ts') ?? '', /export declare function linux\(\): Kernel;/)
})
