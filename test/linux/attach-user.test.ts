import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { FormatError } from '#src/base/index.js'
import { Executable } from '#src/elf/index.js'
import { type Kernel, KernelError } from '#src/kernel/index.js'
import {
  attach,
  attachKprobe,
  attachKprobeMulti,
  attachPerfEvent,
  attachTracepoint,
  attachUprobe,
  attachUprobeMulti,
  attachUsdt,
  BpfLink,
  type Collection,
  kernelFunctions,
  listUsdt,
  syscallFunction,
  UsageError,
} from '#src/sdk/index.js'
import { encodeUsdtSpec, parseUsdtArgs } from '#src/sdk/tracing/usdt-args.js'
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
  assert.deepEqual([probe?.provider, probe?.name, probe?.decodedArgs.length], ['skep', 'moment', 6])
  assert.ok((probe?.semaphoreOffset ?? 0) > 0)
  assert.equal(library.skep_probe(0, 0, 0), 0)
  const place = { binary: library.path, provider: 'skep', probe: 'moment', pid }
  const attached = attachUsdt(programs, programs.program('on_probe'), { ...place, cookie: 21n })
  assert.equal(library.skep_probe(-5, 123456789012, 200), 1)
  assert.equal(hits(programs, 0), 1)
  assert.equal(last(programs, 0), 6n)
  assert.equal(last(programs, 1), 21n)
  const args = [2, 3, 4, 5, 6, 7].map((number) => BigInt.asIntN(64, last(programs, number) ?? 0n))
  assert.deepEqual(args, [-5n, 123456789012n, -7n, 200n, 33n, 44n])
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

test('functions of the kernel by pattern, and the one behind a system call', { skip }, () => {
  using kernel = openLinux()
  const before = readdirSync('/proc/self/fd').length
  const found = kernelFunctions(kernel, 'tcp_v?_syn_recv_*')
  assert.ok(found.includes('tcp_v4_syn_recv_sock'), found.join())
  assert.ok(found.every((name) => /^tcp_v._syn_recv_/.test(name)))
  assert.deepEqual(kernelFunctions(kernel, 'tcp_v4_syn_recv_sock'), ['tcp_v4_syn_recv_sock'])
  assert.deepEqual(kernelFunctions(kernel, 'tcp.v4*'), [])
  const prefix = { x64: '__x64_sys_', arm64: '__arm64_sys_' }[process.arch as 'x64'] ?? 'sys_'
  assert.equal(syscallFunction(kernel, 'nanosleep'), `${prefix}nanosleep`)
  assert.throws(() => syscallFunction(kernel, 'no_such'), { code: 'ENOENT' })
  assert.equal(readdirSync('/proc/self/fd').length, before)
})

test('kprobes as they are asked for: patterns and system calls, of a kernel that has them', { skip }, async () => {
  using real = openLinux()
  const asked: { name: string; request: object }[] = []
  // This kernel may have no kprobes: what it would be asked is what is tested.
  const fake: Kernel = Object.assign(Object.create(real), {
    call(name: 'open', request: { path: string }) {
      if (name === 'open' && request.path.startsWith('/sys/bus/event_source/devices/kprobe/')) {
        const path = join(tmpdir(), `skep-pmu-${process.pid}`)
        writeFileSync(path, request.path.endsWith('type') ? '6\n' : 'config:0\n')
        try {
          return real.call('open', { path })
        } finally {
          rmSync(path)
        }
      }
      if ((name as string) === 'perf_event_open' || (name as string) === 'link_create') {
        asked.push({ name, request })
        throw new KernelError('EOPNOTSUPP', name)
      }
      return real.call(name, request)
    },
  })
  using programs = await loadFixture(fake, 'attach/tracing.o', 'on_syscall', 'on_pattern')
  assert.throws(() => attach(programs, 'on_syscall'), { code: 'EOPNOTSUPP' })
  assert.throws(() => attach(programs, 'on_pattern'), { code: 'EOPNOTSUPP' })
  const [event, link] = asked as { request: Record<string, unknown> }[]
  assert.equal(event?.request['probeName'], syscallFunction(real, 'nanosleep'))
  assert.equal(event?.request['type'], 6)
  assert.equal(event?.request['config'], 0n)
  const multi = link?.request['kprobeMulti'] as { flags: number; syms: string[] }
  assert.equal(multi.flags, 1)
  assert.deepEqual(multi.syms, kernelFunctions(real, 'tcp_v?_syn_recv_*'))
  assert.throws(
    () => attachKprobeMulti(programs.program('on_pattern'), { functions: 'no*such*function' }),
    (error) => error instanceof UsageError && /matches 'no\*such/.test(error.message),
  )
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
  assert.deepEqual(parseUsdtArgs('4@-16(%rbp,%ecx,4) 8@(%rax,%r8)', 62), [
    { size: 4, signed: false, kind: 'scaled', value: -16n, reg: 'rbp', index: 'rcx', scale: 4 },
    { size: 8, signed: false, kind: 'scaled', value: 0n, reg: 'rax', index: 'r8', scale: 1 },
  ])
  const distance = (name: string) => (name === 'counter' ? -256 : undefined)
  assert.deepEqual(
    parseUsdtArgs('8@counter(%rip) 8@counter+0x8(%rip) -8@counter-4(%rip)', 62, distance).map(({ reg, value }) => [
      reg,
      value,
    ]),
    [
      ['rip', -256n],
      ['rip', -248n],
      ['rip', -260n],
    ],
  )
  assert.throws(() => parseUsdtArgs('8@other(%rip)', 62, distance), /the file has not/)
  const record = new DataView(encodeUsdtSpec(parseUsdtArgs('4@-16(%rbp,%rcx,4)', 62), 0n, 62).buffer)
  assert.equal(record.getBigInt64(0, true), -16n)
  assert.equal(record.getUint32(8, true), 3 | (88 << 8) | (2 << 20))
  assert.equal(record.getInt16(12, true), 32)
  for (const bad of [
    '4@%xyz',
    '3@%rax',
    '8@counter(%rip',
    '8@counter(%rip)',
    'rax',
    '4@(%rax,%rbx,3)',
    '4@(,%rbx,4)',
  ]) {
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
