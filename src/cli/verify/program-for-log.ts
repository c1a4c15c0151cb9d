// The program a log is about, as it was put to the verifier.

import { readFileSync } from 'node:fs'
import { UsageError } from '../../base/index.js'
import type { LineInfo } from '../../btf/index.js'
import { openObject } from '../../sdk/index.js'
import type { CommandHost } from '../host/host.js'
import { linkedProgram } from './verify-object.js'

export interface LogProgram {
  readonly name: string
  readonly type: string
  readonly insns: Uint8Array
  readonly lineInfo: readonly LineInfo[]
}

/** Throws UsageError where the object does not have the program, or has several and none is named. */
export function programForLog(host: CommandHost, file: string, name: string | undefined): LogProgram {
  const bytes = new Uint8Array(readFileSync(host.resolve(file)))
  const { programs } = openObject(bytes, { file })
  const names = programs.map((program) => program.name)
  const wanted = name ?? (names.length === 1 ? names[0] : undefined)
  if (wanted === undefined) throw new UsageError(`${file} has ${names.length} programs`, `--prog ${names.join('|')}`)
  if (!names.includes(wanted)) throw new UsageError(`${file} has no program '${wanted}'`, `it has ${names.join(', ')}`)
  const program = linkedProgram(host.openKernel('fresh'), file, bytes, wanted)
  return { name: wanted, type: program.type, insns: program.insns, lineInfo: program.lineInfo ?? [] }
}
