import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { KernelError } from '#src/kernel/index.js'
import {
  attachIter,
  attachRawTracepoint,
  attachStructOps,
  attachTracing,
  type Collection,
  intCodec,
  load,
  ObjectError,
  VerifierError,
} from '#src/sdk/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { fixture, hits, loadFixture } from '../support/net.js'

const skip = linuxUnavailable()
const last = (programs: Collection, number: number) => programs.map<number, bigint>('last').get(number)
const fails = (code: string, text?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof KernelError, String(error))
  assert.equal(error.code, code)
  if (text !== undefined) assert.match(error.hint ?? '', text)
  return true
}

function watchSelf(programs: Collection): void {
  programs.map<number, number>('config').set(0, process.pid)
}

test('raw_tp and tp_btf: own system calls counted, cookies given', { skip }, async () => {
  using kernel = openLinux()
  using programs = await loadFixture(kernel, 'attach/tracing.o', 'raw_sys_enter', 'btf_sys_enter')
  watchSelf(programs)
  const raw = attachRawTracepoint(programs.program('raw_sys_enter'), undefined, { cookie: 77n })
  readFileSync('/proc/self/stat')
  assert.deepEqual(raw.info().details, { tpName: 'sys_enter', cookie: 77n })
  raw.detach()
  assert.ok(hits(programs, 0) > 0)
  assert.equal(last(programs, 0), 77n)
  const traced = attachTracing(programs.program('btf_sys_enter'), { cookie: 78n })
  readFileSync('/proc/self/stat')
  assert.equal(traced.kind, 'raw_tracepoint')
  traced.detach()
  assert.ok(hits(programs, 1) > 0)
  assert.equal(last(programs, 1), 78n)
  using plain = attachTracing(programs.program('btf_sys_enter'))
  assert.throws(() => plain.update(programs.program('btf_sys_enter')), fails('EINVAL'))
  assert.throws(
    () => attachRawTracepoint(programs.program('raw_sys_enter'), 'no_such_tracepoint'),
    fails('ENOENT', /no tracepoint/),
  )
})

test('iterators: records of all tasks, text of a map’s elements', { skip }, async () => {
  using kernel = openLinux()
  using programs = await loadFixture(kernel, 'attach/tracing.o', 'each_task', 'each_element')
  using tasks = attachIter(programs.program('each_task'))
  const pids = [...tasks.records(intCodec(4))]
  assert.equal(pids.length % 2, 0)
  assert.ok(pids.includes(process.pid))
  assert.equal(tasks.link.info().details.targetName, 'task')
  using threads = attachIter(programs.program('each_task'), { pid: process.pid })
  const own = [...threads.records(intCodec(4))]
  assert.ok(own.length >= 4)
  assert.ok(own.every((pid, index) => index % 2 === 0 || pid === process.pid))
  const map = programs.map<number, bigint>('last')
  map.set(3, 33n)
  using elements = attachIter(programs.program('each_element'), { map })
  assert.equal(elements.text().split('\n').length, 33)
  assert.match(elements.text(), /^3=33$/m)
  assert.equal(elements.link.info().details.mapId, map.info().id)
  assert.throws(() => attachIter(programs.program('each_element')), fails('EBADF'))
})

test('struct_ops: a congestion control registers by a link and unregisters', { skip }, async () => {
  using kernel = openLinux()
  using programs = await load(fixture('object/struct_ops.o'), { kernel })
  const listed = () => readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8').trim().split(' ')
  assert.ok(!listed().includes('skep'))
  const attached = attachStructOps(programs, 'skep_cc')
  try {
    assert.equal(attached.kind, 'struct_ops')
    assert.ok(listed().includes('skep'))
    assert.throws(() => attachStructOps(programs, 'skep_cc'), KernelError)
  } finally {
    attached.detach()
  }
  assert.ok(!listed().includes('skep'))
})

test('what this kernel may refuse is refused with its own word, and unknown targets before that', {
  skip,
}, async () => {
  using kernel = openLinux()
  for (const name of ['enter_nanosleep', 'exit_nanosleep', 'modify_open', 'lsm_file_open']) {
    // Loaded only: nothing is attached here. A kernel with trampolines takes them, another says so.
    try {
      using programs = await loadFixture(kernel, 'attach/tracing.o', name)
      assert.ok(programs.program(name).info().attachBtfId > 0)
    } catch (error) {
      assert.ok(error instanceof VerifierError, String(error))
      assert.match(error.code, /EPERM|EOPNOTSUPP|ENOTSUPP|EINVAL/)
    }
  }
  await assert.rejects(loadFixture(kernel, 'attach/tracing.o', 'enter_nothing'), (error) => {
    assert.ok(error instanceof ObjectError)
    assert.match(error.message, /failed to find kernel BTF type ID of 'no_such_function_in_any_kernel'/)
    return true
  })
  await assert.rejects(loadFixture(kernel, 'attach/tracing.o', 'other_answer'), /whose function it replaces/)
  using base = await loadFixture(kernel, 'attach/tracing.o', 'asks')
  const attachTo = { other_answer: { program: base.program('asks') } }
  try {
    using ext = await load(fixture('attach/tracing.o'), { kernel, programs: ['other_answer'], attachTo })
    assert.ok(ext.program('other_answer').info().attachBtfId > 0)
  } catch (error) {
    assert.ok(error instanceof VerifierError, String(error))
    assert.match(error.code, /EPERM|EOPNOTSUPP/)
  }
})
