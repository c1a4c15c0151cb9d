import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { judgeObject } from '#src/cli/parity/judge.js'
import { linux } from '#src/linux/index.js'
import { linuxUnavailable } from '../support/kernels.js'
import { root } from '../support/paths.js'

// Every program of these objects gets the running kernel's verdict, and the accepted ones its whole log nearly always.

const skip = linuxUnavailable()
const kernel = skip === false ? linux() : undefined
after(() => kernel?.[Symbol.dispose]())

for (const folder of ['net', 'helpers']) {
  const path = join(root, 'test/fixtures', folder)
  for (const name of readdirSync(path).filter((file) => file.endsWith('.o'))) {
    test(`verdicts on ${folder}/${name} are Linux's`, { skip }, () => {
      if (kernel === undefined) return
      const bytes = new Uint8Array(readFileSync(join(path, name)))
      const found = judgeObject(kernel, name, bytes, { logLevel: 0 }, () => {})
      assert.ok(found.length > 0)
      for (const { program, linux: theirs, ours } of found) {
        const unsupported = ours.diagnostics[0]?.unsupported === true
        if (unsupported) {
          assert.equal(ours.ok, false)
          continue
        }
        assert.equal(
          ours.ok,
          theirs.ok,
          `${program}: Linux '${theirs.message}', ours '${ours.diagnostics[0]?.message}'`,
        )
      }
    })
  }
}
