import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeText, encodeText } from '#src/base/index.js'
import { programBuilder } from '#src/isa/index.js'
import { errorCode, type Kernel } from '#src/kernel/index.js'
import { formatText, Machine } from '#src/vm/index.js'
import { linuxUnavailable } from '../support/kernels.js'
import { onBothKernels } from './support.js'

const SYSCALL = 31
const SLEEPABLE = 1 << 4
const ARRAY = 2
const RDONLY_PROG = 1 << 7
const ROOM = 700
const key = new Uint8Array(4)

/** An argument: a number, or the address of bytes. */
type Argument = bigint | Uint8Array

const v = [0x1234_5678_9abc_def0n, 0xffff_ffff_ffff_fff6n, 3_000_000_000n, 65n] as const
const text = encodeText('kilo\0')
const ipv4 = Uint8Array.of(10, 0, 200, 7)
const ipv6 = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)

const CASES: readonly (readonly [format: string, ...args: Argument[]])[] = [
  ['plain'],
  ['%d|%i|%u|%x|%X', v[0], v[1], v[2], v[0], v[1]],
  ['%ld|%lu|%lx|%lX', v[1], v[1], v[0], v[1]],
  ['%lld|%llu|%llx|%llX', v[1], v[1], v[0], v[0]],
  ['%08d|%8d|%-8d|%08x', v[3], v[3], v[3], v[1]],
  ['%+d|% d|%+d|% d', v[3], v[3], v[1], v[1]],
  ['%+u|% u|%+x', v[3], v[3], v[3]],
  ['%016llx|%-20llx|%20lld', v[0], v[0], v[1]],
  ['%020lld|%+020lld|%-+20lld|', v[1], v[3], v[3]],
  ['%5u%%', v[3]],
  ['%%|%%%d', v[3]],
  ['%0 5d|%- 5d|%-05d|', v[3], v[3], v[3]],
  ['%1d|%12d|', v[1], v[1]],
  ['%d'],
  ['%c|%c', v[3], 0x61n],
  ['%3c|', v[3]],
  ['%-3c|', v[3]],
  ['%c', 0n],
  ['%s', text],
  ['%s.%s,%s', text, text, text],
  ['%sx', text],
  ['%s9', text],
  ['%10s|%-10s|%2s|', text, text, text],
  ['%05s|', text],
  ['%ks', text],
  ['%us', 0n],
  ['%k', text],
  ['%s', 0n],
  ['%s', 0xdeadn],
  ['%pI4|%pi4', ipv4, ipv4],
  ['%pI6|%pi6', ipv6, ipv6],
  ['%pI6c|', ipv6],
  ['%20pI4|%-20pI4|', ipv4, ipv4],
  ['%pI5', ipv4],
  ['%pI', ipv4],
  ['%pI4', 16n],
  ['%px|%px', v[0], 0n],
  ['%20px|', v[3]],
  ['%-20px|', v[3]],
  ['%010px|', v[3]],
  ['%pz', v[3]],
  ['%pxyz|', v[3]],
  ['%ps|%pS|%pB', 4096n, 4096n, 4096n],
  ['%pd', v[3]],
  ['%hd', v[3]],
  ['%lllx', v[3]],
  ['%lc', v[3]],
  ['%ls', text],
  ['%5.3d', v[3]],
  ['%*d', v[3], v[3]],
  ['%#x', v[3]],
  ['%', v[3]],
  ['%5', v[3]],
  ['%q', v[3]],
  ['%n', v[3]],
  ['caf\u00e9'],
  ['\u00c0\u4e16'],
  ['%s\u00e9', text],
  ['%s\u00c0', text],
  ['%px\u00e9', v[3]],
  ['%p\u00e9', v[3]],
  ['%pks|%10pks|', text, text],
  ['%pus|', 0n],
  ['%pksx', text],
  ['%+px|% px|%+20px|', v[3], v[3], v[3]],
  ['%20ps|%-20pS|', 4096n, 4096n],
  ['tab\t newline\n'],
  ['bell\u0007'],
  ['%d %d %d %d %d %d %d %d %d %d %d %d', ...Array.from({ length: 12 }, (_, i) => BigInt(i))],
  ['%d', 1n, 2n],
  ['%s', encodeText(`${'x'.repeat(150)}\0`)],
  ['%s|%d', encodeText(`${'x'.repeat(600)}\0`), v[3]],
  ['%s|%s', encodeText(`${'x'.repeat(300)}\0`), encodeText(`${'y'.repeat(300)}\0`)],
  ['%s|%d', encodeText(`${'x'.repeat(506)}\0`), v[3]],
  ['%s|%d', encodeText(`${'x'.repeat(507)}\0`), v[3]],
  ['%s|%d', encodeText(`${'x'.repeat(508)}\0`), v[3]],
  ['%s|%lld', encodeText(`${'x'.repeat(504)}\0`), v[3]],
  ['%s|%lld', encodeText(`${'x'.repeat(502)}\0`), v[3]],
  ['%s|%s', encodeText(`${'x'.repeat(511)}\0`), text],
  ['%s|%s', encodeText(`${'x'.repeat(510)}\0`), text],
  ['%100d|', v[3]],
  ['%0100d|', v[3]],
]

