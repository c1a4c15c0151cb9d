import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { ATTACH_TYPES, PROG_TYPE_NAMES } from '#src/spec/index.js'
import { noBpf } from '../../support/linux-bpf.js'
import { testSeed } from '../../support/seed.js'
import { type Bound, type Code, judge, RETURN_0, SIZES, vmlinux } from './both.js'

// Loads and stores at places of every program type's context: verdict and whole log are Linux's.

const skip = noBpf !== false ? noBpf : existsSync('/sys/kernel/btf/vmlinux') ? false : "needs the kernel's BTF"
const PLACES = 60

/** Every program type, with every attach type that loading looks at. */
function bounds(): Bound[] {
  const btf = vmlinux()
  const id = (name: string, kind: 'func' | 'typedef' | 'struct') => btf.findByName(name, kind) ?? 0
  const out: Bound[] = []
  for (const type of PROG_TYPE_NAMES) {
    switch (type) {
      case 'tracing':
        out.push({ type, attach: 23, btfId: id('btf_trace_sched_switch', 'typedef') })
        out.push({ type, attach: 23, btfId: id('btf_trace_kfree_skb', 'typedef') })
        out.push({ type, attach: 28, btfId: id('bpf_iter_task_file', 'func') })
        out.push({ type, attach: 28, btfId: id('bpf_iter_bpf_map_elem', 'func') })
        break
      case 'struct_ops':
        for (const [attach, table] of [
          [1, 'tcp_congestion_ops'],
          [0, 'bpf_dummy_ops'],
          [1, 'bpf_dummy_ops'],
        ] as const) {
          out.push({ type, attach, btfId: id(table, 'struct') })
        }
        break
      case 'syscall':
        out.push({ type, sleepable: true })
        break
      default: {
        const rows = ATTACH_TYPES.filter((row) => (row.progTypes as readonly string[]).includes(type))
        out.push({ type }, ...rows.map((row): Bound => ({ type, attach: row.id })))
      }
    }
  }
  return out
}

test('contexts are read and written as on Linux', { skip }, (t) => {
  let state = testSeed
  const below = (limit: number) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return (state >> 8) % limit
  }
  let asked = 0
  const silent = new Set<string>()
  const heard = new Set<string>()
  for (const bound of bounds()) {
    for (let i = 0; i < PLACES; i++) {
      const [bytes, size] = SIZES[below(4)] ?? SIZES[0]
      const unaligned = below(6) === 0
      const off = unaligned ? below(210) : below(Math.ceil(210 / bytes)) * bytes
      const access: Code[] = [
        [[0x61 | size, 0x12, off, 0]],
        [
          [0xb7, 2, 0, 0],
          [0x63 | size, 0x21, off, 0],
        ],
        [[0x62 | size, 1, off, 0]],
        [[0x81 | size, 0x12, off, 0]],
        [
          [0x07, 1, 0, 8],
          [0x61 | size, 0x12, off, 0],
        ],
      ]
      const code = [...(access[below(bytes === 8 ? 3 : 5)] ?? []), ...RETURN_0]
      const found = judge(code, bound)
      const what = `${bound.type} ${bound.attach ?? 0}, ${bytes} bytes at ${off}: ${found.difference}`
      if (found.silent) {
        silent.add(bound.type)
        break
      }
      assert.equal(found.ours, found.linux, what)
      assert.equal(found.difference, undefined, what)
      asked++
      heard.add(bound.type)
    }
  }
  assert.ok(asked > 2000, `${asked} asked`)
  t.diagnostic(
    `${asked} accesses, seed ${testSeed}; this kernel loads no ${[...silent]
      .filter((type) => !heard.has(type))
      .sort()
      .join(', ')}`,
  )
})
