import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { FormatError } from '#src/base/index.js'
import { Executable } from '#src/elf/index.js'
import { KernelError } from '#src/kernel/index.js'
import {
  attachKprobe,
  attachKprobeMulti,
  attachPerfEvent,
  attachTracepoint,
  attachUprobe,
  attachUprobeMulti,
  attachUsdt,
  BpfLink,
  type Collection,
  listUsdt,
  UsageError,
} from '#src/sdk/index.js'
import { parseUsdtArgs } from '#src/sdk/tracing/usdt-args.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { hits, loadFixture } from '../support/net.js'
import { root } from '../support/paths.js'

const skip = linuxUnavailable()
const noCompiler =
  skip ||
  (process.arch !== 'x64' ? 'the probed library is for x86-64' : spawnSync('gcc', ['--version']).error && 'no gcc')
const last = (programs: Collection, number: number) => programs.map<number, bigint>('last').get(number)
const pid = process.pid

function watchSelf(programs: Collection): void {
  programs.map<number, number>('config').set(0, pid)
}

interface Probed {
  readonly path: string
  skep_add(a: number, b: number): number
  skep_twice(a: number): number
  skep_probe(a: number, b: number, c: number): number
}

let built: Probed | undefined
const directory = noCompiler ? undefined : mkdtempSync(join(tmpdir(), 'skep-probed-'))
after(() => directory !== undefined && rmSync(directory, { recursive: true }))

/** The fixture library, built once and loaded into this process. */
function probed(): Probed {
  if (built !== undefined) return built
  const path = join(directory as string, 'libprobed.so')
  execFileSync('gcc', ['-O1', '-shared', '-fPIC', '-o', path, join(root, 'test/fixtures/user/probed.c')])
  const library = createRequire(import.meta.url)('koffi').load(path)
  built = {
    path,
    skep_add: library.func('long skep_add(long a, long b)'),
    skep_twice: library.func('long skep_twice(long a)'),
    skep_probe: library.func('int skep_probe(int a, long b, uint8_t c)'),
  }
  return built
}

test('tracepoints by link with a cookie and by ioctl', { skip }, async () => {
  using kernel = openLinux()
  using programs = await loadFixture(kernel, 'attach/tracing.o', 'tp_sys_enter')
  watchSelf(programs)
  const link = attachTracepoint(programs.program('tp_sys_enter'), undefined, { cookie: 5n })
  readFileSync('/proc/self/stat')
  assert.ok(link instanceof BpfLink)
  assert.deepEqual(link.info().details, { type: 5, tpName: 'sys_enter', cookie: 5n })
  link.detach()
  const seen = hits(programs, 2)
  assert.ok(seen > 0)
  assert.equal(last(programs, 2), 5n)
  readFileSync('/proc/self/stat')
  assert.equal(hits(programs, 2), seen)
  const plain = attachTracepoint(programs.program('tp_sys_enter'), 'raw_syscalls/sys_enter', { via: 'ioctl' })
  readFileSync('/proc/self/stat')
  plain.detach()
  assert.ok(hits(programs, 2) > seen)
  assert.throws(
    () => attachTracepoint(programs.program('tp_sys_enter'), 'sched/no_such_event'),
    (error) => error instanceof KernelError && /no tracepoint sched:no_such_event/.test(error.hint ?? ''),
  )
  assert.throws(() => attachTracepoint(programs.program('tp_sys_enter'), '../../etc'), UsageError)
})

test('a software clock runs a program while this process works', { skip }, async () => {
  using kernel = openLinux()
  using programs = await loadFixture(kernel, 'attach/tracing.o', 'sample')
  watchSelf(programs)
  const clock = attachPerfEvent(programs.program('sample'), { sampleFreq: 1000n, pid, cookie: 9n })
  const end = performance.now() + 2000
  while (hits(programs, 3) === 0 && performance.now() < end) for (let i = 0; i < 1e5; i++);
  clock.detach()
  assert.ok(hits(programs, 3) > 0)
  assert.equal(last(programs, 3), 9n)
  assert.throws(() => attachPerfEvent(programs.program('sample'), { type: 0, pid }), KernelError)
})