/** What bpf_snprintf gives: its result and text, or 'refused' where the format is not accepted. */
function snprintf(kernel: Kernel, format: string, args: readonly Argument[], room = ROOM): string {
  const array = (value: Uint8Array, mapFlags = 0): number => {
    const fd = kernel.call('map_create', {
      mapType: ARRAY,
      keySize: 4,
      valueSize: value.length,
      maxEntries: 1,
      mapFlags,
    })
    kernel.call('map_update_elem', { mapFd: fd, key, value })
    fds.push(fd)
    return fd
  }
  const fds: number[] = []
  try {
    const fmt = array(encodeText(`${format}\0`), RDONLY_PROG)
    kernel.call('map_freeze', { mapFd: fmt as never })
    const out = array(new Uint8Array(ROOM).fill(0x7e))
    const b = programBuilder()
    args.forEach((argument, index) => {
      if (argument instanceof Uint8Array) b.ldMapValue(1, array(argument), 0)
      else b.ldImm64(1, argument)
      b.stx(64, 10, -8 * (args.length - index), 1)
    })
    b.ldMapValue(1, out, 0).mov64Imm(2, room).ldMapValue(3, fmt, 0)
    if (args.length === 0) b.mov64Imm(4, 0)
    else b.mov64Reg(4, 10).alu64Imm('add', 4, -8 * args.length)
    b.mov64Imm(5, 8 * args.length)
      .call('snprintf')
      .exit()
    try {
      const { fd } = kernel.call('prog_load', {
        progType: SYSCALL,
        insns: b.build(),
        license: 'GPL',
        progFlags: SLEEPABLE,
      })
      fds.push(fd)
      const result = kernel.call('prog_test_run', { progFd: fd }).retval | 0
      if (result === -22) return 'refused'
      const bytes = kernel.call('map_lookup_elem', { mapFd: out as never, key })
      return `${result} ${decodeText(bytes).replace(/~+$/, '~')}`
    } catch (error) {
      if (errorCode(error) === 'EINVAL') return 'refused'
      throw error
    }
  } finally {
    for (const fd of fds) kernel.call('close', { fd: fd as never })
  }
}

test('bpf_snprintf formats as Linux does, and refuses what Linux refuses', { skip: linuxUnavailable() }, () => {
  const results = onBothKernels((kernel) =>
    CASES.map(([format, ...args]) => `${JSON.stringify(format)}: ${snprintf(kernel, format, args)}`),
  )
  assert.deepEqual(results.embedded, results.linux)
  assert.ok(results.linux.filter((line) => !line.endsWith('refused')).length > 30)
})

test('text that does not fit is cut, its full length told', { skip: linuxUnavailable() }, () => {
  const results = onBothKernels((kernel) =>
    [1, 2, 5, 9, 12, 40].map((room) => snprintf(kernel, '%s and %d', [text, v[3]], room)),
  )
  assert.deepEqual(results.embedded, results.linux)
})

test('lines of trace_printk lose one newline; strings outside of the memory are empty', () => {
  const machine = new Machine()
  const at = machine.memory.alloc(64)
  const format = (fmt: string, ...args: bigint[]): string | number => {
    machine.memory.write(at, encodeText(`${fmt}\0`))
    const halves = args.map((arg) => ({
      lo: Number(BigInt.asIntN(32, arg)),
      hi: Number(BigInt.asIntN(32, arg >> 32n)),
    }))
    const result = formatText(machine, at, 64, halves)
    return typeof result === 'number' ? result : decodeText(Uint8Array.from(result))
  }
  assert.equal(format('<%s>', 0xffff_ffff_0000_0000n), '<>')
  assert.equal(format('%p', 0x1234n), '0000000000001234')
  machine.symbolName = (address) => (address === 0x1234n ? 'do_it+0x4/0x10' : undefined)
  assert.equal(format('%pS %pS', 0x1234n, 0x99n), 'do_it+0x4/0x10 0x99')
  machine.memory.u8.fill(0x41, at, at + 64)
  assert.equal(formatText(machine, at, 64, []), -22)
})
