import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ERRNO } from '#src/base/index.js'
import { checkBtf } from '#src/btf/index.js'
import { handMade, loadable, MUTATED, mutations } from './support/check-cases.js'
import { btfBytes, objectPath, vmlinuxBytes } from './support/objects.js'

/** Linux 6.18's errno and log, recorded by support/record-check.ts; logs of what it accepts, and of mutated BTF, as hashes. */
const recorded: {
  cases: Record<string, { errno: number; log: string }>
  seed: number
  mutated: string[]
} = JSON.parse(readFileSync(objectPath('check.expected.json'), 'utf8'))

function check(bytes: Uint8Array): { errno: number; log: string } {
  let log = ''
  const verdict = checkBtf(bytes, { log: (text) => (log += text) })
  if (!verdict.ok) assert.ok(verdict.reason === '' || log.includes(verdict.reason))
  return { errno: verdict.ok ? 0 : ERRNO[verdict.errno], log }
}

function hash(log: string): string {
  return createHash('sha256').update(log, 'latin1').digest('hex').slice(0, 12)
}

test('BTF made by hand gets the errno and the log that Linux gives', () => {
  const blobs = { ...handMade(), ...Object.fromEntries(MUTATED.map((file) => [file, loadable(file)])) }
  assert.deepEqual(Object.keys(blobs), Object.keys(recorded.cases))
  for (const [name, wanted] of Object.entries(recorded.cases)) {
    const { errno, log } = check(blobs[name]!)
    assert.deepEqual({ errno, log: errno === 0 ? hash(log) : log }, wanted, name)
  }
})

test('mutated BTF gets the errno and the log that Linux gives', () => {
  const different: string[] = []
  for (const [i, blob] of mutations(recorded.seed, recorded.mutated.length).entries()) {
    const { errno, log } = check(blob)
    if (`${errno} ${hash(log)}` !== recorded.mutated[i]) different.push(`${i}: ${errno} ${log.slice(-200)}`)
  }
  assert.deepEqual(different, [])
  assert.ok(recorded.mutated.filter((entry) => entry.startsWith('0 ')).length > 100)
})

test('the reason is the last entry of the log, and no log is made when none is asked for', () => {
  const verdict = checkBtf(handMade()['a struct in itself']!)
  assert.deepEqual(verdict, { ok: false, errno: 'EEXIST', reason: '[1] STRUCT s size=4 vlen=1 Loop detected' })
})

test('big-endian and unfinished BTF is refused', () => {
  assert.deepEqual(checkBtf(btfBytes('kinds-be.o')).ok, false)
  // A compiler leaves datasecs without size.
  const verdict = checkBtf(btfBytes('values.o'))
  assert.ok(!verdict.ok && verdict.reason.endsWith('size == 0') && verdict.errno === 'EINVAL')
  assert.deepEqual(checkBtf(new Uint8Array()), { ok: false, errno: 'EINVAL', reason: 'hdr_len not found' })
})

const vmlinux = vmlinuxBytes()
test("the kernel's BTF is checked in reasonable time", { skip: vmlinux === undefined && 'no vmlinux BTF' }, () => {
  assert.deepEqual(checkBtf(vmlinux!), { ok: true })
})
