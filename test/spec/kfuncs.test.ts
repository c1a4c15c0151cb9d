import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KFUNCS, kfuncAbi, kfuncAllowed, kfuncByName, kfuncParams, progTypeByName } from '#src/spec/index.js'

test('kfuncs are found by name, in order, with signatures as long as their prototypes', () => {
  const names = KFUNCS.map((row) => row.name)
  assert.deepEqual(names, [...new Set(names)].sort())
  for (const row of KFUNCS) {
    assert.equal(kfuncByName(row.name), row)
    const { args, result } = kfuncAbi(row)
    const params = kfuncParams(row)
    assert.equal(args.length, params.length, row.name)
    assert.match(row.abi, /^[pil]*>[piluv]$/)
    params.forEach((param, index) => {
      assert.equal(args[index] === 'p', /\*|callback_t$/.test(param.type), `${row.name} ${param.name}`)
    })
    const returnsPointer = /\*\s*$/.test(row.c.slice(0, row.c.indexOf(row.name)))
    assert.equal(result === 'p', returnsPointer, row.name)
    for (const type of row.progTypes.split(' ').filter((name) => name !== ''))
      assert.ok(progTypeByName(type), `${row.name}: ${type}`)
  }
  assert.equal(kfuncByName('toString'), undefined)
})

test('kfuncs of packets, numbers and objects', () => {
  const skb = kfuncByName('bpf_dynptr_from_skb')
  assert.deepEqual(kfuncParams(skb), [
    { name: 's', type: 'struct __sk_buff *' },
    { name: 'flags', type: 'u64' },
    { name: 'ptr__uninit', type: 'struct bpf_dynptr *' },
  ])
  assert.ok(kfuncAllowed(skb, 'sched_cls'))
  assert.ok(!kfuncAllowed(skb, 'xdp'))
  assert.ok(kfuncAllowed(kfuncByName('bpf_dynptr_from_xdp'), 'xdp'))
  assert.ok(kfuncAllowed(kfuncByName('bpf_iter_num_new'), 'socket_filter'))
  assert.ok(kfuncByName('bpf_obj_new_impl').flags.includes('acquire'))
  assert.ok(kfuncByName('bpf_obj_drop_impl').flags.includes('release'))
  assert.ok(kfuncByName('bpf_iter_num_next').flags.includes('iter_next'))
})
