import assert from 'node:assert/strict'
import { toHex } from '#src/base/index.js'
import type { Fd, Kernel, ProgLoadRequest } from '#src/kernel/index.js'
import { load, VerifierError } from '#src/sdk/index.js'
import { bpf_prog_type as P } from '#src/spec/index.js'
import { fixture } from '../support/net.js'
import { type Cases, refused, u32 } from './suite.js'

type Insn = readonly [code: number, regs: number, off: number, imm: number]

function insns(...list: readonly Insn[]): Uint8Array {
  const bytes = new Uint8Array(list.length * 8)
  const view = new DataView(bytes.buffer)
  list.forEach(([code, regs, off, imm], i) => {
    view.setUint8(i * 8, code)
    view.setUint8(i * 8 + 1, regs)
    view.setInt16(i * 8 + 2, off, true)
    view.setInt32(i * 8 + 4, imm, true)
  })
  return bytes
}

/** r0 = value; exit */
function returning(value: number): Uint8Array {
  return insns([0xb7, 0, 0, value], [0x95, 0, 0, 0])
}

function loadProg(kernel: Kernel, request: Partial<ProgLoadRequest> = {}): Fd {
  return kernel.call('prog_load', { progType: P.BPF_PROG_TYPE_XDP, insns: returning(2), license: 'GPL', ...request }).fd
}

const packet = (length = 64): Uint8Array => Uint8Array.from({ length }, (_, i) => i)

