import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { errnoText } from '../../../base/index.js'
import { attachIter, BpfMap, BpfProgram, KernelError, loadCollection, openObject } from '../../../sdk/index.js'
import type { CommandHost } from '../../host/host.js'
import { errorNumber } from '../../input/files.js'
import { CommandError, statusOf } from '../../noun/command-error.js'
import { nounCommand } from '../../noun/noun-command.js'
import { oneNamed } from '../../noun/objects.js'
import type { Noun, VerbContext } from '../../noun/verb.js'

/** `iter …`: bpftool's verb. */
// biome-ignore format: one row per line
export const ITER_NOUN: Noun = {
  name: 'iter',
  summary: 'pin iterators',
  usageFirst: true,
  verbs: [
    { names: ['pin'], words: 'FILE PATH [map MAP]', summary: "load an object, attach its first program as an iterator and pin that: reading the file runs it", run: pinIter },
  ],
}

function pinIter(context: VerbContext): void {
  const { kernel, words, host } = context
  words.need(2, undefined, 'usage')
  const file = words.next('object file')
  const path = words.next('path')
  const map = words.take('map') ? BpfMap.fromFd(kernel, oneNamed(context, 'map').fd) : undefined
  words.end()
  let bytes: Uint8Array
  try {
    bytes = new Uint8Array(readFileSync(host.resolve(file)))
  } catch (error) {
    const errno = errorNumber(error)
    throw new CommandError(`can't open objfile ${file}`, {
      cause: error,
      status: statusOf(errno),
      before: `libbpf: elf: failed to open ${file}: ${errnoText(errno)}\n`,
    })
  }
  using collection = attemptTo(`can't load objfile ${file}`, () =>
    loadCollection(openObject(bytes, { file }), { kernel }),
  )
  const [program] = collection.programs.values()
  if (!(program instanceof BpfProgram)) throw new CommandError(`can't find bpf program in objfile ${file}`)
  using link = attemptTo(`attach_iter failed for program ${program.name}`, () =>
    attachIter(program, map === undefined ? {} : { map }),
  )
  attemptTo(`pin_iter failed for program ${program.name} to path ${path}`, () => link.link.pin(path))
  context.silent()
}

function attemptTo<T>(message: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw error
    const status = error instanceof KernelError ? statusOf(error.errno) : 255
    throw new CommandError(message, { cause: error, status, hint: (error as Error).message })
  }
}

/** `skep iter …` */
export function iterCommand(host: CommandHost): Command {
  return nounCommand(ITER_NOUN, host)
}
