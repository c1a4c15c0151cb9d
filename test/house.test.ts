import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { root } from './support/paths.js'

// Who may import whom (docs/adr/0001-the-house.md). A part reaches others through their index only.
const allowed: Record<string, readonly string[]> = {
  base: [],
  spec: ['base'],
  elf: ['base'],
  packet: ['base'],
  isa: ['base', 'spec'],
  btf: ['base', 'spec', 'elf'],
  kernel: ['base', 'spec'],
  object: ['base', 'spec', 'isa', 'elf', 'btf'],
  verifier: ['base', 'spec', 'isa', 'btf'],
  vm: ['base', 'spec', 'isa', 'packet'],
  maps: ['base', 'spec', 'vm'],
  netdev: ['base', 'spec', 'packet', 'kernel'],
  embedded: ['base', 'spec', 'isa', 'btf', 'packet', 'verifier', 'vm', 'maps', 'netdev', 'kernel'],
  linux: ['base', 'spec', 'kernel'],
  sdk: ['base', 'spec', 'isa', 'elf', 'object', 'btf', 'kernel'],
  xdp: ['base', 'spec', 'sdk', 'object', 'kernel'],
  testing: ['base', 'spec', 'packet', 'sdk', 'kernel'],
  cli: ['*'],
}

const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
)

test('parts import only the parts below them, by their index', () => {
  const wrong: string[] = []
  for (const file of files) {
    const part = file.split('/')[0] as string
    if (part === 'platform') continue
    const text = readFileSync(join(root, 'src', file), 'utf8')
    for (const [, target = ''] of text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)) {
      const resolved = normalize(join(dirname(file), target))
      const other = resolved.split('/')[0] as string
      if (other === part) continue
      const rights = allowed[part] ?? []
      if (!(rights.includes('*') || rights.includes(other))) wrong.push(`${file} imports ${resolved}`)
      else if (resolved !== `${other}/index.js`) wrong.push(`${file} imports ${resolved}, not ${other}/index.js`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('no source file is longer than 800 lines', () => {
  const long = files
    .filter((file) => !file.endsWith('.gen.ts'))
    .map((file) => ({ file, lines: readFileSync(join(root, 'src', file), 'utf8').split('\n').length }))
    .filter(({ lines }) => lines > 800)
  assert.deepEqual(long, [])
})

test('index files list names one by one, and nothing is exported by default', () => {
  const wrong = files.filter((file) => /^export (\*|default)/m.test(readFileSync(join(root, 'src', file), 'utf8')))
  assert.deepEqual(wrong, [])
})
