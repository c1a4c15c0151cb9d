import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { BPF_ATTR_SIZE, bpf_attr, type StructLayout, structs, xdp_action } from '#src/spec/index.js'
import { root } from '../support/paths.js'

test('fields lie inside their struct', () => {
  const wrong: string[] = []
  const all: Record<string, StructLayout> = { ...structs, ...bpf_attr }
  for (const [name, layout] of Object.entries(all))
    for (const [label, field] of Object.entries(layout.fields))
      if (field.offset + field.size > layout.size && layout.size > 0) wrong.push(`${name}.${label}`)
  assert.deepEqual(wrong, [])
})

test('layouts agree with the sizes linux/bpf.h fixes', () => {
  assert.equal(structs.xdp_md.size, 24)
  assert.equal(structs.__sk_buff.size, 192)
  assert.equal(structs.bpf_fib_lookup.size, 64)
  assert.equal(structs.bpf_insn.size, 8)
  assert.equal(structs.__sk_buff.fields.data_meta.offset, 140)
  assert.equal(Math.max(...Object.values(bpf_attr).map((part) => part.size)), BPF_ATTR_SIZE)
  assert.equal(xdp_action.XDP_REDIRECT, 4)
})

test("the generated numbers are the running kernel's", {
  skip: existsSync('/sys/kernel/btf/vmlinux') ? false : 'no /sys/kernel/btf/vmlinux',
}, () => {
  const run = spawnSync(process.execPath, [join(root, 'scripts/gen/uapi.mjs'), '--check'], { encoding: 'utf8' })
  assert.equal(run.status, 0, run.stderr)
})