test('uprobes at functions of a library: arguments, return values, offsets', { skip: noCompiler }, async () => {
  using kernel = openLinux()
  using programs = await loadFixture(kernel, 'attach/tracing.o', 'on_entry', 'on_return')
  watchSelf(programs)
  const library = probed()
  const where = { binary: library.path, symbol: 'skep_add', pid }
  const entry = attachUprobe(programs.program('on_entry'), { ...where, cookie: 3n })
  const exit = attachUprobe(programs.program('on_return'), where)
  assert.equal(library.skep_add(40, 2), 42)
  assert.equal(hits(programs, 4), 1)
  assert.equal(last(programs, 4), 3n)
  assert.equal(last(programs, 5), 40n)
  assert.equal(last(programs, 6), 42n)
  assert.ok(entry instanceof BpfLink)
  const { details } = entry.info()
  assert.equal(details.fileName, library.path)
  assert.equal(details.offset, new Executable(readFileSync(library.path)).function('skep_add')?.fileOffset)
  entry.detach()
  exit.detach()
  library.skep_add(1, 1)
  assert.equal(hits(programs, 4), 1)
  assert.throws(
    () => attachUprobe(programs.program('on_entry'), { ...where, symbol: 'skep_ad' }),
    (error) => error instanceof UsageError && /skep_add/.test(error.hint ?? ''),
  )
  assert.throws(() => attachUprobe(programs.program('on_entry'), {}), UsageError)
  using libc = attachUprobe(programs.program('on_entry'), { binary: 'libc', symbol: 'labs', pid })
  const labs = createRequire(import.meta.url)('koffi')
    .load(null)
    .func('long labs(long x)')
  assert.equal(labs(-12), 12)
  assert.equal(BigInt.asIntN(64, last(programs, 5) ?? 0n), -12n)
  assert.equal(libc.kind, 'perf_event')
})

test('uprobe.multi: many functions, patterns, cookies, info', { skip: noCompiler }, async () => {
  using kernel = openLinux()
  using programs = await loadFixture(kernel, 'attach/tracing.o', 'on_many')
  watchSelf(programs)
  const library = probed()
  const program = programs.program('on_many')
  const functions = ['skep_twice', 'skep_add']
  const link = attachUprobeMulti(program, { binary: library.path, functions, cookies: [11n, 12n], pid })
  library.skep_twice(4)
  assert.equal(hits(programs, 7), 2)
  assert.equal(last(programs, 7), 12n)
  const { details } = link.info()
  const offsetOf = (name: string) => BigInt(new Executable(readFileSync(library.path)).function(name)?.fileOffset ?? 0)
  assert.equal(details.path, library.path)
  assert.deepEqual(details.offsets, functions.map(offsetOf))
  assert.deepEqual(details.cookies, [11n, 12n])
  link.detach()
  using pattern = attachUprobeMulti(program, { binary: library.path, functions: 'skep_*', pid })
  assert.equal(pattern.info().details.count, 3)
  library.skep_twice(4)
  assert.equal(hits(programs, 7), 4)
  assert.throws(() => attachUprobeMulti(program, { binary: library.path, functions: 'no*such' }), UsageError)
})

test('static probes: every kind of argument, the semaphore, the cookie', { skip: noCompiler }, async () => {
  using kernel = openLinux()
  using programs = await loadFixture(kernel, 'attach/usdt.o', 'on_probe')
  const library = probed()
  const [probe, ...more] = listUsdt(library.path)
  assert.equal(more.length, 0)
  assert.deepEqual([probe?.provider, probe?.name, probe?.decodedArgs.length], ['skep', 'moment', 4])
  assert.ok((probe?.semaphoreOffset ?? 0) > 0)
  assert.equal(library.skep_probe(0, 0, 0), 0)
  const place = { binary: library.path, provider: 'skep', probe: 'moment', pid }
  const attached = attachUsdt(programs, programs.program('on_probe'), { ...place, cookie: 21n })
  assert.equal(library.skep_probe(-5, 123456789012, 200), 1)
  assert.equal(hits(programs, 0), 1)
  assert.equal(last(programs, 0), 4n)
  assert.equal(last(programs, 1), 21n)
  const args = [2, 3, 4, 5].map((number) => BigInt.asIntN(64, last(programs, number) ?? 0n))
  assert.deepEqual(args, [-5n, 123456789012n, -7n, 200n])
  attached.detach()
  assert.equal(library.skep_probe(1, 2, 3), 0)
  assert.equal(hits(programs, 0), 1)
  assert.throws(
    () => attachUsdt(programs, programs.program('on_probe'), { ...place, probe: 'never' }),
    (error) => error instanceof UsageError && /skep:moment/.test(error.hint ?? ''),
  )
})

