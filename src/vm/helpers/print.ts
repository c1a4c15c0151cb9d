import { decodeText, ERRNO } from '../../base/index.js'
import { type FormatArgument, type Formatted, formatText } from '../format.js'
import type { Machine } from '../machine.js'
import type { HelperFamily } from './family.js'

/** Arguments of bpf_trace_vprintk, bpf_snprintf and bpf_seq_printf at most (MAX_BPRINTF_VARARGS). */
const MAX_ARGUMENTS = 12
/** Longest line (MAX_BPRINTF_BUF, with its NUL). */
const LINE_SIZE = 1024

/** Formatted output: the trace pipe is the machine's `printk`. */
export const printHelpers = {
  trace_printk: (machine, fmt, size, lo1, hi1, lo2, hi2, lo3, hi3) => {
    const args = [
      { lo: lo1, hi: hi1 },
      { lo: lo2, hi: hi2 },
      { lo: lo3, hi: hi3 },
    ]
    return printLine(machine, formatText(machine, fmt >>> 0, size >>> 0, args))
  },
  trace_vprintk: (machine, fmt, size, data, dataSize) => {
    const args = argumentsAt(machine, data, dataSize)
    return typeof args === 'number' ? args : printLine(machine, formatText(machine, fmt >>> 0, size >>> 0, args))
  },
  snprintf: (machine, to, size, fmt, data, dataSize) => {
    const args = argumentsAt(machine, data, dataSize)
    if (typeof args === 'number') return args
    const text = formatText(machine, fmt >>> 0, 0xffff_ffff, args)
    if (typeof text === 'number') return text
    const u8 = machine.memory.u8
    const room = size >>> 0
    if (room > 0) {
      const length = Math.min(text.length, room - 1)
      for (let i = 0; i < length; i++) u8[(to >>> 0) + i] = text[i] as number
      u8[(to >>> 0) + length] = 0
    }
    return text.length + 1
  },
  seq_printf: (machine, _seq, fmt, size, data, dataSize) => {
    const args = argumentsAt(machine, data, dataSize)
    if (typeof args === 'number') return args
    const text = formatText(machine, fmt >>> 0, size >>> 0, args)
    return typeof text === 'number' ? text : writeSeq(machine, Uint8Array.from(text))
  },
  seq_write: (machine, _seq, data, size) => writeSeq(machine, machine.memory.read(data >>> 0, size >>> 0)),
} satisfies HelperFamily

function writeSeq(machine: Machine, bytes: Uint8Array): number {
  return machine.seqWrite?.(bytes) === true ? 0 : -ERRNO.EOVERFLOW
}

/** Sends a line to the trace pipe; its length, or the error of formatting it. */
function printLine(machine: Machine, text: Formatted): number {
  if (typeof text === 'number') return text
  const line = text.length < LINE_SIZE ? text : text.slice(0, LINE_SIZE - 1)
  const end = line.at(-1) === 0x0a ? line.length - 1 : line.length
  machine.printk(decodeText(Uint8Array.from(line.slice(0, end))))
  return text.length
}

/** The u64 array of a varargs helper. */
function argumentsAt(machine: Machine, data: number, size: number): readonly FormatArgument[] | number {
  const bytes = size >>> 0
  if (bytes % 8 !== 0 || bytes > MAX_ARGUMENTS * 8 || (bytes > 0 && data === 0)) return -ERRNO.EINVAL
  const view = machine.memory.view
  return Array.from({ length: bytes / 8 }, (_, index) => {
    const at = (data >>> 0) + index * 8
    return { lo: view.getInt32(at, true), hi: view.getInt32(at + 4, true) }
  })
}
