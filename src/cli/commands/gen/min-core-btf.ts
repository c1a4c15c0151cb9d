import { readFileSync, writeFileSync } from 'node:fs'
import { ERRNO, FormatError, UsageError } from '../../../base/index.js'
import { type CoreUser, minimalBtf } from '../../../btf/index.js'
import { objectBtf, objectBtfExt, openObject } from '../../../object/index.js'
import { errorNumber } from '../../input/files.js'
import { readBtf } from '../../input/read-btf.js'
import { CommandError, statusOf } from '../../noun/command-error.js'
import type { Verb, VerbContext } from '../../noun/verb.js'

/** `gen min_core_btf`: the part of a kernel's BTF that some objects need. */
export const genMinCoreBtf: Verb = {
  names: ['min_core_btf'],
  words: 'INPUT OUTPUT OBJECT [OBJECT...]',
  summary: "write the part of a kernel's BTF that the CO-RE relocations of some objects need",
  run: writeMinimal,
}

function writeMinimal({ words, host, silent }: VerbContext): void {
  words.need(3, undefined, 'usage')
  const input = words.next('BTF of a kernel')
  const output = words.next('output file')
  const target = attemptTo(`failed to load source BTF file: ${input}`, () => readBtf(host.resolve(input)))
  const users: CoreUser[] = []
  while (!words.done) {
    const file = words.next('object file')
    const user = attemptTo(`failed to get BTF of object file ${file}`, () => coreUser(host.resolve(file), file))
    if (user !== undefined) users.push(user)
  }
  const bytes = attemptTo('failed to generate BTF', () => minimalBtf(target, users))
  attemptTo(`failed to write ${output}`, () => writeFileSync(host.resolve(output), bytes))
  silent()
}

/** Undefined for an object that asks nothing of a kernel's types. */
function coreUser(path: string, file: string): CoreUser | undefined {
  const spec = openObject(new Uint8Array(readFileSync(path)), { file })
  const btf = objectBtf(spec)
  const ext = objectBtfExt(spec)
  if (btf === undefined) throw new UsageError(`${file} has no BTF`, 'compile with -g')
  return ext === undefined ? undefined : { btf, ext }
}

function attemptTo<T>(message: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw error
    const known = error instanceof FormatError || error instanceof UsageError
    const status = statusOf(known ? ERRNO.EINVAL : errorNumber(error))
    throw new CommandError(message, { cause: error, status, hint: (error as Error).message })
  }
}
