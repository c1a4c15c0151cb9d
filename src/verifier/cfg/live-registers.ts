// Which registers may still be read from an instruction on: found once, from the instructions alone.

import type { Insn } from '../../isa/index.js'
import { helperById, helperFor } from '../../spec/index.js'
import { mayCallHelper } from '../call/helper-rights.js'
import { kfuncMeta, mayCall } from '../call/kfunc-meta.js'
import type { Env } from '../env.js'
import { successors } from './flow.js'

const CALLER_SAVED = 0x3f
const ARGS = 0x3e

/** Registers an instruction reads and writes, a bit each: reads in the low, writes in the high half. */
function usesOf(env: Env, insn: Insn): { use: number; def: number } {
  const { code, dst, src, imm } = insn
  const d = 1 << dst
  const s = 1 << src
  const byReg = (code & 8) !== 0
  switch (code & 7) {
    case 0:
      if (code === 0x18) return { use: 0, def: d }
      // Linux takes packet loads for readers of everything.
      return { use: 0x3ff, def: 0 }
    case 1:
      return { use: s, def: d }
    case 2:
      return { use: d, def: 0 }
    case 3:
      if ((code & 0xe0) !== 0xc0) return { use: d | s, def: 0 }
      if (imm === 0x100) return { use: s, def: d }
      if (imm === 0x110) return { use: d | s, def: 0 }
      if (imm === 0xf1) return { use: d | s | 1, def: 1 }
      return { use: d | s, def: (imm & 1) !== 0 ? s : 0 }
    case 4:
    case 7: {
      const operation = code & 0xf0
      if (operation === 0xd0 || operation === 0x80) return { use: d, def: d }
      if (operation === 0xb0) return { use: byReg ? s : 0, def: d }
      return { use: byReg ? d | s : d, def: d }
    }
    default: {
      const operation = code & 0xf0
      if (operation === 0x00 || operation === 0xe0) return { use: 0, def: 0 }
      if (operation === 0x90) return { use: 1, def: 0 }
      if (operation === 0x80) return { use: argsOf(env, insn), def: CALLER_SAVED }
      return { use: byReg ? d | s : d, def: 0 }
    }
  }
}

function argsOf(env: Env, insn: Insn): number {
  let count: number | undefined
  if (insn.src === 0) {
    // What the program type may not call is thought to read all.
    const helper = helperById(insn.imm)
    const allowed = helper !== undefined && mayCallHelper(env, helper.name)
    count = allowed ? helperFor(helper.name, env.prog.type).args.length : undefined
  } else if (insn.src === 2) {
    const meta = kfuncMeta(env, insn)
    count = meta === undefined || !mayCall(env, meta) ? undefined : meta.params.length
  }
  return count === undefined ? ARGS : ARGS & ((1 << (count + 1)) - 1)
}

/** Fills env.live. */
export function findLiveRegisters(env: Env): void {
  const { insns, live } = env
  const uses = insns.map((insn) => (insn === undefined ? undefined : usesOf(env, insn)))
  const followers = insns.map((insn) => (insn === undefined ? [] : successors(insn)))
  for (let changed = true; changed; ) {
    changed = false
    for (let pc = insns.length - 1; pc >= 0; pc--) {
      const use = uses[pc]
      if (use === undefined) continue
      let out = 0
      for (const next of followers[pc] as number[]) out |= live[next] ?? 0
      const before = ((out & ~use.def) | use.use) & 0x7ff
      if (before !== live[pc]) {
        live[pc] = before
        changed = true
      }
    }
  }
}

/** Linux's table of them at log level 2. */
export function printLiveRegisters(env: Env): void {
  env.log.write('Live regs before insn:\n')
  const { loops } = env.loopVisits
  for (const insn of env.insns) {
    if (insn === undefined) continue
    let text = ''
    for (let reg = 0; reg < 10; reg++) text += ((env.live[insn.pc] as number) & (1 << reg)) !== 0 ? String(reg) : '.'
    const loop = loops[insn.pc] as number
    env.log.write(
      `${loop === 0 ? '    ' : `${String(loop).padStart(3)} `}${String(insn.pc).padStart(3)}: ${text} ${env.insnText(insn.pc)}\n`,
    )
  }
}
