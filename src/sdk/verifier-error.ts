import type { KernelError } from '../kernel/index.js'
import { ruleOfMessage, tellingLine } from '../spec/index.js'

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
  /** What helps, in our own words: the kernel's own where the call failed outside the verifier, else the rule's. */
  readonly hint: string | undefined
  /** Id of the rule that was broken (docs/reference/verifier-rules.md); undefined where the log names none. */
  readonly ruleId: string | undefined
  /** A check in C that satisfies the rule, where there is a typical one. */
  readonly check: string | undefined

  constructor(program: string, section: string | undefined, cause: KernelError) {
    const log = cause.log ?? ''
    const reason = tellingLine(log)
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
    const rule = ruleOfMessage(reason)?.rule
    this.hint = cause.hint ?? rule?.hint
    this.ruleId = rule?.id
    this.check = rule?.check
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
