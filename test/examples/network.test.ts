import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../support/paths.js'

function run(name: string): { text: string; svg: string } {
  const folder = mkdtempSync(join(tmpdir(), 'skep-example-'))
  try {
    const file = join(folder, 'picture.svg')
    const main = join(root, 'build/examples', name, 'main.js')
    const child = spawnSync(process.execPath, [main, '--picture', file], { encoding: 'utf8', cwd: folder })
    assert.equal(child.status, 0, child.stderr)
    return { text: child.stdout, svg: readFileSync(file, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('the firewall example stops the flood at the first device', () => {
  const { text, svg } = run('ddos-firewall')
  assert.match(text, /#1 wan0 {5}xdp program firewall XDP_DROP\n {2}#1 wan0 {5}xdp drop XDP_DROP/)
  const [, passed = '', blocked, tooMany = ''] = /passed (\d+), blocked (\d+), too many (\d+)/.exec(text) ?? []
  assert.equal(blocked, '5001')
  assert.equal(Number(passed) + Number(tooMany), 1202)
  assert.ok(Number(tooMany) > 500)
  assert.match(text, /the database answers/)
  assert.match(svg, /^<svg [\s\S]*blocked: 5001[\s\S]*<\/svg>\n$/)
})

test('the load balancer example gives each backend its share, both ways', () => {
  const { text, svg } = run('load-balancer')
  assert.equal(text.match(/1000 questions; the backends got 342, 337, 321: 1000 in all/g)?.length, 2)
  assert.match(text, /xdp program balance XDP_REDIRECT\n {2}#1 eth0 {5}xdp redirect to3\n/)
  assert.match(text, /xdp program balance XDP_TX\n/)
  assert.match(svg, /backend 3/)
})
