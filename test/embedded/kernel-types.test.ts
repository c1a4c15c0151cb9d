import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type Btf, parseBtf, resolve, sizeOf } from '#src/btf/index.js'
import { kernelBtf } from '#src/embedded/kernel-btf.js'
import { kfuncByName } from '#src/spec/index.js'
import { kfuncNames } from '#src/vm/index.js'

const VMLINUX = '/sys/kernel/btf/vmlinux'

/** What a verifier sees of a type: names of structs, sizes of numbers and of what pointers point to. */
function shape(btf: Btf, id: number): string {
  const type = resolve(btf, id)
  switch (type.kind) {
    case 'int':
    case 'enum':
      return `number ${type.size}`
    case 'ptr': {
      const target = resolve(btf, type.type)
      if (target.kind === 'struct' || target.kind === 'union') return `${target.kind} ${target.name} ${target.size} *`
      return target.kind === 'int' ? `number ${sizeOf(btf, target.id)} *` : `${target.kind} *`
    }
    default:
      return type.kind
  }
}

function prototype(btf: Btf, name: string): string[] | undefined {
  const id = btf.findByName(name, 'func')
  const func = id === undefined ? undefined : btf.type(id)
  const proto = func?.kind === 'func' ? btf.type(func.type) : undefined
  if (proto?.kind !== 'func_proto') return undefined
  return [shape(btf, proto.type), ...proto.params.map((param) => `${param.name}: ${shape(btf, param.type)}`)]
}

test("the embedded kernel's BTF names its kernel functions with their parameters", () => {
  const ours = parseBtf(kernelBtf().bytes)
  for (const name of kfuncNames()) {
    const found = prototype(ours, name)
    const row = kfuncByName(name)
    assert.ok(found !== undefined && row !== undefined, name)
    assert.equal(found.length - 1, row.abi.indexOf('>'), name)
  }
})

test('the prototypes are those of the running kernel', { skip: existsSync(VMLINUX) ? false : 'no kernel BTF' }, () => {
  const ours = parseBtf(kernelBtf().bytes)
  const theirs = parseBtf(new Uint8Array(readFileSync(VMLINUX)))
  let compared = 0
  for (const name of kfuncNames()) {
    const expected = prototype(theirs, name)
    if (expected === undefined) continue
    compared++
    assert.deepEqual(prototype(ours, name), expected, name)
  }
  assert.ok(compared > 60, `${compared} compared`)
})
