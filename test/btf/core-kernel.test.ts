import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CoreResolver, parseBtf, parseBtfExt } from '#src/btf/index.js'
import { objectPath, objectSections, vmlinuxBytes } from './support/objects.js'
import { bpftool, scratch, skipWithoutBpftool } from './support/tools.js'

const sections = objectSections('core-kernel.o')
const local = parseBtf(sections.get('.BTF')!)
const relos = parseBtfExt(sections.get('.BTF.ext')!, local).coreRelos.flatMap((group) =>
  group.records.map((record) => ({ program: group.section, record })),
)
const bytes = vmlinuxBytes()
const noKernel = bytes === undefined && 'no /sys/kernel/btf/vmlinux'

test('accesses to kernel structs are found in the running kernel', { skip: noKernel }, () => {
  const resolver = new CoreResolver(local, [parseBtf(bytes!)])
  const missing = relos.filter(({ record }) => !resolver.resolve(record).ok).map(({ program }) => program)
  assert.deepEqual(missing, ['raw_tp/no_such_member'])
})

// bpftool keeps only what libbpf's matching says the object needs: the answers must not change.
test('the minimal BTF that bpftool makes gives the same answers', { skip: noKernel || skipWithoutBpftool }, (t) => {
  const file = join(scratch(t), 'min.btf')
  bpftool('gen', 'min_core_btf', '/sys/kernel/btf/vmlinux', file, objectPath('core-kernel.o'))
  const whole = new CoreResolver(local, [parseBtf(bytes!)])
  const minimal = new CoreResolver(local, [parseBtf(new Uint8Array(readFileSync(file)))])
  for (const { program, record } of relos) {
    const a = whole.resolve(record)
    const b = minimal.resolve(record)
    assert.equal(b.ok, a.ok, program)
    // Sizes of whole structs are kept, their unused members are not.
    if (a.ok && b.ok) assert.equal(b.value, a.value, program)
  }
})
