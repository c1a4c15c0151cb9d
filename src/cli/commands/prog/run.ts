import { readFileSync, writeFileSync } from 'node:fs'
import { errnoText } from '../../../base/index.js'
import type { CommandHost } from '../../host/host.js'
import { errorNumber } from '../../input/files.js'
import { attempt, CommandError } from '../../noun/command-error.js'
import { oneNamed } from '../../noun/objects.js'
import type { VerbContext } from '../../noun/verb.js'

const FILES = ['data_in', 'data_out', 'ctx_in', 'ctx_out'] as const
const SIZES = {
  data_size_out: 'output data size',
  ctx_size_out: 'output context size',
  repeat: 'repeat number',
} as const
const WORDS = ['data_in', 'data_out', 'data_size_out', 'ctx_in', 'ctx_out', 'ctx_size_out', 'repeat'] as const

/** `prog run PROG data_in FILE [data_out FILE] [data_size_out N] [ctx_in FILE] [ctx_out FILE] [ctx_size_out N] [repeat N]`; `-` is the terminal. */
export async function runProg(context: VerbContext): Promise<void> {
  const { kernel, words, host } = context
  words.need(4)
  const { fd } = oneNamed(context, 'prog')
  const given: Partial<Record<(typeof FILES)[number], string>> = {}
  const numbers: Partial<Record<keyof typeof SIZES, number>> = {}
  while (!words.done) {
    const word = WORDS.find((each) => words.is(each))
    if (word === undefined) {
      const list = `${WORDS.slice(0, -1)
        .map((each) => `'${each}'`)
        .join(', ')} or 'repeat'`
      throw words.wrong(`expected no more arguments, ${list}, got: '${words.peek()}'?`)
    }
    words.next(word)
    words.need(1)
    if (Object.hasOwn(SIZES, word))
      numbers[word as keyof typeof SIZES] = words.number(SIZES[word as keyof typeof SIZES])
    else given[word as (typeof FILES)[number]] = words.next('file')
  }
  if (given.data_in === undefined && given.ctx_in === undefined) throw words.wrong('data_in or ctx_in is missing')
  const { data_size_out: dataSizeOut, ctx_size_out: ctxSizeOut, repeat } = numbers
  const [dataIn, ctxIn] = [await readInput(host, given.data_in), await readInput(host, given.ctx_in)]
  const request = {
    progFd: fd,
    ...(dataIn === undefined ? {} : { dataIn }),
    ...(ctxIn === undefined ? {} : { ctxIn }),
    ...(dataSizeOut === undefined ? {} : { dataSizeOut }),
    ...(ctxSizeOut === undefined ? {} : { ctxSizeOut }),
    ...(repeat === undefined ? {} : { repeat }),
  }
  const result = attempt('failed to run program', () => kernel.call('prog_test_run', request))
  const outputs = [
    ['data_out', given.data_out, result.dataOut],
    ['ctx_out', given.ctx_out, result.ctxOut],
  ] as const
  const shown: string[] = []
  const json: Record<string, unknown> = {}
  for (const [name, file, bytes] of outputs) {
    if (file === undefined) continue
    if (file !== '-') writeFileSync(host.resolve(file), bytes)
    else if (context.json) json[name] = [...bytes]
    else shown.push(hexDump(bytes))
  }
  const { retval, duration } = result
  const average = (repeat ?? 1) > 1 ? ' (average)' : ''
  const summary = `Return value: ${retval}, duration${average}: ${duration}ns`
  context.answer({ ...json, retval, duration }, [...shown, summary].join('\n'))
}

async function readInput(host: CommandHost, file: string | undefined): Promise<Uint8Array | undefined> {
  if (file === undefined) return undefined
  if (file === '-') return host.stdin()
  try {
    return new Uint8Array(readFileSync(host.resolve(file)))
  } catch (error) {
    throw new CommandError(`failed to open ${file}: ${errnoText(errorNumber(error))}`, { cause: error })
  }
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
