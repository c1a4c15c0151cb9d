import type { KernelError } from '../kernel/index.js'

/** A kernel refused a program. `log` is the verifier's, in full; the rest is read out of it. */
export class VerifierError extends Error {
  override readonly name = 'VerifierError'
  /** Program name in the object. */
  readonly program: string
  readonly section: string | undefined
  readonly code: string
  readonly errno: number
  readonly log: string
  /** The verifier's last telling line. */
  readonly reason: string
  /** Instruction at which it stopped, where the log says so. */
  readonly pc: number | undefined
  /** Source line of that instruction, as the log prints it: `if (x) @ prog.c:12`. */
  readonly source: string | undefined
  readonly hint: string | undefined

  constructor(program: string, section: string | undefined, cause: KernelError) {
    const log = cause.log ?? ''
    const reason = lastTellingLine(log) ?? ''
    super(
      `prog '${program}': BPF program load failed: ${cause.code}${reason === '' ? `: ${cause.message}` : `: ${reason}`}`,
      { cause },
    )
    this.program = program
    this.section = section
    this.code = cause.code
    this.errno = cause.errno
    this.log = log
    this.reason = reason
    this.hint = cause.hint
    const position = lastPosition(log)
    this.pc = position.pc
    this.source = position.source
  }

  /** The report libbpf's users know: message and log between its two marks. */
  report(): string {
    if (this.log === '') return this.message
    return `${this.message}\n-- BEGIN PROG LOAD LOG --\n${this.log.trimEnd()}\n-- END PROG LOAD LOG --`
  }
}

function lastTellingLine(log: string): string | undefined {
  return log
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '' && !/^(processed \d+ insns|verification time|stack depth|max_states)/.test(line))
    .at(-1)
}

function lastPosition(log: string): { pc: number | undefined; source: string | undefined } {
  let pc: number | undefined
  let source: string | undefined
  for (const line of log.split('\n')) {
    const insn = /^(\d+): \([0-9a-f]{2}\)/.exec(line)
    if (insn !== null) pc = Number(insn[1])
    else if (line.startsWith('; ')) source = line.slice(2)
  }
  return { pc, source }
}
