// Why a program was refused: the rule, the way the value at fault went, what is missing; from the log, and the program where it is known.

import type { LineInfo } from '../../btf/index.js'
import { decodeInsns, type Insn } from '../../isa/index.js'
import { ruleOfMessage } from '../../spec/index.js'
import { adviceFor } from './advice.js'
import { describeValue } from './describe-value.js'
import { type LogSource, type LogStep, type ParsedLog, parseLog } from './parse-log.js'
import { conditionText, insnOf, type Place, placeText, type SliceEvent, Slicer } from './slice.js'
import type { CausalStep, Explanation, HotLine } from './types.js'

export interface ExplainOptions {
  /** The program's instructions: what the other branch would have done. */
  readonly insns?: Uint8Array
  /** Its source lines, with columns. */
  readonly lineInfo?: readonly LineInfo[]
  /** How often each slot was processed, where it was counted. */
  readonly visits?: Uint32Array
}

/** Explains a log of the verifier, ours or Linux's. Any text is taken; what cannot be told is left out. */
export function explainLog(log: string, options: ExplainOptions = {}): Explanation {
  const parsed = parseLog(log)
  const match = parsed.message === '' ? undefined : ruleOfMessage(parsed.message)
  const last = parsed.path.at(-1)
  const insns = insnsBySlot(options.insns)
  const cause = match?.rule.cause ?? 'program'
  const register = match?.register ?? registerOf(parsed, match?.rule.id)
  const start = startOf(parsed, register, cause, last)
  const sliced = last === undefined ? { steps: [], missing: undefined } : slice(parsed, start, cause, insns)
  const place = sourceAt(options.lineInfo, last?.pc, last?.source)
  const complex = match?.rule.id === 'too-complex'
  const advice = adviceFor(match?.rule.id, sliced.steps)
  return {
    message: parsed.message,
    details: parsed.details.filter((line) => line !== parsed.message).slice(-4),
    ruleId: match?.rule.id,
    title: match?.rule.title,
    hint: advice?.hint ?? match?.rule.hint,
    check: advice === undefined ? match?.rule.check : advice.check,
    ...{ pc: last?.pc, insn: last?.text.slice(5), register, source: place },
    steps: complex
      ? []
      : [...sliced.steps, ...faultStep(parsed, start)].map((event) => ({
          ...withoutStep(event),
          insn: event.step.text.slice(5),
          source: sourceAt(options.lineInfo, event.pc, event.step.source),
        })),
    missing: complex ? undefined : sliced.missing,
    hottest: complex ? hotLines(options) : [],
  }
}

function withoutStep({ kind, pc, location, value, text }: SliceEvent): Omit<CausalStep, 'source' | 'insn'> {
  return { kind, pc, location, value, text }
}

function insnsBySlot(bytes: Uint8Array | undefined): readonly (Insn | undefined)[] {
  const out: (Insn | undefined)[] = []
  if (bytes === undefined) return out
  try {
    for (const insn of decodeInsns(bytes)) out[insn.pc] = insn
  } catch {
    return []
  }
  return out
}

export function sourceAt(
  lineInfo: readonly LineInfo[] | undefined,
  pc: number | undefined,
  fallback: LogSource | undefined,
): CausalStep['source'] {
  let found: LineInfo | undefined
  if (pc !== undefined) for (const line of lineInfo ?? []) if (line.insnOff <= pc) found = line
  if (found !== undefined && found.line > 0) {
    return { file: found.fileName, line: found.line, text: found.text, column: found.column }
  }
  return fallback === undefined ? undefined : { ...fallback, column: 0 }
}

