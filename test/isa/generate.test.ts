import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '#src/base/index.js'
import {
  assemble,
  decodeInsns,
  disassemble,
  GENERATED_INPUT_BYTES,
  generateProgram,
  OPS,
  type OpName,
  programBuilder,
} from '#src/isa/index.js'
import { BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_XDP, kernel, needsKernel } from '../support/bpf-syscall.js'
import { testSeed } from '../support/seed.js'

test('the same seed gives the same program, other seeds others', () => {
  const texts = new Set<string>()
  for (let seed = 0; seed < 50; seed++) {
    const text = disassemble(generateProgram({ seed, input: 'xdp' }))
    assert.equal(disassemble(generateProgram({ seed, input: 'xdp' })), text)
    texts.add(text)
  }
  assert.equal(texts.size, 50)
})

test('options are kept: cpu level, kinds left out', () => {
  for (let seed = 0; seed < 100; seed++) {
    for (const { op } of decodeInsns(generateProgram({ seed, cpu: 2 }))) assert.ok((op?.cpu ?? 1) <= 2, op?.name)
    for (const { op } of decodeInsns(generateProgram({ seed, without: ['atomic', 'may_goto'] }))) {
      assert.ok(op?.kind !== 'atomic' && op?.kind !== 'may_goto')
    }
  }
})

test('over many seeds every row that can take part does', () => {
  const seen = new Set<OpName>()
  for (let seed = 0; seed < 400; seed++) {
    for (const { op } of decodeInsns(generateProgram({ seed, input: 'socket_filter', length: 100 }))) {
      if (op !== undefined) seen.add(op.name)
    }
  }
  const absent = OPS.filter((op) => !seen.has(op.name)).map((op) => op.name)
  const never = /^(addr_space_cast|mov64_percpu|nospec|gotox|callx|call_kfunc|ld_(map|btf|func).*)$/
  assert.deepEqual(
    absent.filter((name) => !never.test(name)),
    [],
  )
})

test('the kernel accepts and runs what is generated', { skip: needsKernel }, () => {
  const packet = Uint8Array.from({ length: GENERATED_INPUT_BYTES + 16 }, (_, i) => i * 37)
  const first = testSeed
  const results = new Set<number>()
  const runs = [
    ['none', BPF_PROG_TYPE_SOCKET_FILTER],
    ['socket_filter', BPF_PROG_TYPE_SOCKET_FILTER],
    ['xdp', BPF_PROG_TYPE_XDP],
  ] as const
  for (const [input, type] of runs) {
    for (let seed = first; seed < first + 300; seed++) {
      const { fd, log } = kernel!.progLoad(type, generateProgram({ seed, input }), { logLevel: 1 })
      assert.ok(fd >= 0, `${input} seed ${seed}: ${log}`)
      const { errno, retval } = kernel!.testRun(fd, packet)
      kernel!.close(fd)
      assert.equal(errno, 0, `${input} seed ${seed}`)
      results.add(retval)
    }
  }
  assert.ok(results.size > 850, `results should tell programs apart, ${results.size} of 900 differ`)
})

test('the builder writes what the assembler reads', () => {
  const built = programBuilder()
    .mov64Imm(0, 0)
    .ldImm64(1, 0x1_0000_0002n)
    .label('again')
    .alu64Reg('add', 0, 1)
    .alu32Imm('sdiv', 1, -2)
    .jumpImm('jsgt', 0, 5, 'again')
    .jumpReg('jne', 0, 1, 'out')
    .stx(32, 10, -4, 0)
    .st(8, 10, -5, 7)
    .ldx(16, 2, 10, -8)
    .call('ktime_get_ns')
    .callSubprog('sub')
    .ldFunc(2, 'sub')
    .label('out')
    .exit()
    .label('sub')
    .emit('movsx32_8', { dst: 0, src: 1 })
    .emit('gotol', { to: 'end' })
    .label('end')
    .exit()
    .build()
  const text = `
      r0 = 0
      r1 = 0x100000002 ll
    again:
      r0 += r1
      w1 s/= -2
      if r0 s> 5 goto again
      if r0 != r1 goto out
      *(u32 *)(r10 - 4) = r0
      *(u8 *)(r10 - 5) = 7
      r2 = *(u16 *)(r10 - 8)
      call bpf_ktime_get_ns
      call sub
      r2 = sub
    out:
      exit
    sub:
      w0 = (s8)w1
      gotol end
    end:
      exit`
  assert.equal(disassemble(built), disassemble(assemble(text)))
  assert.throws(() => programBuilder().jump('nowhere').build(), UsageError)
  assert.throws(() => programBuilder().label('a').label('a'), UsageError)
  assert.throws(() => programBuilder().call('no_such_helper'), UsageError)
  assert.throws(() => programBuilder().emit('ldx8', { off: 40000 }).build(), UsageError)
})
