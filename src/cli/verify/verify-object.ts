// Verdicts on the programs of an object, by our verifier or by Linux's, with explanations.

import { readFileSync } from 'node:fs'
import { FormatError, UsageError } from '../../base/index.js'
import { type Btf, parseBtf } from '../../btf/index.js'
import { type Kernel, KernelError, type ProgLoadRequest } from '../../kernel/index.js'
import { kernelName, ObjectError } from '../../object/index.js'
import { loadCollection, openObject } from '../../sdk/index.js'
import { ruleOfMessage, tellingLine } from '../../spec/index.js'
import {
  type Explanation,
  explainLog,
  parseLog,
  type VerifyProgram,
  type VerifyStats,
  verify,
} from '../../verifier/index.js'
import { noteTaker } from './note-taker.js'

export interface ProgramVerdict {
  readonly file: string
  readonly name: string
  readonly section: string
  readonly type: string
  /** Instruction slots. */
  readonly insns: number
  readonly verdict: 'accept' | 'reject'
  readonly errno: string | null
  /** Linux's last telling line; '' for an accepted program. */
  readonly message: string
  /** A rule of Linux's that Skep does not model: no verdict on the program. */
  readonly unsupported: boolean
  readonly diagnostics: readonly Explanation[]
  readonly stats: VerifyStats
  readonly timeMs: number
  readonly log: string
}

/** A program (or a whole file: `name` is '') no verifier was asked about, and why. */
export interface Unread {
  readonly file: string
  readonly name: string
  readonly reason: string
}

export interface VerifyObjectOptions {
  readonly kernel: 'embedded' | 'linux'
  readonly prog?: string | undefined
  readonly logLevel: number
}

/** Instructions processed beyond which Linux is not asked for its trace. */
const LONG = 200_000

/** Ends a load that has told what it should. */
const DONE = Symbol('asked')

const VMLINUX = '/sys/kernel/btf/vmlinux'

/** The running kernel's BTF, where there is one: kernel functions, tracing arguments, CO-RE. */
function runningBtf(): Uint8Array | undefined {
  try {
    return new Uint8Array(readFileSync(VMLINUX))
  } catch {
    return undefined
  }
}

/** A verifier of one kernel, kept open for many files. */
export class ObjectVerifier {
  readonly #kernel: Kernel
  readonly #options: VerifyObjectOptions
  readonly #vmlinuxBytes: Uint8Array | undefined
  #vmlinux: Btf | undefined

  /** The session is the verifier's from here on. */
  constructor(kernel: Kernel, options: VerifyObjectOptions) {
    this.#options = options
    this.#kernel = kernel
    this.#vmlinuxBytes = (options.kernel === 'embedded' ? runningBtf() : undefined) ?? this.#kernel.vmlinuxBtf()
  }

  [Symbol.dispose](): void {
    this.#kernel[Symbol.dispose]()
  }

  /** Verdicts on the programs of `bytes`. What cannot be asked about goes to `unread`. Throws what opening the object throws. */
  verifyObject(file: string, bytes: Uint8Array, unread: (what: Unread) => void): ProgramVerdict[] {
    const out: ProgramVerdict[] = []
    const { prog } = this.#options
    const spec = openObject(bytes, { file })
    for (const { name, section } of spec.programs) {
      if (prog !== undefined && name !== prog) continue
      let verdict: ProgramVerdict | undefined
      const session = noteTaker(
        this.#kernel,
        (request, program) => {
          // Programs that fill a program array are loaded before the one that uses it.
          if (request.progName !== kernelName(name)) return this.#kernel.call('prog_load', request)
          if (program !== undefined) verdict = { file, name, section, ...this.#judge(request, program) }
          throw DONE
        },
        () => this.#btf(),
        this.#vmlinuxBytes,
      )
      try {
        const places = { pinPath: '/nonexistent', tcPinPath: '/nonexistent' }
        loadCollection(openObject(bytes, { file }), { kernel: session, programs: [name], ...places }).close()
      } catch (error) {
        if (error !== DONE && verdict === undefined) unread({ file, name, reason: reasonOf(error) })
      }
      if (verdict !== undefined) out.push(verdict)
    }
    return out
  }

  #btf(): Btf | undefined {
    if (this.#vmlinux === undefined && this.#vmlinuxBytes !== undefined) this.#vmlinux = parseBtf(this.#vmlinuxBytes)
    return this.#vmlinux
  }

  #judge(request: ProgLoadRequest, program: VerifyProgram): Omit<ProgramVerdict, 'file' | 'name' | 'section'> {
    return this.#options.kernel === 'linux' ? this.#askLinux(request, program) : this.#askOurs(program)
  }

