import { readFileSync, writeFileSync } from 'node:fs'
import { ERRNO, errnoText } from '../../../base/index.js'
import { linkObjects, ObjectError } from '../../../object/index.js'
import { errorNumber } from '../../input/files.js'
import { CommandError, statusOf } from '../../noun/command-error.js'
import type { Verb, VerbContext } from '../../noun/verb.js'

/** `gen object`: static linking. */
export const genObject: Verb = {
  names: ['object'],
  words: 'OUTPUT_FILE INPUT_FILE [INPUT_FILE...]',
  summary: 'link several objects into one: externs find their definitions, types are merged',
  run: writeLinked,
}

function writeLinked({ words, host, silent }: VerbContext): void {
  words.need(2, undefined, 'usage')
  const output = words.next('output file')
  const inputs: { file: string; bytes: Uint8Array }[] = []
  while (!words.done) {
    const file = words.next('input file')
    inputs.push({ file, bytes: attemptTo(`failed to link '${file}'`, () => read(host.resolve(file))) })
  }
  const linked = attemptTo(`failed to link '${inputs.at(-1)?.file ?? ''}'`, () => linkObjects(inputs))
  attemptTo(`failed to write '${output}'`, () => writeFileSync(host.resolve(output), linked))
  silent()
}

function read(path: string): Uint8Array {
  return new Uint8Array(readFileSync(path))
}

function attemptTo<T>(message: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw error
    const object = error instanceof ObjectError ? error : undefined
    const errno = object === undefined ? errorNumber(error) : ERRNO.EINVAL
    const file = object?.file ?? ''
    const about = file === '' ? message : `failed to link '${file}'`
    throw new CommandError(`${about}: ${errnoText(errno)} (${errno})`, {
      cause: error,
      status: statusOf(errno),
      ...(object === undefined ? {} : { before: `libbpf: ${object.message}\n`, hint: object.message }),
    })
  }
}
