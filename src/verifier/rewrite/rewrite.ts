// From a verified program to the one Linux runs and shows (`xlated`): accesses to contexts as accesses to kernel structures,
// helpers in line, dead code gone.

import { helperById, helperFunction, kernelFunctionId, PROG_TYPES, structs } from '../../spec/index.js'
import type { Env } from '../env.js'
import { LOOP_STACK, unrollLoops } from './bpf-loop.js'
import { convertAccess, type Fields } from './context/convert.js'
import { removeDeadCode } from './dead-code.js'
import { fixInsns, mayGotoPrologue } from './fixups.js'
import { type KernelLayout, layoutOf } from './kernel-layout.js'
import { isJump, isLongJump, layOut, likeness, type Node, node, rewriteNodes, standIn, toNodes } from './node.js'
import { goTo, mov } from './ops.js'
import { packetPrologue } from './prologue.js'
import { addBarriers } from './speculation.js'

/** The translated program. */
export interface Rewritten {
  /** Instruction slots. Calls of kernel functions that are no helpers hold their kernelFunctionId(). */
  readonly insns: Uint8Array
  /** New slot of each original slot: where its first instruction is; -1 for what went. */
  readonly slotOf: Int32Array
  /** First slot of each subprogram, -1 for one that went. */
  readonly subprogs: readonly number[]
}

/** Rewrites what `env` has verified. */
export function rewrite(env: Env): Rewritten {
  const layout = layoutOf(env.prog.kernelBtf)
  const depths = env.subprogs.map(({ stackDepth }) => Math.max(0, stackDepth + 7) & ~7)
  const depthOf = (subprog: number): number => depths[subprog] ?? 0
  let nodes = toNodes(env.insns, (slot) => env.subprogAt(slot))
  nodes = removePairs(env, nodes)
  const starts = env.subprogs.map(({ start }) => nodes.find(({ pc }) => pc === start))
  const loops = unrollLoops(env, nodes, depthOf)
  for (const subprog of loops.within) depths[subprog] = depthOf(subprog) + LOOP_STACK
  nodes = removeDeadCode(loops.nodes, env.perfmon ? env.visits : env.reached)
  if (!env.perfmon) nodes = addBarriers(env, nodes)
  nodes = convertAccesses(env, nodes, layout)
  const fixed = fixInsns(env, nodes, layout, depthOf)
  nodes = fixed.nodes
  nodes = putBefore(nodes, starts, 0, packetPrologue(env, layout))
  for (const subprog of fixed.bounded) nodes = putBefore(nodes, starts, subprog, mayGotoPrologue(depthOf(subprog)))
  if (throws(env)) nodes = [...nodes, mov(0, 1), node({ code: 0x95 })]
  return emit(env, nodes, starts)
}

/** Where no callback catches what is thrown, the kernel's own stands at the end. */
function throws(env: Env): boolean {
  return env.exceptionCallback < 0 && env.kfuncUses.some((use) => use?.name === 'bpf_throw')
}

/** Spills and fills around calls that keep the registers become jumps to the next instruction. */
function removePairs(env: Env, nodes: readonly Node[]): Node[] {
  const { pairs } = env.fastcalls
  const gone = new Set<number>()
  pairs.forEach((count, pc) => {
    for (let i = 1; i <= count; i++) gone.add(pc - i).add(pc + i)
  })
  return rewriteNodes(nodes, (at, i) => (gone.has(at.pc) ? [likeness(goTo(nodes[i + 1]), { pc: at.pc })] : undefined))
}

/** Callers come to the code before a subprogram, its own jumps to its first instruction do not. */
function putBefore(
  nodes: readonly Node[],
  starts: (Node | undefined)[],
  subprog: number,
  prologue: readonly Node[],
): Node[] {
  const start = starts[subprog] === undefined ? undefined : standIn(starts[subprog] as Node)
  const at = start === undefined ? -1 : nodes.indexOf(start)
  if (at < 0 || prologue[0] === undefined) return [...nodes]
  for (const made of prologue) if (isJump(made.code) && made.target === undefined) made.target = start
  starts[subprog] = prologue[0]
  prologue[0].origin = start?.origin ?? -1
  if (start !== undefined) start.origin = -1
  return [...nodes.slice(0, at), ...prologue, ...nodes.slice(at)]
}

