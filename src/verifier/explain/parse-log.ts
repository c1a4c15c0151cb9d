// A verifier log taken apart: the instructions on the path to its end, and what each left in registers and stack. Reads what kernels
// since 4.20 print, at levels 1 and 2: states behind the instruction or on lines of their own, with or without liveness marks.

import { helperByName, ruleOfMessage, tellingLine } from '../../spec/index.js'

/** Registers and stack slots of a frame as the log prints their values; absent: nothing known. */
export interface FrameValues {
  readonly regs: readonly (string | undefined)[]
  /** By offset from the frame pointer: -8, -16, … */
  readonly slots: ReadonlyMap<number, string>
}

export interface LogSource {
  /** '' where the kernel does not print it. */
  readonly file: string
  /** 0 where the kernel does not print it. */
  readonly line: number
  readonly text: string
}

export interface LogStep {
  readonly pc: number
  /** The instruction as the log prints it, opcode included: `(b7) r0 = 1`. */
  readonly text: string
  readonly frame: number
  /** Values of its frame before and behind it. */
  readonly before: FrameValues
  after: FrameValues
  source: LogSource | undefined
}

export interface LogStats {
  readonly insnsProcessed: number
  readonly totalStates: number
  readonly peakStates: number
  readonly maxStatesPerInsn: number
}

export interface ParsedLog {
  /** The path that led to the end of the log, first instruction first. */
  readonly path: readonly LogStep[]
  /** The refusal's line; '' where the log ends with none. */
  readonly message: string
  /** Lines right before the message that belong to it. */
  readonly details: readonly string[]
  readonly stats: LogStats | undefined
  /** Names of subprograms that are verified on their own, where the log says so. */
  readonly validating: string | undefined
}

