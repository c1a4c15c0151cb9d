import {
  BPF_CALL,
  BPF_EXIT,
  BPF_JMP,
  BPF_JMP32,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
} from './constants.js'
import { type InsnProblem, problem } from './problem.js'

/** Field access by slot, as the flow checks need it. */
export interface Slots {
  readonly count: number
  code(slot: number): number
  src(slot: number): number
  off(slot: number): number
  imm(slot: number): number
}

const LD_IMM64 = 0x18
const CALL = BPF_JMP | BPF_CALL
const EXIT = BPF_JMP | BPF_EXIT
const GOTO = BPF_JMP
const GOTOL = BPF_JMP32
const MAX_SUBPROGS = 256

/** Whether the slot holds a call of a subprogram or the address of one; both name it by imm. */
function namesSubprog(slots: Slots, slot: number): boolean {
  const code = slots.code(slot)
  const src = slots.src(slot)
  return (code === CALL && src === BPF_PSEUDO_CALL) || (code === LD_IMM64 && src === BPF_PSEUDO_FUNC)
}

/** Looks up what an instruction names; see CheckOptions.resolvePseudo. */
export type ResolvePseudo = (pc: number) => Pick<InsnProblem, 'message' | 'errno'> | undefined

/** First slots of all subprograms in order, the main program's 0 included (Linux's add_subprog_and_kfunc()). */
export function findSubprogs(
  slots: Slots,
  resolvePseudo: ResolvePseudo | undefined,
  entries: readonly number[],
): number[] | InsnProblem {
  const starts = new Set([0, ...entries])
  for (let slot = 0; slot < slots.count; slot++) {
    if (slots.code(slot) === CALL && slots.src(slot) === BPF_PSEUDO_KFUNC_CALL) {
      const unknown = resolvePseudo?.(slot)
      if (unknown !== undefined) return problem('resolve', slot, unknown.message, unknown.errno)
    }
    if (!namesSubprog(slots, slot)) continue
    const start = slot + slots.imm(slot) + 1
    if (start < 0 || start >= slots.count) return problem('call-target', slot, 'call to invalid destination')
    starts.add(start)
    if (starts.size > MAX_SUBPROGS) return problem('size', slot, 'too many subprograms', 'E2BIG')
  }
  return [...starts].sort((a, b) => a - b)
}

/** Jumps stay inside their subprogram and each ends in an exit or a jump (Linux's check_subprogs()). */
export function checkSubprogs(slots: Slots, starts: readonly number[]): InsnProblem | undefined {
  for (let i = 0; i < starts.length; i++) {
    const start = starts[i] as number
    const end = starts[i + 1] ?? slots.count
    for (let slot = start; slot < end; slot++) {
      const target = jumpTarget(slots, slot)
      if (target !== undefined && (target < start || target >= end)) {
        return problem('jump-range', slot, `jump out of range from insn ${slot} to ${target}`)
      }
    }
    const last = slots.code(end - 1)
    if (last !== EXIT && last !== GOTO && last !== GOTOL) {
      return problem('last-insn', end - 1, 'last insn is not an exit or jmp')
    }
  }
  return undefined
}

/** The slot a jump may go to, or undefined for what is no jump. Calls and exits are none. */
function jumpTarget(slots: Slots, slot: number): number | undefined {
  const code = slots.code(slot)
  const jumpClass = (code & 7) === BPF_JMP || (code & 7) === BPF_JMP32
  const operation = code & 0xf0
  if (!jumpClass || operation === BPF_CALL || operation === BPF_EXIT) return undefined
  return slot + 1 + (code === GOTOL ? slots.imm(slot) : slots.off(slot))
}

/** Every instruction can be reached and none enters the middle of an ld_imm64 (Linux's check_cfg()). */
export function checkFlow(slots: Slots, entries: readonly number[]): InsnProblem | undefined {
  const seen = new Uint8Array(slots.count)
  const work = [0, ...entries]
  for (let slot = work.pop(); slot !== undefined; slot = work.pop()) {
    if (slot >= slots.count || seen[slot] === 1) continue
    seen[slot] = 1
    const code = slots.code(slot)
    if (namesSubprog(slots, slot)) work.push(slot + slots.imm(slot) + 1)
    const target = jumpTarget(slots, slot)
    if (target !== undefined) work.push(target)
    if (code === EXIT || code === GOTO || code === GOTOL) continue
    work.push(slot + (code === LD_IMM64 ? 2 : 1))
  }
  for (let slot = 0; slot < slots.count; slot++) {
    if (seen[slot] === 0) return problem('unreachable', slot, `unreachable insn ${slot}`)
    if (slots.code(slot) !== LD_IMM64) continue
    if (seen[slot + 1] === 1) {
      return problem('jump-middle', slot, `jump into the middle of ldimm64 insn ${slot}`)
    }
    slot++
  }
  return undefined
}
