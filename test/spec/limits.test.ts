import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ERRNO } from '#src/base/index.js'
import { helperByName, LIMITS, SYSCTLS, type Sysctl, sysctlByName, sysctlWriteError } from '#src/spec/index.js'
import { bpf, closeFd, insns, noBpf, progLoad, written } from '../support/linux-bpf.js'

type Insn = readonly [number, number, number, number]
const RETURN: readonly Insn[] = [
  [0xb7, 0, 0, 0],
  [0x95, 0, 0, 0],
]

function loads(code: readonly Insn[], more = {}): boolean {
  const { fd } = progLoad('BPF_PROG_TYPE_XDP', insns(...code), more)
  closeFd(fd)
  return fd >= 0
}

test('the stack has the size of the table', { skip: noBpf }, () => {
  assert.ok(loads([[0x7a, 10, -LIMITS.MAX_BPF_STACK, 0], ...RETURN]))
  assert.ok(!loads([[0x7a, 10, -LIMITS.MAX_BPF_STACK - 8, 0], ...RETURN]))
})

test('call frames nest as deep as the table says', { skip: noBpf }, () => {
  // A chain of functions, each calling the one behind it.
  const chain = (frames: number) => [
    ...Array.from({ length: frames - 1 }, (): readonly Insn[] => [
      [0x85, 0x10, 0, 1],
      [0x95, 0, 0, 0],
    ]).flat(),
    ...RETURN,
  ]
  assert.ok(loads(chain(LIMITS.MAX_CALL_FRAMES)))
  assert.ok(!loads(chain(LIMITS.MAX_CALL_FRAMES + 1)))
})

test('a program uses as many maps as the table says', { skip: noBpf }, () => {
  const fds = Array.from({ length: LIMITS.MAX_USED_MAPS + 1 }, () =>
    bpf('BPF_MAP_CREATE', 'map_create', { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 }),
  )
  const using = (list: readonly number[]): Insn[] => [
    ...list.flatMap((fd): Insn[] => [
      [0x18, 0x11, 0, fd],
      [0, 0, 0, 0],
    ]),
    ...RETURN,
  ]
  assert.ok(loads(using(fds.slice(1))))
  assert.ok(!loads(using(fds)))
  for (const fd of fds) closeFd(fd)
})

test('log sizes', { skip: noBpf }, () => {
  const load = (size: number) =>
    bpf('BPF_PROG_LOAD', 'prog_load', {
      ...{ prog_type: 6, insns: insns(...RETURN), insn_cnt: 2, license: 'GPL', log_level: 1 },
      ...{ log_buf: new Uint8Array(4096), log_size: size },
    })
  const good = load(4096)
  assert.ok(good >= 0)
  closeFd(good)
  assert.equal(load(LIMITS.LOG_SIZE_MAX + 1), -ERRNO.EINVAL)
})

test('contexts of SYSCALL programs', { skip: noBpf }, () => {
  const { fd } = progLoad('BPF_PROG_TYPE_SYSCALL', insns(...RETURN), { prog_flags: 16 })
  const run = (size: number) =>
    bpf('BPF_PROG_TEST_RUN', 'test', { prog_fd: fd, ctx_in: new Uint8Array(size), ctx_size_in: size })
  assert.equal(run(LIMITS.SYSCALL_CTX_MAX), 0)
  assert.equal(run(LIMITS.SYSCALL_CTX_MAX + 1), -ERRNO.EINVAL)
  closeFd(fd)
})

test('packets and metadata of test runs', { skip: noBpf }, () => {
  const adjust = (delta: number) =>
    insns([0xb7, 2, 0, delta], [0x85, 0, 0, helperByName('xdp_adjust_meta').id], [0x95, 0, 0, 0])
  const run = (code: Uint8Array, size: number) => {
    const { fd } = progLoad('BPF_PROG_TYPE_XDP', code)
    const packet = new Uint8Array(size)
    const answer = bpf('BPF_PROG_TEST_RUN', 'test', { prog_fd: fd, data_in: packet, data_size_in: size })
    const retval = Number(BigInt.asIntN(32, written('test', 'retval')))
    closeFd(fd)
    return answer < 0 ? answer : retval
  }
  assert.equal(run(insns(...RETURN), LIMITS.ETH_HLEN), 0)
  assert.equal(run(insns(...RETURN), LIMITS.ETH_HLEN - 1), -ERRNO.EINVAL)
  // In a test run the headroom, less the frame's own header, is smaller than the limit.
  const room = LIMITS.XDP_PACKET_HEADROOM - LIMITS.XDP_FRAME_SIZE
  assert.ok(room < LIMITS.XDP_METADATA_MAX)
  assert.equal(run(adjust(-room), 64), 0)
  assert.ok(run(adjust(-room - 4), 64) < 0)
})

test('sysctls lie in their ranges', () => {
  const rows: readonly Sysctl[] = SYSCTLS
  for (const row of rows) {
    assert.equal(sysctlByName(row.name), row)
    assert.ok(row.default >= row.min && row.default <= row.max)
    assert.equal(sysctlWriteError(row, row.default, row.max + 1), 'EINVAL')
    assert.equal(sysctlWriteError(row, row.default, row.min - 1), 'EINVAL')
    const file = `/proc/sys/${row.name.replaceAll('.', '/')}`
    if (!existsSync(file) || (row.readRestricted && process.getuid?.() !== 0)) continue
    const value = Number(readFileSync(file, 'utf8'))
    assert.ok(value >= row.min && value <= row.max, `${row.name} = ${value}`)
  }
  const unprivileged = sysctlByName('kernel.unprivileged_bpf_disabled')
  assert.equal(sysctlWriteError(unprivileged, 1, 0), 'EPERM')
  assert.equal(sysctlWriteError(unprivileged, 1, 1), undefined)
  assert.equal(sysctlWriteError(unprivileged, 2, 0), undefined)
})