const EMPTY: FrameValues = { regs: [], slots: new Map() }
const STATE_SPLIT = / (?=(?:R\d+|fp-\d+)(?:_[a-zA-Z]+)?=|refs=|cb$|async_cb$|frame\d+:)/
const INSN = /^(\d+): (\([0-9a-f]{2}\) .*)$/
const FROM = /^from (-?\d+) to (\d+)(?: \(speculative execution\))?:(.*)$/
const PLAIN_STATE = /^(\d+):( (?:frame\d+: )?(?:R\d+(?:_\w+)?=|fp-).*)$/
const BARE_STATE = /^( frame\d+:)?( R\d+(?:_\w+)?=.*)$/
const NOISE =
  /^(mark_precise|regs=|parent |last_idx|propagating|frame ?\d+: propagating|Live regs|func#|SCC |\([\d,]+\) |\s+\d+: [.0-9]{10} )/

/** The values of a state line laid over `values`. */
function readState(text: string, values: FrameValues): FrameValues {
  const regs = [...values.regs]
  const slots = new Map(values.slots)
  for (const token of text.trim().split(STATE_SPLIT)) {
    const [, where, of = '', value = ''] = /^(R|fp-)(\d+)(?:_[a-zA-Z]+)?=(.*)$/s.exec(token.trim()) ?? []
    if (where === 'R' && Number(of) <= 10) regs[Number(of)] = value.trim()
    else if (where === 'fp-' && Number(of) <= 512) slots.set(-Number(of), value.trim())
  }
  return { regs, slots }
}

/** What a call takes from other registers, which the log does not print: packet pointers, or what is given back. */
function forgets(text: string, before: FrameValues): RegExp | undefined {
  const name = /call (?:bpf_)?(\w+?)(?:#-?\d+)?$/.exec(text)?.[1] ?? ''
  const helper = helperByName(name)
  if (helper?.changesPkt === true) return /^(pkt|pkt_meta|pkt_end)\(/
  const at = helper === undefined ? 0 : helper.args.findIndex(({ release }) => release === true)
  const releases = helper === undefined ? /(_release|_drop_impl|_put|_destroy|_drop)$/.test(name) : at >= 0
  const id = releases ? /ref_obj_id=(\d+)/.exec(before.regs[at + 1] ?? '')?.[1] : undefined
  return id === undefined ? undefined : new RegExp(`ref_obj_id=${id}\\b`)
}

function forget(values: FrameValues, which: RegExp): FrameValues {
  const clean = (value: string | undefined): string | undefined =>
    value !== undefined && which.test(value) ? 'scalar()' : value
  return {
    regs: values.regs.map(clean),
    slots: new Map([...values.slots].map(([at, value]) => [at, clean(value) ?? value])),
  }
}

function sourceOf(line: string): LogSource {
  const [, text = '', file = '', number = '0'] = /^; (.*?)(?: @ ([^ :]+):(\d+))?$/s.exec(line) ?? []
  return { text: text.trim(), file, line: Number(number) }
}

const MAX_CHARS = 8 << 20
const MAX_LINES = 40_000

/** Takes a log apart. Any text is a log; what is not understood is passed over. */
export function parseLog(log: string): ParsedLog {
  const begin = log.lastIndexOf('-- BEGIN PROG LOAD LOG --')
  const end = log.indexOf('-- END PROG LOAD LOG --', begin)
  // libbpf's report of the last program that failed; else all of the text.
  const text = begin < 0 ? log : log.slice(log.indexOf('\n', begin) + 1, end < 0 ? undefined : end)
  const all = text
    .slice(-MAX_CHARS)
    .replace(/\nlibbpf: [^\n]*$/, '')
    .split(/\r?\n/)
  const lines = all.slice(-MAX_LINES).map((line) => line.replace(/^\[\s*\d+\.\d+\] /, ''))
  const reader = new LogReader()
  for (const line of lines) reader.read(line)
  return {
    path: reader.path,
    message: reader.ended ? '' : messageOf(lines),
    details: reader.details,
    stats: reader.stats,
    validating: reader.validating,
  }
}

/** The telling line; of a text with more around the log, the last line that reads as a refusal. */
function messageOf(lines: readonly string[]): string {
  const line = tellingLine(lines.filter((each) => each.trim() !== '').join('\n'))
  if (line === '' || ruleOfMessage(line) !== undefined) return line
  const other = lines.slice(-200).findLast((each) => !/^\d+: |^; /.test(each) && ruleOfMessage(each) !== undefined)
  return other?.trim() ?? line
}

class LogReader {
  path: LogStep[] = []
  details: string[] = []
  stats: LogStats | undefined
  validating: string | undefined
  /** The last path ended well. */
  ended = false
  #frames: FrameValues[] = [EMPTY]
  #frame = 0
  #source: LogSource | undefined
  /** What the path was at conditional jumps and calls: branches go on from there, last first. */
  readonly #pending = new Map<number, { length: number; frames: FrameValues[]; frame: number }[]>()

  read(line: string): void {
    if (NOISE.test(line)) return
    if (line.startsWith('; ')) {
      this.#source = sourceOf(line)
      return
    }
    const from = FROM.exec(line)
    if (from !== null) {
      this.#branch(Number(from[1]), from[3] ?? '')
      return
    }
    if (/^\d+: safe$/.test(line)) {
      this.ended = true
      return
    }
    const insn = INSN.exec(line)
    if (insn !== null) {
      // At level 1 a branch taken later goes on in the line of its jump.
      const [text = '', joined] = (insn[2] ?? '').split(/ (?=\d+: (?:frame\d+: )?R\d+(?:_\w+)?=)/)
      this.#insn(Number(insn[1]), text)
      if (joined !== undefined) this.#state(joined.slice(joined.indexOf(':') + 1), false)
      return
    }
    const state = PLAIN_STATE.exec(line)
    if (state !== null) {
      this.#state(state[2] ?? '')
      return
    }
    if (BARE_STATE.test(line)) {
      this.#state(line)
      return
    }
    this.#other(line)
  }

  #branch(at: number, rest: string): void {
    if (rest.trim() === 'safe') {
      this.ended = true
      return
    }
    this.ended = false
    this.details = []
    const saved = this.#pending.get(at)?.pop()
    if (saved !== undefined) {
      this.path.length = Math.min(this.path.length, saved.length)
      this.#frames = [...saved.frames]
      this.#frame = saved.frame
    }
    this.#state(rest, false)
  }

  #state(text: string, leftByLast = true): void {
    this.#frame = Number(/frame(\d+):/.exec(text)?.[1] ?? 0)
    this.#frames.length = Math.min(this.#frames.length, this.#frame + 1)
    const values = readState(text, /R10=/.test(text) ? EMPTY : (this.#frames[this.#frame] ?? EMPTY))
    this.#frames[this.#frame] = values
    // A state on a line of its own is what the last instruction left.
    const last = this.path.at(-1)
    if (leftByLast && last !== undefined && last.frame === this.#frame) last.after = values
  }

  #insn(pc: number, rest: string): void {
    this.ended = false
    this.details = []
    // `; ` separates the instruction from the state it leaves.
    const cut = /\s+; ?(?=frame\d+:|R\d+(?:_\w+)?=|fp-\d+|refs=|$)/.exec(rest)
    const text = (cut === null ? rest : rest.slice(0, cut.index)).trimEnd()
    const state = cut === null ? '' : rest.slice(cut.index).replace(/^\s*;/, '')
    const number = /^ ?frame(\d+):/.exec(state)?.[1]
    if (number !== undefined) this.#frame = Number(number)
    else if (/R\d/.test(state)) this.#frame = 0
    const before = this.#frames[this.#frame] ?? EMPTY
    const frame = this.#frame
    // A call leaves nothing in r0 to r5 but what the log says.
    const kept = /^\(85\)/.test(text)
      ? { ...before, regs: before.regs.map((reg, i) => (i < 6 ? undefined : reg)) }
      : before
    let after = state.trim() === '' ? kept : readState(` ${state.trim()}`, kept)
    this.#frames[frame] = after
    const forgotten = /^\(85\)/.test(text) ? forgets(text, before) : undefined
    if (forgotten !== undefined) {
      this.#frames = this.#frames.map((values) => forget(values, forgotten))
      after = this.#frames[frame] as FrameValues
    }
    this.path.push({ pc, text, frame, before, after, source: this.#source })
    if (/^\((?:[0-9a-f][56dDe]|[0-9a-f]e|85)\)/.test(text)) {
      const saved = this.#pending.get(pc) ?? []
      saved.push({ length: this.path.length, frames: this.#frames.slice(), frame })
      this.#pending.set(pc, saved)
    }
    if (/^\(95\)/.test(text) && frame === 0) this.ended = true
  }

  #other(line: string): void {
    const stats =
      /processed (\d+) insns.*?max_states_per_insn (\d+) total_states (\d+) peak_states (\d+)/.exec(line) ??
      /processed (\d+) insns/.exec(line)
    if (stats !== null) {
      const [, insns = 0, perInsn = 0, total = 0, peak = 0] = stats
      this.stats = {
        ...{ insnsProcessed: Number(insns), totalStates: Number(total), peakStates: Number(peak) },
        maxStatesPerInsn: Number(perInsn),
      }
      return
    }
    const validating = /^Validating (\S+)\(\) func#/.exec(line)
    if (validating !== null) {
      this.validating = validating[1]
      this.#start()
      return
    }
    if (/^(caller:|callee:|returning from callee:|to caller at )/.test(line)) return
    if (line.trim() === '' || /^(verification time|stack depth|Func#\d+ )/.test(line)) return
    this.ended = false
    this.details.push(line)
  }

  /** Another function is verified from its start. */
  #start(): void {
    this.path = []
    this.#frames = [EMPTY]
    this.#frame = 0
    this.#source = undefined
  }
}
