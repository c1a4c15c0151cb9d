import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { linux } from '#src/linux/index.js'
import { linuxUnavailable } from '../support/kernels.js'
import { root } from '../support/paths.js'
import { formatCase } from './cases/case-file.js'
import { askLinux, needsKernelBtf } from './cases/case-program.js'
import { askOurs, listed, logDifference, readCases, verdictDifference, vmlinuxBtf } from './cases/compare.js'
import { logDifferences, verdictDifferences } from './cases/differences.js'

const cases = readCases()
const vmlinux = vmlinuxBtf()
const areas = [...new Set([...cases.keys()].map((name) => name.slice(0, name.indexOf('/'))))]

test('the cases are many, cover the areas, and are written as the recorder writes them', () => {
  assert.ok(cases.size >= 400, `${cases.size} cases`)
  for (const [name, of] of cases) {
    assert.ok(of.recorded !== undefined, `${name} is not recorded`)
    const text = readFileSync(join(root, 'test/cases/verifier', `${name}.case`), 'utf8')
    assert.equal(formatCase(of), text, name)
  }
  const verdicts = [...cases.values()].map(({ recorded }) => recorded?.verdict)
  const accepted = verdicts.filter((verdict) => verdict === 'accept').length
  assert.ok(accepted >= 150 && cases.size - accepted >= 150, `${accepted} accepted of ${cases.size}`)
})

for (const area of areas) {
  test(`cases of ${area}: Linux's verdict, message and log`, async (t) => {
    for (const [name, of] of cases) {
      if (!name.startsWith(`${area}/`)) continue
      const skip = vmlinux === undefined && needsKernelBtf(of) ? "needs the kernel's BTF" : false
      await t.test(name, { skip }, () => {
        if (of.recorded === undefined) return
        const ours = askOurs(of, vmlinux)
        const verdict = verdictDifference(of.recorded, ours)
        const known = listed(verdictDifferences, name)
        if (verdict !== undefined) {
          assert.ok(known !== undefined, verdict)
          return
        }
        assert.ok(known === undefined, `${name} is equal: it leaves the list of verdict differences`)
        const log = logDifference(of.recorded, ours)
        const knownLog = listed(logDifferences, name)
        if (log !== undefined) assert.ok(knownLog !== undefined, log)
        else assert.ok(knownLog === undefined, `${name} is equal: it leaves the list of log differences`)
      })
    }
  })
}

test('lists of differences name only cases that exist', () => {
  for (const name of [...Object.keys(verdictDifferences), ...Object.keys(logDifferences)]) {
    assert.ok(name.endsWith('/') ? areas.includes(name.slice(0, -1)) : cases.has(name), name)
  }
})

const noLinux = linuxUnavailable()
const kernel = noLinux === false ? linux() : undefined
after(() => kernel?.[Symbol.dispose]())

test('the running kernel still gives the recorded answers', { skip: noLinux }, (t) => {
  if (kernel === undefined) return
  let asked = 0
  for (const [name, of] of cases) {
    if (of.recorded === undefined || of.recorded.release !== kernel.release.replace(/-.*/, '')) continue
    asked++
    assert.deepEqual(askLinux(kernel, of, vmlinux), of.recorded, name)
  }
  t.diagnostic(`${asked} cases asked, ${cases.size - asked} recorded on another release`)
})
