import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../support/paths.js'

interface Snippet {
  readonly name: string
  readonly code: string
}

/** The ts blocks of the guide that are whole programs: they import what they use. */
function snippets(): Snippet[] {
  const dir = join(root, 'docs/guide')
  return readdirSync(dir)
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) => {
      const text = readFileSync(join(dir, file), 'utf8')
      return [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = ''], index) => ({
        name: `${file.replace('.md', '')}-${index}`,
        code,
      }))
    })
}

test("the guide's programs compile, run and print what their comments say", (t) => {
  const all = snippets()
  assert.ok(all.length >= 6, `${all.length} snippets`)
  const dir = join(root, 'build', `guide-${process.pid}`)
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  mkdirSync(dir, { recursive: true })
  for (const { name, code } of all) writeFileSync(join(dir, `${name}.ts`), code)
  const config = {
    extends: '../../tsconfig.base.json',
    compilerOptions: { types: ['node'], rootDir: '.', outDir: 'out', composite: false, declaration: false },
    include: ['*.ts'],
  }
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify(config))
  const tsc = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', dir], {
    encoding: 'utf8',
  })
  assert.equal(tsc.status, 0, tsc.stdout + tsc.stderr)
  for (const { name, code } of all) {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const run = spawnSync(process.execPath, [join(dir, 'out', `${name}.js`)], { cwd: root, encoding: 'utf8', env })
    assert.equal(run.status, 0, `${name}: ${run.stdout}${run.stderr}`)
    const promised = [...code.matchAll(/\/\/ prints: (.*)$/gm)].flatMap(([, text = '']) =>
      text.startsWith('system call') ? text.split(', ') : [text],
    )
    const lines = run.stdout.trimEnd().split('\n')
    for (const [index, text] of promised.entries()) assert.equal(lines[index], text, `${name}: ${run.stdout}`)
  }
})

test('links between the pages lead somewhere', () => {
  for (const part of ['guide', 'how-it-works', 'reference']) {
    const dir = join(root, 'docs', part)
    for (const file of readdirSync(dir)) {
      const text = readFileSync(join(dir, file), 'utf8')
      for (const [, target = ''] of text.matchAll(/\]\(([\w./-]+\.md)\)/g)) {
        assert.ok(readFileSync(join(dir, target)).length > 0, `${part}/${file} -> ${target}`)
      }
    }
  }
})
