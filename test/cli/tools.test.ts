import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { sharedData } from '../support/paths.js'
import { type Json, skep, skepJson } from '../support/skep.js'

test('object show --json has the documented shape', () => {
  const object = skepJson('object', 'show', 'test/fixtures/object/elf_map.o')
  assert.deepEqual(
    object.programs.map((program: Json) => [program.name, program.type]),
    [
      ['first_tail', 'sched_cls'],
      ['last_tail', 'sched_cls'],
      ['cls_main', 'sched_cls'],
      ['act_main', 'sched_act'],
    ],
  )
  for (const program of object.programs) {
    assert.ok('section' in program && 'attachType' in program && program.insns > 0)
  }
  for (const map of object.maps) {
    for (const field of ['name', 'type', 'keySize', 'valueSize', 'maxEntries', 'flags', 'pinning'])
      assert.ok(field in map, field)
  }
})

test('vm run: r0 and memory; an endless program ends with its budget', () => {
  assert.deepEqual(skepJson('vm', 'run', '--insns', 'b7000000020000009500000000000000'), { r0: '0x2', mem: '' })
  // r0 = *(u16 *)(r1 + 0); *(u8 *)(r1 + 2) = 7; exit
  const run = skepJson(
    'vm',
    'run',
    '--insns',
    '6910000000000000 7201020007000000 9500000000000000',
    '--mem',
    '34120000',
  )
  assert.deepEqual(run, { r0: '0x1234', mem: '34120700' })
  const endless = skep('vm', 'run', '--insns', '05 00 ff ff 00 00 00 00', '--budget', '100000')
  assert.equal(endless.status, 1)
  assert.match(endless.stderr, /instruction budget/)
  const fault = skep('vm', 'run', '--insns', '7910000000000000 9500000000000000')
  assert.equal(fault.status, 1)
  assert.match(fault.stderr, /bad read of 8 bytes at 0x0/)
})

test('vm run on the conformance vectors', (t) => {
  const file = sharedData('conformance/isa.jsonl')
  if (file === undefined) return t.skip('the conformance vectors are not beside the repository')
  const vectors = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  for (const { name, insns, mem, result } of vectors.slice(0, 12)) {
    assert.equal(skepJson('vm', 'run', '--insns', insns, '--mem', mem).r0, `0x${result}`, name)
  }
  return undefined
})

test('asm and disasm are inverse', () => {
  const { insns, count } = skepJson('asm', '-e', 'r0 = *(u32 *)(r1 + 4); if r0 s> 5 goto +1; r0 = 0; exit')
  assert.equal(count, 4)
  const text = skep('disasm', '--insns', insns).stdout
  assert.equal(text, '0: (61) r0 = *(u32 *)(r1 +4)\n1: (65) if r0 s> 0x5 goto pc+1\n2: (b7) r0 = 0\n3: (95) exit\n')
  assert.match(skep('disasm', 'test/fixtures/net/xdp_count.o').stdout, /; .*ctx->data.*xdp_count\.c:\d+\n0: /)
  assert.match(skep('asm', '-e', 'r0 = = 2').stderr, /asm: .*line 1/)
})

test('btf dump prints what bpftool prints', (t) => {
  const tool = spawnSync('bpftool', ['version'])
  if (tool.error !== undefined) return t.skip('bpftool is not installed')
  const file = 'test/fixtures/btf/values.o'
  assert.equal(
    skep('btf', 'dump', file).stdout,
    execFileSync('bpftool', ['btf', 'dump', 'file', file], { encoding: 'utf8' }),
  )
  assert.equal(
    skep('btf', 'dump', '--format', 'c', file).stdout,
    execFileSync('bpftool', ['btf', 'dump', 'file', file, 'format', 'c'], { encoding: 'utf8' }),
  )
  return undefined
})