/** Which register a message means that names none. */
function registerOf(parsed: ParsedLog, ruleId: string | undefined): number | undefined {
  if (ruleId === 'return-value-out-of-range' || ruleId === 'return-value-not-a-number') return 0
  for (const line of [...parsed.details].reverse()) {
    const named = /\bR(\d+)\b/.exec(line)?.[1]
    if (named !== undefined) return Number(named)
  }
  const argument = /\barg ?#?(\d)\b/.exec(parsed.message)?.[1]
  const last = parsed.path.at(-1)
  if (argument !== undefined && last !== undefined && /^\(85\)/.test(last.text)) {
    return Math.min(5, Number(argument) + (/arg#/.test(parsed.message) && ruleId !== 'null-argument' ? 1 : 0)) || 1
  }
  return undefined
}

function startOf(
  parsed: ParsedLog,
  register: number | undefined,
  cause: string,
  last: LogStep | undefined,
): readonly Place[] {
  if (last === undefined || cause === 'program') return []
  const acquired = parsed.details.map((line) => /^Unreleased reference id=(\d+)/.exec(line)?.[1]).find(Boolean)
  if (acquired !== undefined) return []
  if (register !== undefined) {
    const place = { frame: last.frame, at: register }
    // Memory and size go together in a call: the size is as likely the one that has no bound.
    const size = last.before.regs[register + 1]
    const pair = cause === 'bounds' && register < 5 && /^\(85\)/.test(last.text) && /^P?(scalar|inv)\(/.test(size ?? '')
    return pair ? [place, { frame: last.frame, at: register + 1 }] : [place]
  }
  const insn = insnOf(last)
  if (insn === undefined || cause === 'path' || cause === 'held') return []
  const kind = insn.code & 7
  if (kind === 1) return [{ frame: last.frame, at: insn.src }]
  if (kind === 2 || kind === 3 || kind === 4 || kind === 7) return [{ frame: last.frame, at: insn.dst }]
  return []
}

interface Sliced {
  readonly steps: readonly SliceEvent[]
  readonly missing: string | undefined
}

function slice(
  parsed: ParsedLog,
  start: readonly Place[],
  cause: string,
  insns: readonly (Insn | undefined)[],
): Sliced {
  if (cause === 'held') return heldSlice(parsed, start)
  const slicer = new Slicer(parsed.path, start, cause as never)
  slicer.run()
  const at = start[0]
  const steps = [...slicer.events]
  let missing: string | undefined
  if (cause === 'uninitialized' && at !== undefined && !steps.some(({ kind }) => kind === 'lost')) {
    const branch = otherBranch(parsed.path, at, insns)
    if (branch !== undefined) steps.push(branch)
    missing = `nothing is written to r${at.at} on this path`
  } else if (cause === 'null' && at !== undefined && !steps.some(({ kind }) => kind === 'narrowed')) {
    missing = slicer.compared
      ? 'no comparison on this path excludes NULL'
      : `no comparison of r${at.at} with NULL on this path`
  } else if (cause === 'bounds' && at !== undefined && !slicer.compared) {
    const values = start.map((place) => valueAtEnd(parsed, place) ?? '')
    if (values.some((value) => value.startsWith('pkt'))) {
      missing = "no comparison of this pointer with the packet's end on this path"
    } else if (
      values.some((value) => /any number|unbounded|without upper|perhaps negative/.test(describeValue(value)))
    ) {
      missing = 'no comparison bounds the value on this path'
    }
  }
  return { steps: unique(steps), missing }
}

/** One event an instruction and place. */
function unique(steps: readonly SliceEvent[]): SliceEvent[] {
  const seen = new Set<string>()
  return steps.filter(({ pc, location }) => {
    const key = `${pc} ${location}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

/** What was acquired, and the branches taken since. */
function heldSlice(parsed: ParsedLog, start: readonly Place[]): Sliced {
  const { path } = parsed
  const steps: SliceEvent[] = []
  const leaks = parsed.details.flatMap((line) => {
    const [, id, insn] = /^Unreleased reference id=(\d+) alloc_insn=(\d+)/.exec(line) ?? []
    return insn === undefined ? [] : [{ id: id ?? '', pc: Number(insn) }]
  })
  const sections = /bpf_(spin_lock|rcu_read_lock|preempt_disable|local_irq_save)/.exec(parsed.message)?.[1]
  let from = path.length
  path.forEach((step, i) => {
    const leak = leaks.find(({ pc }) => pc === step.pc)
    const opened = sections !== undefined && new RegExp(`call bpf_${sections}\\b`).test(step.text)
    if (leak === undefined && !opened) return
    from = Math.min(from, i)
    const text = leak === undefined ? 'the section is opened here' : 'what is acquired here is still held'
    const value = step.after.regs[0]
    steps.push({ kind: 'acquired', step, pc: step.pc, location: leak === undefined ? '' : 'r0', value, text })
  })
  if (steps.length === 0) {
    if (start.length === 0) return { steps, missing: undefined }
    const slicer = new Slicer(path, start, 'kind')
    slicer.run()
    return { steps: unique(slicer.events), missing: undefined }
  }
  for (let i = from + 1; i < path.length - 1; i++) {
    const step = path[i] as LogStep
    const insn = insnOf(step)
    if (insn === undefined || (insn.code & 7) < 5 || (insn.code & 7) > 6 || !/\bif\b/.test(step.text)) continue
    const taken = (path[i + 1] as LogStep).pc === step.pc + 1 + insn.off
    const text = `${conditionText(insn)} is ${taken ? 'true' : 'false'} on this path`
    steps.push({ kind: 'branch', step, pc: step.pc, location: '', value: undefined, text })
  }
  return {
    steps: steps.length > 12 ? [...steps.slice(0, 2), ...steps.slice(-10)] : steps,
    missing: leaks.length > 0 ? 'nothing on this path releases it' : 'nothing on this path closes the section',
  }
}

const SEARCH_LIMIT = 4096

/** The last branch on the path whose other side would have written the register. */
function otherBranch(
  path: readonly LogStep[],
  place: Place,
  insns: readonly (Insn | undefined)[],
): SliceEvent | undefined {
  for (let i = path.length - 2; i >= 0; i--) {
    const step = path[i] as LogStep
    const next = path[i + 1] as LogStep
    const insn = insns[step.pc]
    if (insn === undefined || step.frame !== place.frame || !/\bif\b/.test(step.text)) continue
    const target = step.pc + 1 + insn.off
    const other = next.pc === target ? step.pc + 1 : target
    const writer = findWriter(insns, other, place.at, path.at(-1)?.pc ?? -1)
    if (writer === undefined) continue
    const text =
      `${conditionText(insn)} is ${next.pc === target ? 'true' : 'false'} on this path; ` +
      `on the other branch instruction ${writer} writes r${place.at}`
    return { kind: 'branch', step, pc: step.pc, location: `r${place.at}`, value: undefined, text }
  }
  return undefined
}

/** The first instruction from `from` on that writes the register before `until` is reached. */
function findWriter(
  insns: readonly (Insn | undefined)[],
  from: number,
  reg: number,
  until: number,
): number | undefined {
  const open = [from]
  const seen = new Set<number>()
  for (let pc = open.shift(); pc !== undefined && seen.size < SEARCH_LIMIT; pc = open.shift()) {
    const insn = insns[pc]
    if (insn === undefined || seen.has(pc) || pc === until) continue
    seen.add(pc)
    const kind = insn.code & 7
    if ((kind === 0 || kind === 1 || kind === 4 || kind === 7) && insn.dst === reg) return pc
    if (insn.code === 0x85 && reg === 0) return pc
    if (insn.code === 0x95) continue
    const jumps = (kind === 5 || kind === 6) && insn.code !== 0x85
    if (jumps) open.push(pc + 1 + (insn.code === 0x06 ? insn.imm : insn.off))
    if (!jumps || (insn.code !== 0x05 && insn.code !== 0x06)) open.push(pc + (insn.code === 0x18 ? 2 : 1))
  }
  return undefined
}

function faultStep(parsed: ParsedLog, start: readonly Place[]): SliceEvent[] {
  const step = parsed.path.at(-1)
  if (step === undefined) return []
  const place = start[0]
  const value = place === undefined ? undefined : valueAtEnd(parsed, place)
  const location = place === undefined ? '' : placeText(place)
  const text = value === undefined ? parsed.message : `here ${location} is ${describeValue(value)}`
  return [{ kind: 'fault', step, pc: step.pc, location, value, text }]
}

/** What a place holds before the last instruction. */
function valueAtEnd(parsed: ParsedLog, { at }: Place): string | undefined {
  const before = parsed.path.at(-1)?.before
  return at < 0 ? before?.slots.get(at) : before?.regs[at]
}

/** Source lines by the instructions processed in them. */
export function hotLines({ visits, lineInfo, insns }: ExplainOptions): HotLine[] {
  if (visits === undefined) return []
  const known = insnsBySlot(insns)
  const total = visits.reduce((sum, count) => sum + count, 0)
  const lines = new Map<string, { pc: number; source: LogSource | undefined; count: number }>()
  visits.forEach((count, pc) => {
    if (count === 0 || (known.length > 0 && known[pc] === undefined)) return
    const source = sourceAt(lineInfo, pc, undefined)
    const key = source === undefined ? String(pc) : `${source.file}:${source.line}`
    const line = lines.get(key) ?? { pc, source, count: 0 }
    line.count += count
    lines.set(key, line)
  })
  return [...lines.values()]
    .sort((a, b) => b.count - a.count)
    .slice(0, 8)
    .map(({ pc, source, count }) => ({ pc, source, insnsProcessed: count, share: total === 0 ? 0 : count / total }))
}