  #askOurs(program: VerifyProgram): Omit<ProgramVerdict, 'file' | 'name' | 'section'> {
    const { logLevel } = this.#options
    const start = performance.now()
    const first = verify(program, { logLevel })
    const timeMs = performance.now() - start
    const { ok, errno = null, stats, visits } = first
    const [diagnostic] = first.diagnostics
    // An explanation is read out of the log of the failing path: a second pass, for refusals only.
    const complex = diagnostic?.ruleId === 'too-complex'
    const log = ok || complex || (logLevel & 3) === 1 ? first.log : verify(program, { logLevel: 1 }).log
    const message = tellingLine(diagnostic?.message ?? '')
    const explained = ok ? undefined : explainLog(complex ? `${message}\n` : log, optionsOf(program, visits))
    return {
      ...{ type: program.type, insns: program.insns.length / 8, verdict: ok ? 'accept' : 'reject', errno, message },
      ...{ unsupported: diagnostic?.unsupported === true, diagnostics: explained === undefined ? [] : [explained] },
      ...{ stats, timeMs, log: first.log },
    }
  }

  #askLinux(request: ProgLoadRequest, program: VerifyProgram): Omit<ProgramVerdict, 'file' | 'name' | 'section'> {
    const { logLevel } = this.#options
    const about = { type: program.type, insns: program.insns.length / 8, unsupported: false }
    const ask = (level: number): { errno: string | null; log: string; timeMs: number } => {
      const start = performance.now()
      try {
        const { fd, log } = this.#kernel.call('prog_load', { ...request, logLevel: level, logSize: 1 << 24 })
        const timeMs = performance.now() - start
        this.#kernel.call('close', { fd })
        return { errno: null, log, timeMs }
      } catch (error) {
        if (!(error instanceof KernelError)) throw error
        return { errno: error.code, log: error.log ?? '', timeMs: performance.now() - start }
      }
    }
    // Level 4 gives message and statistics alone.
    const { errno, log: short, timeMs } = ask(4)
    const none: VerifyStats = { insnsProcessed: 0, totalStates: 0, peakStates: 0, maxStatesPerInsn: 0 }
    const stats = parseLog(short).stats ?? none
    const log = logLevel === 0 ? '' : ask(logLevel).log
    // The log of a path of very many instructions would not fit anywhere, and a program that is too complex has none to tell.
    const complex = errno !== null && ruleOfMessage(tellingLine(short))?.rule.id === 'too-complex'
    const long = complex || stats.insnsProcessed > LONG
    const path = errno === null || long ? short : ask(1).log
    if (errno === null) return { ...about, verdict: 'accept', errno, message: '', diagnostics: [], stats, timeMs, log }
    // Where Linux's effort went is told by ours, which walks the same way.
    const visits = complex ? verify(program, { logLevel: 0 }).visits : undefined
    const explained = explainLog(path, optionsOf(program, visits))
    const message = explained.message === '' ? `${errno}` : explained.message
    return { ...about, verdict: 'reject', errno, message, diagnostics: [{ ...explained, message }], stats, timeMs, log }
  }
}

function optionsOf(
  { insns, lineInfo }: VerifyProgram,
  visits: Uint32Array | undefined,
): Parameters<typeof explainLog>[1] {
  return { insns, ...(lineInfo === undefined ? {} : { lineInfo }), ...(visits === undefined ? {} : { visits }) }
}

/** The message of an error that means the object cannot be loaded; others are defects of ours and go up. */
function reasonOf(error: unknown): string {
  const expected =
    error instanceof FormatError ||
    error instanceof KernelError ||
    error instanceof ObjectError ||
    error instanceof UsageError
  if (!expected) throw error
  return error.message
}

/** A program as it would be put to the verifier: linked, relocated, with its maps made. Throws what loading throws. */
export function linkedProgram(session: Kernel, file: string, bytes: Uint8Array, name: string): VerifyProgram {
  using kernel = session
  const vmlinux = runningBtf() ?? kernel.vmlinuxBtf()
  let found: VerifyProgram | undefined
  const noted = noteTaker(
    kernel,
    (request, program) => {
      if (request.progName !== kernelName(name)) return kernel.call('prog_load', request)
      found = program
      throw DONE
    },
    () => (vmlinux === undefined ? undefined : parseBtf(vmlinux)),
    vmlinux,
  )
  try {
    const places = { pinPath: '/nonexistent', tcPinPath: '/nonexistent' }
    loadCollection(openObject(bytes, { file }), { kernel: noted, programs: [name], ...places }).close()
  } catch (error) {
    if (error !== DONE) throw error
  }
  if (found === undefined) throw new Error(`${file}: ${name} was not loaded`)
  return found
}
