// The causal slice: backwards from the instruction at fault along the path that led there, everything that made the value what it is.

import { assemble, decodeInsns, formatKernelInsn, type Insn } from '../../isa/index.js'
import { helperById, type RuleCause } from '../../spec/index.js'
import { describeValue } from './describe-value.js'
import type { FrameValues, LogStep } from './parse-log.js'
import type { CausalStep } from './types.js'

/** A register (0 to 10) or a stack slot (-8, -16, …) of a frame. */
export interface Place {
  readonly frame: number
  readonly at: number
}

export type SliceEvent = Omit<CausalStep, 'source' | 'insn'> & { readonly step: LogStep }

const MAX_EVENTS = 24

const keyOf = ({ frame, at }: Place): string => `${frame}:${at}`
export const placeText = ({ frame, at }: Place): string =>
  `${frame === 0 ? '' : `frame${frame} `}${at < 0 ? `fp${at}` : `r${at}`}`
const valueAt = (values: FrameValues, at: number): string | undefined =>
  at < 0 ? values.slots.get(at) : values.regs[at]
const inWords = (value: string | undefined): string => (value === undefined ? 'nothing' : describeValue(value))

const decoded = new Map<string, Insn | undefined>()

/** The instruction of a step, read from its text. */
export function insnOf(step: LogStep): Insn | undefined {
  const known = decoded.get(step.text)
  if (known !== undefined || decoded.has(step.text)) return known
  let insn: Insn | undefined
  try {
    insn = decodeInsns(assemble(`0: ${step.text}`))[0]
  } catch {
    insn = undefined
  }
  if (decoded.size > 4096) decoded.clear()
  decoded.set(step.text, insn)
  return insn
}

/** The stack slot behind `base + off`; undefined where the base is no stack pointer of a known place. */
function slotOf(base: string | undefined, off: number, frame: number): Place | undefined {
  const [, of, at] = /^fp(?:\[(\d+)\])?(-?\d+)$/.exec(base ?? '') ?? []
  if (at === undefined) return undefined
  const place = Number(at) + off
  return place >= 0 ? undefined : { frame: of === undefined ? frame : Number(of), at: -8 * Math.ceil(-place / 8) }
}

