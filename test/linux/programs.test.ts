// What Linux tells and does of programs beyond what every kernel has: logs of any length, images, live frames, chosen CPUs.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { assemble } from '#src/isa/index.js'
import { KernelError } from '#src/kernel/index.js'
import { withNetns } from '#src/linux/index.js'
import { BpfProgram, load } from '#src/sdk/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { hits, loadFixture, netnsPath, wire } from '../support/net.js'
import { fixture, root } from '../support/paths.js'

const skip = linuxUnavailable()
const RAW_TRACEPOINT = 17

test('a verifier log comes whole, however long it is', { skip }, async () => {
  using kernel = openLinux()
  const path = join(root, 'bench/programs/dissect.o')
  using quiet = await load(path, { kernel })
  using talking = await load(path, { kernel, logLevel: 2 })
  const longest = [...talking.logs.values()].sort((a, b) => b.length - a.length)[0] ?? ''
  assert.ok(longest.length > 1 << 18, `${longest.length}`)
  assert.match(longest, /^0: R1=ctx\(\)/m)
  assert.match(longest, /processed \d+ insns .*\n$/)
  assert.equal(quiet.programs.size, talking.programs.size)
})

test('the kernel tells of a program: instructions, image, lines, functions, where they lie', { skip }, async () => {
  using kernel = openLinux()
  using programs = await load(join(root, 'bench/programs/fifty.o'), { kernel, programs: ['raw_10'] })
  const plain = programs.program('raw_10').info()
  assert.equal(plain.xlatedProgInsns, undefined)
  const info = programs.program('raw_10').info({ details: true })
  assert.equal(info.xlatedProgInsns?.length, info.xlatedProgLen)
  assert.ok(info.jitedProgLen > 0)
  assert.equal(info.jitedProgInsns?.length, info.jitedProgLen)
  // The program and its subprogram.
  assert.equal(info.jitedKsyms.length, 2)
  assert.equal(info.progTags.length, 2)
  assert.equal(
    info.jitedFuncLens.reduce((sum, length) => sum + length, 0),
    info.jitedProgLen,
  )
  assert.equal((info.funcInfo?.length ?? 0) / info.funcInfoRecSize, 2)
  const lines = (info.lineInfo?.length ?? 0) / info.lineInfoRecSize
  assert.ok(lines > 10)
  assert.equal(info.jitedLineInfo.length, lines)
  assert.ok(info.mapIds.length >= 3 && info.verifiedInsns > 0 && info.btfId > 0)
})

test('live frames go through the program and on, in the namespace of the caller', { skip }, async () => {
  using kernel = openLinux()
  using net = wire(kernel)
  using programs = await loadFixture(kernel, 'attach/net.o', 'xdp_drop')
  const LIVE_FRAMES = 2
  withNetns(netnsPath(net.right), () => {
    programs.program('xdp_drop').testRun({ dataIn: new Uint8Array(64), flags: LIVE_FRAMES, repeat: 96, batchSize: 16 })
  })
  assert.equal(hits(programs, 1), 96)
})

test('a raw tracepoint program runs on the CPU that is asked for', { skip }, () => {
  using kernel = openLinux()
  const insns = assemble('call bpf_get_smp_processor_id; exit')
  const { fd } = kernel.call('prog_load', { progType: RAW_TRACEPOINT, insns, license: 'GPL' })
  using program = BpfProgram.fromFd(kernel, fd)
  const ON_CPU = 1
  const last = kernel.possibleCpus - 1
  for (const cpu of [0, last]) assert.equal(program.testRun({ flags: ON_CPU, cpu }).retval, cpu)
  assert.throws(() => program.testRun({ flags: ON_CPU, cpu: 1 << 20 }), KernelError)
})

test('tokens are asked for by a BPF file system, and refused with its reason', { skip }, () => {
  using kernel = openLinux()
  const bpffsFd = kernel.call('open', { path: `/proc/self/fd/${kernel.call('fsmount', { fsName: 'bpf' })}` })
  // Only one of another user namespace delegates anything.
  assert.throws(() => kernel.call('token_create', { bpffsFd }), { code: 'EOPNOTSUPP' })
  const nothing = kernel.call('open', { path: fixture('net/xdp_count.o') })
  assert.throws(() => kernel.call('token_create', { bpffsFd: nothing }), { code: 'EINVAL' })
  const map = { mapType: 2, keySize: 4, valueSize: 4, maxEntries: 1, mapFlags: 1 << 16 }
  assert.throws(() => kernel.call('map_create', { ...map, mapTokenFd: nothing }), { code: 'EINVAL' })
})
