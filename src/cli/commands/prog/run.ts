import { readFileSync, writeFileSync } from 'node:fs'
import { oneNamed } from '../../noun/objects.js'
import type { VerbContext } from '../../noun/verb.js'

const INPUTS = ['data_in', 'data_out', 'data_size_out', 'ctx_in', 'ctx_out', 'ctx_size_out', 'repeat'] as const
type Input = (typeof INPUTS)[number]

/** `prog run PROG data_in FILE [data_out FILE] [data_size_out N] [ctx_in FILE] [ctx_out FILE] [ctx_size_out N] [repeat N]`; `-` is the terminal. */
export function runProg(context: VerbContext): void {
  const { kernel, words } = context
  const { fd } = oneNamed(context, 'prog')
  const given: Partial<Record<Input, string>> = {}
  const numbers: Partial<Record<Input, number>> = {}
  while (!words.done) {
    const word = words.next('input')
    const input = INPUTS.find((each) => each === word)
    if (input === undefined) throw words.wrong(`'${word}' is none of ${INPUTS.join(', ')}`)
    if (input === 'repeat' || input.endsWith('_size_out')) numbers[input] = words.number(input)
    else given[input] = words.next('file')
  }
  if (given.data_in === undefined && given.ctx_in === undefined) throw words.wrong('data_in or ctx_in is missing')
  const { data_size_out: dataSizeOut, ctx_size_out: ctxSizeOut, repeat } = numbers
  const result = kernel.call('prog_test_run', {
    progFd: fd,
    ...(given.data_in === undefined ? {} : { dataIn: readInput(given.data_in) }),
    ...(given.ctx_in === undefined ? {} : { ctxIn: readInput(given.ctx_in) }),
    ...(dataSizeOut === undefined ? {} : { dataSizeOut }),
    ...(ctxSizeOut === undefined ? {} : { ctxSizeOut }),
    ...(repeat === undefined ? {} : { repeat }),
  })
  const outputs = [
    ['data_out', given.data_out, result.dataOut],
    ['ctx_out', given.ctx_out, result.ctxOut],
  ] as const
  const shown: string[] = []
  const json: Record<string, unknown> = {}
  for (const [name, file, bytes] of outputs) {
    if (file === undefined) continue
    if (file !== '-') writeFileSync(file, bytes)
    else if (context.json) json[name] = [...bytes]
    else shown.push(hexDump(bytes))
  }
  const { retval, duration } = result
  const average = (repeat ?? 1) > 1 ? ' (average)' : ''
  const summary = `Return value: ${retval}, duration${average}: ${duration}ns`
  context.answer({ ...json, retval, duration }, [...shown, summary].join('\n'))
}

function readInput(file: string): Uint8Array {
  return new Uint8Array(readFileSync(file === '-' ? 0 : file))
}

/** bpftool's dump: offset, eight groups of two bytes, characters. */
function hexDump(bytes: Uint8Array): string {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16)
    const cells: string[] = []
    for (let i = 0; i < 16; i += 2) {
      const pair = [...row.subarray(i, i + 2)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
      cells.push(pair.padEnd(4))
    }
    const text = [...row].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
    lines.push(
      `${at.toString(16).padStart(7, '0')}\t${cells.join(' ')} | ${text.slice(0, 8)} ${text.slice(8)}`.trimEnd(),
    )
  }
  return lines.join('\n')
}