test('kprobes: attached where the kernel has them, refused with a reason where not', { skip }, async () => {
  using kernel = openLinux()
  using programs = await loadFixture(kernel, 'attach/tracing.o', 'on_nanosleep')
  const refused = (error: unknown) => error instanceof KernelError && /EOPNOTSUPP|ENOENT/.test(error.code)
  try {
    attachKprobe(programs.program('on_nanosleep')).detach()
  } catch (error) {
    assert.ok(refused(error), String(error))
    assert.match((error as KernelError).hint ?? '', /CONFIG_KPROBE_EVENTS/)
  }
  try {
    using multi = await loadFixture(kernel, 'attach/tracing.o', 'on_functions')
    attachKprobeMulti(multi.program('on_functions'), { functions: ['do_nanosleep'] }).detach()
  } catch (error) {
    assert.ok(refused(error), String(error))
  }
})

test('arguments of static probes as assemblers write them', () => {
  const plain = (text: string, machine = 62) =>
    parseUsdtArgs(text, machine).map(({ size, signed, kind, value, reg }) => [signed ? -size : size, kind, value, reg])
  assert.deepEqual(plain('-4@%eax 8@-8(%rbp) 4@$7 1@%r8b 2@%si -1@%bpl 8@(%rsp) -8@$-0x10 1@%ah'), [
    [-4, 'reg', 0n, 'rax'],
    [8, 'mem', -8n, 'rbp'],
    [4, 'const', 7n, undefined],
    [1, 'reg', 0n, 'r8'],
    [2, 'reg', 0n, 'rsi'],
    [-1, 'reg', 0n, 'rbp'],
    [8, 'mem', 0n, 'rsp'],
    [-8, 'const', -16n, undefined],
    [1, 'reg', 0n, 'rax'],
  ])
  assert.deepEqual(plain('8@[sp, 16] -4@[x20] 8@x3 4@5', 183), [
    [8, 'mem', 16n, 'sp'],
    [-4, 'mem', 0n, 'x20'],
    [8, 'reg', 0n, 'x3'],
    [4, 'const', 5n, undefined],
  ])
  assert.deepEqual(plain(''), [])
  for (const bad of ['4@%xyz', '3@%rax', '8@counter(%rip', 'rax', '4@(%rax,%rbx,4)']) {
    assert.throws(() => parseUsdtArgs(bad, 62), UsageError, bad)
  }
})

test('no bytes make the reader of executables throw anything but its own error', () => {
  const base = new Uint8Array(
    readFileSync(process.platform === 'linux' ? '/bin/true' : join(root, 'test/fixtures/object/core.o')),
  )
  const read = (bytes: Uint8Array) => {
    try {
      const executable = new Executable(bytes)
      executable.function('main')
      executable.functions(() => true)
      executable.staticProbes()
    } catch (error) {
      assert.ok(error instanceof FormatError, String(error))
    }
  }
  read(base)
  const edit = fc.tuple(fc.nat(base.length - 1), fc.nat(255))
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 12 }), fc.nat(64), (edits, header) => {
      const bytes = base.slice()
      for (const [at, value] of edits) bytes[at] = value
      bytes[header] = edits[0]?.[1] ?? 0
      read(bytes)
    }),
    { numRuns: 300 },
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), read))
})