function calledName(step: LogStep): string {
  return /call (\w+?)(?:#-?\d+)?$/.exec(step.text)?.[1] ?? 'the function'
}

const isBounded = (value: string | undefined): boolean =>
  value !== undefined && (/^P?-?(\d+|0x[0-9a-f]+)$/.test(value) || /umax=|umax_value=|r=/.test(value))

/** Walks back from the end of the path. `start` are the places at fault before the last instruction. */
export class Slicer {
  readonly #path: readonly LogStep[]
  readonly #cause: RuleCause
  readonly #tracked = new Map<string, Place>()
  readonly events: SliceEvent[] = []
  /** A comparison touched the value. */
  compared = false

  constructor(path: readonly LogStep[], start: readonly Place[], cause: RuleCause) {
    this.#path = path
    this.#cause = cause
    for (const place of start) this.#track(place)
  }

  run(): void {
    for (let i = this.#path.length - 2; i >= 0 && this.#tracked.size > 0 && this.events.length < MAX_EVENTS; i--) {
      this.#back(this.#path[i] as LogStep, this.#path[i + 1] as LogStep)
    }
    const first = this.#path[0]
    if (first === undefined) return
    for (const place of this.#tracked.values()) {
      const value = valueAt(first.before, place.at)
      if (place.at === 1 && value !== undefined) {
        this.#event('born', first, place, value, `${placeText(place)} is the argument: ${inWords(value)}`)
      }
    }
  }

  #track(place: Place): void {
    if (place.at !== 10) this.#tracked.set(keyOf(place), place)
  }

  #has(place: Place): boolean {
    return this.#tracked.has(keyOf(place))
  }

  #drop(place: Place): void {
    this.#tracked.delete(keyOf(place))
  }

  #event(kind: SliceEvent['kind'], step: LogStep, place: Place, value: string | undefined, text: string): void {
    this.events.unshift({ kind, step, pc: step.pc, location: placeText(place), value, text })
  }

  #back(step: LogStep, next: LogStep): void {
    const insn = insnOf(step)
    if (insn === undefined) return
    const { frame } = step
    const kind = insn.code & 7
    if (next.frame > frame && insn.code === 0x85) {
      this.#intoCallee(step, next, insn.src !== 1)
      return
    }
    if (next.frame < frame && insn.code === 0x95) {
      this.#outOfCallee(step, next)
      return
    }
    if (insn.code === 0x85) {
      this.#call(step, insn)
      return
    }
    const dst: Place = { frame, at: insn.dst }
    if (kind === 4 || kind === 7) {
      if (this.#has(dst)) this.#alu(step, insn, dst)
    } else if (kind === 1 || insn.code === 0x18) {
      if (this.#has(dst)) this.#load(step, insn, dst)
    } else if (kind === 2 || kind === 3) this.#store(step, insn)
    else if ((kind === 5 || kind === 6) && insn.code !== 0x05 && insn.code !== 0x06 && insn.code !== 0x95) {
      this.#jump(step, next, insn)
    }
  }

  #intoCallee(step: LogStep, next: LogStep, callback: boolean): void {
    for (const place of [...this.#tracked.values()]) {
      if (place.frame !== next.frame) continue
      this.#drop(place)
      if (place.at < 1 || place.at > 5) continue
      if (callback) {
        const given = valueAt(next.before, place.at)
        const text = `${calledName(step)}() calls back with ${placeText(place)}: ${inWords(given)}`
        this.#event('passed', step, place, given, text)
        continue
      }
      const from: Place = { frame: step.frame, at: place.at }
      this.#track(from)
      const value = valueAt(step.before, place.at)
      const text =
        value === undefined
          ? `the caller left nothing in r${place.at}`
          : `passed as argument ${place.at}: ${inWords(value)}`
      this.#event('passed', step, from, value, text)
    }
  }

  #outOfCallee(step: LogStep, next: LogStep): void {
    const result: Place = { frame: next.frame, at: 0 }
    if (!this.#has(result)) return
    this.#drop(result)
    const from: Place = { frame: step.frame, at: 0 }
    this.#track(from)
    const value = valueAt(step.before, 0)
    this.#event('returned', step, from, value, `returned: ${inWords(value)}`)
  }

  #call(step: LogStep, insn: Insn): void {
    const name = calledName(step)
    for (const place of [...this.#tracked.values()]) {
      if (place.frame !== step.frame) continue
      const before = valueAt(step.before, place.at)
      const after = valueAt(step.after, place.at)
      if (place.at === 0) {
        this.#drop(place)
        const helper = insn.src === 0 ? helperById(insn.imm) : undefined
        const nothing = after === undefined || helper?.ret.kind === 'void'
        const text = nothing ? `${name}() returns nothing` : `${name}() returns ${inWords(after)}`
        this.#event(nothing ? 'lost' : 'born', step, place, after, text)
      } else if (place.at >= 1 && place.at <= 5) {
        this.#drop(place)
        this.#event('lost', step, place, undefined, `the call of ${name}() leaves nothing in ${placeText(place)}`)
      } else if (before !== after && before !== undefined) {
        const was = inWords(before)
        const text =
          /ref_obj_id=/.test(before) && after === 'scalar()'
            ? `${name}() gives it back: ${placeText(place)} is no pointer any more (it was ${was})`
            : /^(pkt|pkt_meta|pkt_end)/.test(before)
              ? `${name}() may move the packet: ${placeText(place)} is no packet pointer any more (it was ${was})`
              : `${name}() leaves ${inWords(after)} in ${placeText(place)} (it was ${was})`
        this.#event('lost', step, place, after, text)
      }
    }
  }

  #alu(step: LogStep, insn: Insn, dst: Place): void {
    const before = valueAt(step.before, insn.dst)
    const after = valueAt(step.after, insn.dst)
    const byReg = (insn.code & 8) !== 0
    const operation = insn.code & 0xf0
    if (operation === 0xb0) {
      this.#drop(dst)
      if (!byReg) {
        this.#event('born', step, dst, after, `${placeText(dst)} is ${inWords(after ?? String(insn.imm))}`)
        return
      }
      const src: Place = { frame: step.frame, at: insn.src }
      this.#track(src)
      const narrow = (insn.code & 7) === 4 || insn.off !== 0
      const what = narrow
        ? `${placeText(dst)} takes part of ${placeText(src)}`
        : `${placeText(dst)} is a copy of ${placeText(src)}`
      this.#event('copied', step, dst, after, `${what}: ${inWords(after)}`)
      return
    }
    const wasPointer = before !== undefined && !/^P?(scalar|inv|-?\d|0x)/.test(before)
    if (byReg && operation !== 0x80 && operation !== 0xd0) {
      const src: Place = { frame: step.frame, at: insn.src }
      // A constant is not what went wrong; the pointer's part is not, where the number added to it is.
      if (!/^P?-?(\d+|0x[0-9a-f]+)$/.test(valueAt(step.before, insn.src) ?? '')) this.#track(src)
    }
    const nowPointer = after !== undefined && !/^P?(scalar|inv|-?\d|0x)/.test(after)
    if (wasPointer && !nowPointer) {
      this.#event(
        'lost',
        step,
        dst,
        after,
        `${placeText(dst)} stops being a pointer: ${inWords(after)} (it was ${inWords(before)})`,
      )
    } else if (isBounded(before) && !isBounded(after) && this.#cause === 'bounds') {
      this.#event('lost', step, dst, after, `the bound is lost here: ${inWords(after)} (it was ${inWords(before)})`)
    } else this.#event('computed', step, dst, after, `${placeText(dst)} becomes ${inWords(after)}`)
  }

  #load(step: LogStep, insn: Insn, dst: Place): void {
    this.#drop(dst)
    const after = valueAt(step.after, insn.dst)
    if (insn.code === 0x18) {
      this.#event('born', step, dst, after, `${placeText(dst)} is ${inWords(after)}`)
      return
    }
    const base = valueAt(step.before, insn.src)
    const slot = slotOf(base, insn.off, step.frame)
    if (slot !== undefined) {
      this.#track(slot)
      this.#event('filled', step, dst, after, `read back from the stack (${placeText(slot)}): ${inWords(after)}`)
      return
    }
    const from = base === undefined ? 'memory' : describeValue(base).replace(/ \(\d+ bytes proven\)/, '')
    this.#event('born', step, dst, after, `read from ${from}: ${inWords(after)}`)
  }

  #store(step: LogStep, insn: Insn): void {
    const slot = slotOf(valueAt(step.before, insn.dst), insn.off, step.frame)
    if (slot === undefined || !this.#has(slot)) return
    const after = valueAt(step.after, slot.at)
    this.#drop(slot)
    if ((insn.code & 7) === 3 && (insn.code & 0xe0) === 0x60) {
      const src: Place = { frame: step.frame, at: insn.src }
      this.#track(src)
      this.#event('spilled', step, slot, after, `${placeText(src)} is put on the stack (${placeText(slot)})`)
    } else {
      const held = valueAt(step.before, slot.at)
      const part = (insn.code & 0x18) !== 0x18 && held !== undefined
      const where = placeText(slot)
      const text = part ? `overwrites a part of ${where}, which held ${inWords(held)}` : `${where} is written`
      this.#event(part ? 'lost' : 'spilled', step, slot, after, text)
      if (part) this.#track(slot)
    }
  }

  #jump(step: LogStep, next: LogStep, insn: Insn): void {
    const taken = next.pc === step.pc + 1 + insn.off
    const operands: Place[] = [{ frame: step.frame, at: insn.dst }]
    if ((insn.code & 8) !== 0) operands.push({ frame: step.frame, at: insn.src })
    for (const place of this.#tracked.values()) {
      if (place.frame !== step.frame) continue
      const before = valueAt(step.before, place.at)
      // A comparison's outcome shows in the state the branch begins with.
      const after = valueAt(next.before, place.at)
      const touched = operands.some((operand) => keyOf(operand) === keyOf(place))
      if (before === after && !touched) continue
      if (before === undefined) continue
      this.compared ||= touched
      const how = `${conditionText(insn)} is ${taken ? 'true' : 'false'} on this path`
      if (before === after || after === undefined) {
        this.#event('compared', step, place, after ?? before, `${how}: tells nothing new of ${placeText(place)}`)
      } else this.#event('narrowed', step, place, after, `${how}: ${placeText(place)} is ${inWords(after)}`)
      return
    }
  }
}

/** `r6 > 63` of `if r6 > 0x3f goto pc+2`. */
export function conditionText(insn: Insn): string {
  return /^\(..\) if (.*) goto/.exec(formatKernelInsn(insn))?.[1] ?? 'the condition'
}