const SOCKET_FIELDS: Readonly<Record<string, Fields>> = {
  sock: structs.bpf_sock.fields,
  sock_common: structs.bpf_sock.fields,
  tcp_sock: structs.bpf_tcp_sock.fields,
  xdp_sock: { queue_id: { offset: 0, size: 4 } },
}

function convertAccesses(env: Env, nodes: readonly Node[], layout: KernelLayout): Node[] {
  const context = PROG_TYPES[env.prog.type].context.struct
  const typedTime = context === '__sk_buff' && nodes.some((at) => readsTimestampType(env, at))
  return rewriteNodes(nodes, (at, i) => {
    const group = at.code & 7
    if (at.pc < 0 || group === 0 || group > 3) return undefined
    const seen = pointerKind(env, at.pc)
    if (seen === undefined) return undefined
    const next = nodes[i + 1]
    if (seen === 'ctx') {
      return context === undefined
        ? undefined
        : convertAccess(at, { layout, kind: env.prog.type, fields: structs[context].fields, next, typedTime })
    }
    const fields = SOCKET_FIELDS[seen]
    return fields === undefined ? undefined : convertAccess(at, { layout, kind: seen, fields, next, typedTime })
  })
}

/** The kind without its flags. */
function pointerKind(env: Env, pc: number): string | undefined {
  const known = env.pointerKinds[pc]
  return known?.slice(0, known.indexOf(' '))
}

/** A program that asks what kind of time it is gets the time as it is. */
function readsTimestampType(env: Env, at: Node): boolean {
  if (at.pc < 0 || (at.code & 7) !== 1 || pointerKind(env, at.pc) !== 'ctx') return false
  return at.off === structs.__sk_buff.fields.tstamp_type.offset
}

function emit(env: Env, nodes: readonly Node[], starts: readonly (Node | undefined)[]): Rewritten {
  const slots = layOut(nodes)
  const last = nodes.at(-1)
  const length = last === undefined ? 0 : (slots.get(last) ?? 0) + (last.code === 0x18 ? 2 : 1)
  const insns = new Uint8Array(length * 8)
  const view = new DataView(insns.buffer)
  const slotOf = new Int32Array(env.insns.length).fill(-1)
  const subprogs = starts.map((start) => (start === undefined ? -1 : (slots.get(standIn(start)) ?? -1)))
  for (const at of nodes) {
    const slot = slots.get(at) as number
    let { off, imm } = at
    if (isJump(at.code) && at.target !== undefined) {
      const distance = (slots.get(at.target) ?? slot + 1) - slot - 1
      if (isLongJump(at.code)) imm = distance
      else off = distance
    } else if (at.callee >= 0) {
      const distance = (subprogs[at.callee] ?? 0) - slot - 1
      if (at.code === 0x18) imm = distance
      else {
        off = distance
        imm = at.callee
      }
    } else if (at.calls !== undefined) imm = kernelFunctionId(at.calls)
    else if (at.code === CALL && at.src === 0) imm = functionOf(env, imm)
    put(view, slot, at, off, imm)
    if (at.code === 0x18) view.setInt32(slot * 8 + 12, at.high, true)
    if (at.origin >= 0) slotOf[at.origin] = slot
  }
  return { insns, slotOf, subprogs }
}

const CALL = 0x85

/** A helper with a function of its own in this program type is shown as that. */
function functionOf(env: Env, helper: number): number {
  const name = helperById(helper)?.name
  const named = name === undefined ? undefined : helperFunction(name, env.prog.type, env.prog.attachType)
  return named === undefined || named === `bpf_${name}` ? helper : kernelFunctionId(named)
}

function put(view: DataView, slot: number, { code, dst, src }: Node, off: number, imm: number): void {
  view.setUint8(slot * 8, code)
  view.setUint8(slot * 8 + 1, dst | (src << 4))
  view.setInt16(slot * 8 + 2, off, true)
  view.setInt32(slot * 8 + 4, imm, true)
}
