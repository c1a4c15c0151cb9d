// Calls that clobber less than others once they are compiled in (bpf_fastcall). Compilers spill around them for kernels that do
// not know better; here those spills and fills go, unless something else looks at their stack slots.

import { helperById, kfuncByName } from '../../spec/index.js'
import type { Env } from '../env.js'

const STORE_8 = 0x7b
const LOAD_8 = 0x79
const CALL = 0x85
const FRAME = 10
/** r0 to r5. */
const CALLER_SAVED = 0x3f

export interface Fastcalls {
  /** Spill and fill pairs around the call at each slot. */
  readonly pairs: Uint8Array
  /** Slots that belong to such a pair. */
  readonly within: Uint8Array
  /** By subprogram: stack below this offset is for pairs alone; far down where it is not. */
  readonly floor: number[]
  /** Subprograms with such pairs around ordinary calls. */
  readonly kept: Set<number>
}

export const NO_FASTCALLS: Fastcalls = { pairs: new Uint8Array(), within: new Uint8Array(), floor: [], kept: new Set() }

const NO_FLOOR = -0x8000

/** Looks for them by subprogram; `end` of a subprogram is one past its last slot. */
export function findFastcalls(env: Env): Fastcalls {
  const length = env.insns.length
  const found: Fastcalls = { pairs: new Uint8Array(length), within: new Uint8Array(length), floor: [], kept: new Set() }
  env.subprogs.forEach(({ start, end }, index) => {
    found.floor[index] = 0
    // Compilers put these spills below all others.
    let lowest = 0
    for (let pc = start; pc < end; pc++) {
      const insn = env.insns[pc]
      if (insn?.code === STORE_8 && insn.dst === FRAME) lowest = Math.min(lowest, insn.off)
    }
    for (let pc = start; pc < end; pc++) if (env.insns[pc]?.code === CALL) findPairs(env, found, index, pc, lowest)
  })
  return found
}

interface CallSummary {
  /** Registers that the call leaves alone if it is compiled in, a bit each. */
  readonly kept: number
  readonly compiledIn: boolean
}

function summaryOf(env: Env, pc: number): CallSummary | undefined {
  const insn = env.insns[pc]
  if (insn === undefined) return undefined
  if (insn.src === 0) {
    const helper = helperById(insn.imm)
    if (helper === undefined) return undefined
    return { kept: keptBy(helper.args.length, helper.ret.kind === 'void'), compiledIn: helper.fastcall === true }
  }
  const { kernelBtf } = env.prog
  if (insn.src !== 2 || kernelBtf === undefined || insn.imm <= 0 || insn.imm >= kernelBtf.typeCount) return undefined
  const row = kfuncByName(kernelBtf.typeName(insn.imm))
  if (row === undefined) return undefined
  const args = row.abi.indexOf('>')
  return { kept: keptBy(args, row.abi.endsWith('>v')), compiledIn: row.flags.includes('fastcall') }
}

function keptBy(args: number, isVoid: boolean): number {
  const clobbered = ((1 << (args + 1)) - 1) & (isVoid ? ~1 : ~0)
  return CALLER_SAVED & ~clobbered
}

function findPairs(env: Env, found: Fastcalls, subprog: number, pc: number, lowest: number): void {
  const summary = summaryOf(env, pc)
  if (summary === undefined || summary.kept === 0) return
  let { kept } = summary
  let pairs = 0
  for (let off = lowest; pairs < 6; off += 8) {
    const store = env.insns[pc - pairs - 1]
    const load = env.insns[pc + pairs + 1]
    if (store?.code !== STORE_8 || load?.code !== LOAD_8 || store.dst !== FRAME || load.src !== FRAME) break
    if (store.src !== load.dst || (kept & (1 << store.src)) === 0 || store.off !== off || load.off !== off) break
    kept &= ~(1 << store.src)
    pairs++
    found.within[pc - pairs] = 1
    found.within[pc + pairs] = 1
  }
  if (pairs === 0) return
  // Around other calls they stay, and so does the stack they need.
  if (summary.compiledIn) found.pairs[pc] = pairs
  else found.kept.add(subprog)
  found.floor[subprog] = Math.min(found.floor[subprog] as number, lowest + pairs * 8)
}

/** Stack at `off` of a frame is used by the current instruction: where that is a pair's, and this is none, all pairs stay. */
export function useStack(env: Env, subprog: number, off: number): void {
  const { pairs, within, floor } = env.fastcalls
  if ((floor[subprog] ?? 0) <= off || within[env.insnIdx] === 1) return
  floor[subprog] = NO_FLOOR
  const { start, end } = env.subprogs[subprog] as { start: number; end: number }
  pairs.fill(0, start, end)
  within.fill(0, start, end)
}

/** What is left of the stack without the pairs. */
export function shrinkStacks(env: Env): void {
  const { pairs, floor, kept } = env.fastcalls
  env.subprogs.forEach((subprog, index) => {
    if (!kept.has(index) && pairs.subarray(subprog.start, subprog.end).some((count) => count > 0)) {
      subprog.stackDepth = -(floor[index] as number)
    }
  })
}
