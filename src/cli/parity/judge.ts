// Both verdicts on every program of an object: that of the running kernel, and ours on the very same request.

import { UsageError } from '../../base/index.js'
import { type Kernel, KernelError, type ProgLoadRequest } from '../../kernel/index.js'
import { openObject } from '../../object/index.js'
import { loadCollection } from '../../sdk/index.js'
import { tellingLine } from '../../spec/index.js'
import { type VerifyProgram, type VerifyResult, verify } from '../../verifier/index.js'
import { noteTaker } from '../verify/note-taker.js'

export interface Judgement {
  readonly file: string
  readonly program: string
  readonly type: string
  readonly insns: number
  readonly linux: { readonly ok: boolean; readonly message: string; readonly log: string; readonly ms: number }
  readonly ours: VerifyResult & { readonly ms: number }
  /** The logs at the levels that were asked for besides. */
  readonly otherLogs: readonly { readonly level: number; readonly linux: string; readonly ours: string }[]
}

export interface JudgeOptions {
  readonly logLevel: number
  /** Further levels at which logs are taken. */
  readonly otherLevels?: readonly number[]
  /** Programs to look at; absent: all. */
  readonly only?: string | undefined
  readonly maxInsns?: number | undefined
}

/** What was skipped (cannot be linked, maps refused …), by program, goes to `skipped`. */
export function judgeObject(
  kernel: Kernel,
  file: string,
  bytes: Uint8Array,
  options: JudgeOptions,
  skipped: (program: string, reason: string) => void,
): Judgement[] {
  const out: Judgement[] = []
  const spec = openObject(bytes, { file })
  let verdict: Verdict | undefined
  const noted = noteTaker(kernel, (request, program) => {
    if (program === undefined) return kernel.call('prog_load', request)
    const judged = judgeRequest(kernel, request, program, options)
    verdict = judged.verdict
    if (judged.failure !== undefined && gaveNoVerdict(judged)) {
      verdict = undefined
      throw new UsageError('this kernel does not load such programs, whatever they do (EPERM without a log)')
    }
    if (judged.failure !== undefined) throw judged.failure
    return judged.answer
  })
  for (const program of spec.programs) {
    if (options.only !== undefined && program.name !== options.only) continue
    verdict = undefined
    try {
      loadCollection(openObject(bytes, { file }), {
        kernel: noted,
        programs: [program.name],
        pinPath: '/nonexistent',
        tcPinPath: '/nonexistent',
      }).close()
    } catch (error) {
      if (verdict === undefined) skipped(program.name, error instanceof Error ? error.message : String(error))
    }
    if (verdict !== undefined) out.push({ file, program: program.name, ...(verdict as Verdict) })
  }
  return out
}

/** Refused before the verifier looked: a kernel built or run without what the type needs. */
function gaveNoVerdict({ verdict, failure }: { readonly verdict: Verdict; readonly failure: unknown }): boolean {
  return failure instanceof KernelError && verdict.linux.log === ''
}

type Verdict = Omit<Judgement, 'file' | 'program'>

/** Instructions processed beyond which no trace is taken. */
const LONG = 200_000

/** The question to both kernels: theirs by loading, ours by judging the same request. */
function judgeRequest(
  kernel: Kernel,
  request: ProgLoadRequest,
  program: VerifyProgram,
  { logLevel, otherLevels = [], maxInsns }: JudgeOptions,
): { readonly verdict: Verdict; readonly answer: unknown; readonly failure: unknown } {
  const start = performance.now()
  let linux: Verdict['linux']
  let answer: unknown
  let failure: unknown
  try {
    answer = kernel.call('prog_load', { ...request, logLevel: 0 })
    linux = { ok: true, message: '', log: '', ms: performance.now() - start }
  } catch (error) {
    failure = error
    linux = { ok: false, message: '', log: '', ms: performance.now() - start }
  }
  // Level 4 gives message and statistics alone; the trace of very many instructions is asked of neither.
  const short = linuxLog(kernel, request, 4)
  const long = Number(/processed (\d+) insns/.exec(short)?.[1] ?? 0) > LONG
  const level = long || (logLevel === 0 && !linux.ok) ? 4 : logLevel
  const log = level === 4 || level === 0 ? short : linuxLog(kernel, request, level)
  linux = { ...linux, log, message: linux.ok ? '' : tellingLine(short) || String(failure) }
  const limit = maxInsns === undefined ? {} : { maxInsns }
  // Linux is timed without a log, and so are we.
  const begin = performance.now()
  verify(program, { logLevel: 0, ...limit })
  const ms = performance.now() - begin
  const ours = verify(program, { logLevel: level === 0 ? 4 : level, ...limit })
  const otherLogs = otherLevels.map((other) => ({
    level: other,
    linux: long ? short : linuxLog(kernel, request, other),
    ours: verify(program, { logLevel: long ? 4 : other, ...limit }).log,
  }))
  const insns = request.insns.length / 8
  return { verdict: { type: program.type, insns, linux, ours: { ...ours, ms }, otherLogs }, answer, failure }
}

function linuxLog(kernel: Kernel, request: ProgLoadRequest, logLevel: number): string {
  try {
    const { fd, log } = kernel.call('prog_load', { ...request, logLevel, logSize: 1 << 22 })
    kernel.call('close', { fd })
    return log
  } catch (error) {
    if (error instanceof KernelError) return error.log ?? ''
    throw error
  }
}