export const programCases: Cases = {
  'a program loads, runs and tells about itself'(kernel) {
    const fd = loadProg(kernel, { progName: 'suite_prog' })
    const run = kernel.call('prog_test_run', { progFd: fd, dataIn: packet() })
    assert.equal(run.retval, 2)
    assert.deepEqual(run.dataOut, packet())
    const info = kernel.call('obj_get_info_by_fd', { fd, details: true })
    assert.ok(info.kind === 'prog')
    assert.equal(info.type, P.BPF_PROG_TYPE_XDP)
    assert.equal(info.name, 'suite_prog')
    assert.equal(toHex(info.tag), '614b434cd8324ecc')
    assert.equal(info.xlatedProgLen, 16)
    assert.deepEqual(info.xlatedProgInsns, returning(2))
    assert.equal(info.gplCompatible, true)
    assert.deepEqual(info.mapIds, [])
    assert.ok(info.id > 0)
  },

  'a program tells the maps it uses'(kernel) {
    const mapFd = kernel.call('map_create', { mapType: 2, keySize: 4, valueSize: 8, maxEntries: 1 })
    const map = kernel.call('obj_get_info_by_fd', { fd: mapFd })
    const code = insns([0x18, 0x11, 0, mapFd], [0, 0, 0, 0], [0xb7, 0, 0, 1], [0x95, 0, 0, 0])
    const info = kernel.call('obj_get_info_by_fd', { fd: loadProg(kernel, { insns: code }) })
    assert.ok(info.kind === 'prog')
    assert.deepEqual(info.mapIds, [map.id])
  },

  'loading refuses what is no program'(kernel) {
    assert.throws(() => loadProg(kernel, { insns: new Uint8Array(0) }), refused('E2BIG'))
    assert.throws(() => loadProg(kernel, { progType: 9999 }), refused('EINVAL'))
    assert.throws(() => loadProg(kernel, { progName: 'no blanks' }), refused('EINVAL'))
    assert.throws(() => loadProg(kernel, { progFlags: 1 << 30 }), refused('EINVAL'))
    assert.throws(() => loadProg(kernel, { insns: insns([0xb7, 0, 0, 0]) }), refused('EINVAL'))
    assert.throws(() => loadProg(kernel, { insns: insns([0xb7, 11, 0, 0], [0x95, 0, 0, 0]) }), refused('EINVAL'))
    assert.throws(() => loadProg(kernel, { insns: insns([0xff, 0, 0, 0], [0x95, 0, 0, 0]) }), refused('EINVAL'))
  },

  'the verifier refuses, and its log says why'(kernel) {
    try {
      loadProg(kernel, { insns: insns([0x95, 0, 0, 0]), logLevel: 1 })
    } catch (error) {
      refused('EACCES')(error)
      assert.match((error as { log?: string }).log ?? '', /R0 !read_ok/)
      return
    }
    assert.fail('a program without a result was taken')
  },

  'helpers of GPL programs are for GPL programs'(kernel) {
    // bpf_get_current_task is for GPL programs only.
    const code = insns([0x85, 0, 0, 35], [0xb7, 0, 0, 0], [0x95, 0, 0, 0])
    loadProg(kernel, { insns: code, license: 'Dual MIT/GPL' })
    assert.throws(() => loadProg(kernel, { insns: code, license: 'Proprietary' }), refused('EINVAL'))
  },

  'test runs: sizes, repetition, what does not fit'(kernel) {
    const progFd = loadProg(kernel)
    assert.throws(() => kernel.call('prog_test_run', { progFd, dataIn: packet(13) }), refused('EINVAL'))
    assert.throws(() => kernel.call('prog_test_run', { progFd }), refused('EINVAL'))
    assert.throws(() => kernel.call('prog_test_run', { progFd, dataIn: packet(), dataSizeOut: 10 }), refused('ENOSPC'))
    const many = kernel.call('prog_test_run', { progFd, dataIn: packet(), repeat: 100 })
    assert.equal(many.retval, 2)
    assert.throws(() => kernel.call('prog_test_run', { progFd, dataIn: packet(), flags: 1 << 20 }), refused('EINVAL'))
    assert.throws(() => kernel.call('prog_test_run', { progFd: 9999 as Fd, dataIn: packet() }), refused('EBADF'))
  },

  'test runs: a context goes in and comes out'(kernel) {
    const progFd = loadProg(kernel, {
      progType: P.BPF_PROG_TYPE_SCHED_CLS,
      insns: insns([0x61, 0x10, 8, 0], [0x95, 0, 0, 0]),
    })
    const ctxIn = new Uint8Array(192)
    ctxIn.set(u32(0x1234), 8)
    const run = kernel.call('prog_test_run', { progFd, dataIn: packet(), ctxIn })
    assert.equal(run.retval, 0x1234)
    assert.deepEqual(run.ctxOut.subarray(8, 12), u32(0x1234))
    const wrong = ctxIn.slice()
    wrong[0] = 1
    assert.throws(() => kernel.call('prog_test_run', { progFd, dataIn: packet(), ctxIn: wrong }), refused('EINVAL'))
  },

  async 'an object loads, counts packets and shares its global data'(kernel) {
    using programs = await load(fixture('net/xdp_count.o'), { kernel })
    const program = programs.program('count_packets')
    for (let i = 0; i < 3; i++) program.testRun({ dataIn: packet(60 + i) })
    const kinds = programs.map<number, { packets: bigint; bytes: bigint }>('kinds')
    assert.deepEqual({ ...kinds.get(0) }, { packets: 3n, bytes: 183n })
    assert.ok(program.info().mapIds.length >= 3)
  },

  async 'a refused object says which program and why'(kernel) {
    await assert.rejects(load(fixture('attach/tracing.o'), { kernel, programs: ['enter_nothing'] }), (error) => {
      assert.ok(error instanceof Error)
      assert.match(error.message, /enter_nothing/)
      assert.ok(!(error instanceof VerifierError) || error.log !== undefined)
      return true
    })
  },

  'run statistics count runs while somebody wants them'(kernel) {
    const progFd = loadProg(kernel)
    const stats = kernel.call('enable_stats', { type: 0 })
    kernel.call('prog_test_run', { progFd, dataIn: packet(), repeat: 10 })
    kernel.call('close', { fd: stats })
    const info = kernel.call('obj_get_info_by_fd', { fd: progFd })
    assert.ok(info.kind === 'prog')
    assert.equal(info.runCnt, 10n)
  },
}
