import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { judgeObject } from '#src/cli/parity/judge.js'
import { noteTaker } from '#src/cli/verify/note-taker.js'
import { embedded } from '#src/embedded/index.js'
import type { Kernel } from '#src/kernel/index.js'
import { linux } from '#src/linux/index.js'
import { openObject } from '#src/object/index.js'
import { loadCollection } from '#src/sdk/index.js'
import { type VerifyResult, verify } from '#src/verifier/index.js'
import { linuxUnavailable } from '../support/kernels.js'
import { root } from '../support/paths.js'
import { linesOf } from './support/compare.js'

// Calls: kernel functions, locks and sections, objects, lists and trees, pointers in maps, dynptrs, iterators, callbacks,
// exceptions. Each program of test/fixtures/verifier shows one rule; what Linux says of it is recorded, and asked again.

const recorded = JSON.parse(readFileSync(join(root, 'test/recorded/call-verdicts.json'), 'utf8')) as {
  readonly kernel: string
  readonly verdicts: Readonly<Record<string, Readonly<Record<string, string>>>>
}

const skip = linuxUnavailable()
const kernel = skip === false ? linux() : undefined
after(() => kernel?.[Symbol.dispose]())

const bytesOf = (object: string): Uint8Array =>
  new Uint8Array(readFileSync(join(root, 'test/fixtures/verifier', `${object}.o`)))

for (const [object, verdicts] of Object.entries(recorded.verdicts)) {
  test(`${object}: the running kernel's verdicts, messages and logs`, { skip }, () => {
    if (kernel === undefined) return
    const found = judgeObject(kernel, object, bytesOf(object), { logLevel: 2 }, (program, reason) =>
      assert.fail(`${program}: ${reason}`),
    )
    assert.deepEqual(found.map(({ program }) => program).sort(), Object.keys(verdicts).sort())
    for (const { program, linux: theirs, ours } of found) {
      const message = ours.diagnostics[0]?.message ?? ''
      assert.equal(ours.ok, theirs.ok, `${program}: Linux '${theirs.message}', ours '${message}'`)
      if (kernel.release.startsWith(recorded.kernel)) assert.equal(theirs.message, verdicts[program], program)
      assert.deepEqual(linesOf(ours.log), linesOf(theirs.log), program)
    }
  })
}

/** What only the BTF of a real kernel tells. */
const NEEDS_KERNEL_BTF = new Set(['callbacks cast', 'kptrs weak_stored_and_loaded'])

/** Our verdicts with nothing but the embedded kernel; undefined for programs that call what it does not have. */
function judgeAlone(object: string): Map<string, VerifyResult | undefined> {
  const out = new Map<string, VerifyResult | undefined>()
  const bytes = bytesOf(object)
  using alone: Kernel = embedded()
  for (const { name } of openObject(bytes, { file: object }).programs) {
    const taker = noteTaker(alone, (_, program) => {
      if (program !== undefined) out.set(name, verify(program))
      throw new Error('asked')
    })
    try {
      loadCollection(openObject(bytes, { file: object }), { kernel: taker, programs: [name] }).close()
    } catch (error) {
      if (String(error).includes('not found in kernel')) out.set(name, undefined)
    }
  }
  return out
}

for (const [object, verdicts] of Object.entries(recorded.verdicts)) {
  test(`${object}: the same verdicts without a kernel`, () => {
    const found = judgeAlone(object)
    assert.deepEqual([...found.keys()].sort(), Object.keys(verdicts).sort())
    let judged = 0
    for (const [program, message] of Object.entries(verdicts)) {
      const ours = found.get(program)
      if (ours === undefined || NEEDS_KERNEL_BTF.has(`${object} ${program}`)) continue
      judged++
      const said = ours.diagnostics[0]?.message ?? ''
      assert.equal(ours.ok, message === '', `${program}: Linux '${message}', ours '${said}'`)
      if (ours.ok) continue
      const last = ours.log.trimEnd().split('\n').at(-2) ?? ''
      assert.equal(last.replace(/processed \d+ insns.*/, ''), message.replace(/processed \d+ insns.*/, ''), program)
    }
    assert.ok(judged > Object.keys(verdicts).length / 2, `${judged} judged`)
  })
}
