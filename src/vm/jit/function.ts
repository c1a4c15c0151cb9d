import { FormatError } from '../../base/index.js'
import type { Insn, Op, OpKind } from '../../isa/index.js'
import { CodeWriter } from '../wasm/code-writer.js'
import { type Edge, functionNodes, type Listing } from './control-flow.js'
import { emitAlu, emitCast, emitEndian } from './emit-alu.js'
import { checkDepth, emitCall, emitCallRegister, emitPacketLoad, isLoopCall, loadFuel, storeFuel } from './emit-call.js'
import { emitCondition } from './emit-jump.js'
import { emitAtomic, emitLoad, emitStore, emitStoreImm, fail, faultEnd } from './emit-memory.js'
import { type FunctionContext, get64, type ModuleContext, set64 } from './emitter.js'
import { FactsTable, noFacts, transfer } from './facts.js'
import { type Layout, layOut } from './layout.js'
import { fallsThrough, type Scope, scopesOf } from './scopes.js'

/** Times a may_goto goes on in one frame (BPF_MAX_LOOPS). */
const MAX_LOOPS = 8 * 1024 * 1024

/** Where the code of an instruction begins. */
export interface CodePlace {
  readonly position: number
  readonly pc: number
}

export interface FunctionCode {
  readonly code: CodeWriter
  readonly places: readonly CodePlace[]
}

type Emit = (f: FunctionContext, insn: Insn, op: Op) => void

const refuse: Emit = (_f, insn, op) => {
  throw new FormatError('insns', `instruction ${insn.pc} (${op.name}) cannot be run`, { offset: insn.pc * 8 })
}
const nothing: Emit = () => {}

/** Every kind but jumps, which end blocks. */
const EMIT: Record<OpKind, Emit> = {
  alu: emitAlu,
  endian: emitEndian,
  addr_space_cast: emitCast,
  percpu_mov: refuse,
  ld_imm64: (f, insn) => {
    const value = f.module.image.refs.get(insn.pc) ?? insn.imm64 ?? 0n
    f.code.i64(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)))
    set64(f, insn.dst)
  },
  ld_abs: emitPacketLoad,
  ld_ind: emitPacketLoad,
  ldx: emitLoad,
  st: emitStoreImm,
  stx: emitStore,
  nospec: nothing,
  atomic: emitAtomic,
  load_acquire: emitLoad,
  store_release: emitStore,
  ja: nothing,
  may_goto: nothing,
  gotox: refuse,
  cond: nothing,
  call: emitCall,
  callx: emitCallRegister,
  exit: (f) => {
    storeFuel(f)
    get64(f, 0)
    f.code.op('return')
  },
}

/** Compiles the function that begins at a slot. */
export function compileFunction(
  module: ModuleContext,
  listing: Listing,
  slot: number,
  isEntry: boolean,
  counted: boolean,
): FunctionCode {
  const params = isEntry ? 1 : 5
  const code = new CodeWriter(params + 1)
  const layout = layOut(functionNodes(listing, slot))
  const hasMayGoto = layout.nodes.some(
    ({ end, first }) => first >= 0 && listing.insns[end - 1]?.op?.kind === 'may_goto',
  )
  const callsBack = layout.nodes.some(
    ({ first, end }) => first >= 0 && listing.insns.slice(first, end).some((insn) => isLoopCall(insn)),
  )
  const registers = [code.local('i64')]
  for (let register = 1; register < 10; register++) {
    registers.push(register <= params ? register - 1 : code.local('i64'))
  }
  const f: FunctionContext = {
    module,
    code,
    registers,
    frame: params,
    t32: code.local('i32'),
    u32: code.local('i32'),
    t64: code.local('i64'),
    fuel: counted && (layout.loops.length > 0 || callsBack) ? code.local('i64') : -1,
    loops: hasMayGoto ? code.local('i32') : -1,
    place: code.local('i32'),
    isEntry,
    facts: noFacts(),
    depth: 0,
  }
  const dispatchers = layout.nodes.some(({ first }) => first < 0)
  const writer = new BlockWriter(f, listing, layout, dispatchers ? code.local('i32') : -1)
  if (hasMayGoto) code.i32(MAX_LOOPS).set(f.loops)
  loadFuel(f)
  if (!isEntry && module.deep) checkDepth(f, slot)
  code.block().block()
  writer.write()
  code.op('unreachable').op('end')
  if (f.fuel >= 0) code.get(f.place).call(module.host('exhausted'))
  code.op('unreachable').op('end')
  if (module.checked) faultEnd(f)
  code.op('unreachable').op('end')
  return { code, places: writer.places }
}

/** Writes the blocks of a function in their order, with the scopes and jumps between them. */
class BlockWriter {
  readonly places: CodePlace[] = []
  readonly #f: FunctionContext
  readonly #listing: Listing
  readonly #layout: Layout
  /** Local of the dispatchers' variable. */
  readonly #state: number
  readonly #open: Scope[] = []

  constructor(f: FunctionContext, listing: Listing, layout: Layout, state: number) {
    this.#f = f
    this.#listing = listing
    this.#layout = layout
    this.#state = state
  }

  write(): void {
    const f = this.#f
    const { code } = f
    const { insns } = this.#listing
    const { nodes, order } = this.#layout
    const facts = new FactsTable(nodes, order, insns, f.module.image)
    const scopes = scopesOf(this.#layout)
    let next = 0
    order.forEach((node, position) => {
      while (this.#open.at(-1)?.end === position) {
        this.#open.pop()
        f.depth--
        code.op('end')
      }
      for (; scopes[next]?.start === position; next++) {
        const scope = scopes[next]!
        this.#open.push(scope)
        f.depth++
        if (scope.kind === 'block') code.block()
        else {
          code.loop()
          this.#burn(scope)
        }
      }
      facts.read(node, f.facts)
      const { first, end } = nodes[node]!
      if (first < 0) {
        this.#dispatch(position)
        return
      }
      for (let i = first; i < end; i++) {
        const insn = insns[i]!
        const op = insn.op!
        this.places.push({ position: code.position, pc: insn.pc })
        EMIT[op.kind](f, insn, op)
        transfer(f.facts, insn, f.module.image)
      }
      this.#leave(position)
    })
    for (; this.#open.length > 0; this.#open.pop()) code.op('end')
  }

  /** Counts the instructions of a loop's round. */
  #burn(loop: Scope): void {
    const { code, fuel } = this.#f
    if (fuel < 0) return
    const { nodes, order } = this.#layout
    let cost = 0
    let pc = 0
    for (let position = loop.end - 1; position >= loop.start; position--) {
      const { first, end } = nodes[order[position]!]!
      if (first < 0) continue
      cost += end - first
      pc = this.#listing.insns[first]?.pc ?? pc
    }
    code.get(fuel).i64(cost).op('i64.sub').tee(fuel).i64(0).op('i64.lt_s').if()
    fail(this.#f, 'exhausted', pc)
    code.op('end')
  }

  #leave(position: number): void {
    const f = this.#f
    const { code } = f
    const node = this.#layout.nodes[this.#layout.order[position]!]!
    const last = this.#listing.insns[node.end - 1]
    const [taken, other] = node.edges
    if (taken === undefined) {
      if (last?.op?.kind !== 'exit' || node.first >= this.#listing.insns.length) {
        code.i32(this.#listing.indexes.length).i32(1).call(f.module.host('fail'))
      }
      return
    }
    if (!node.conditional || other === undefined) {
      this.#go(position, taken)
      return
    }
    this.places.push({ position: code.position, pc: last!.pc })
    const negate = fallsThrough(this.#layout, position, taken)
    if (negate && fallsThrough(this.#layout, position, other)) {
      // Both ways lead to the next node, which may be a dispatcher.
      emitCondition(f, last!, last!.op!, false)
      code.if()
      this.#go(position, taken)
      code.op('else')
      this.#go(position, other)
      code.op('end')
      return
    }
    emitCondition(f, last!, last!.op!, negate)
    this.#goIf(position, negate ? other : taken)
    this.#go(position, negate ? taken : other)
  }

  /** Goes along an edge. */
  #go(position: number, edge: Edge): void {
    const { code } = this.#f
    if (edge.state >= 0) code.i32(edge.state).set(this.#state)
    if (!fallsThrough(this.#layout, position, edge)) code.br(this.#depth(position, edge))
  }

  /** Goes along an edge, which does not fall through, where the number on the stack is not zero. */
  #goIf(position: number, edge: Edge): void {
    const { code } = this.#f
    if (edge.state < 0) code.brIf(this.#depth(position, edge))
    else {
      code.if().i32(edge.state).set(this.#state)
      code.br(this.#depth(position, edge) + 1).op('end')
    }
  }

  /** Labels between a jump and its target. */
  #depth(position: number, edge: Edge): number {
    const target = this.#layout.positions[edge.to]!
    const back = target <= position
    for (let i = this.#open.length - 1; i >= 0; i--) {
      const scope = this.#open[i]!
      if (back ? scope.kind === 'loop' && scope.start === target : scope.kind === 'block' && scope.end === target) {
        return this.#open.length - 1 - i
      }
    }
    throw new TypeError(`no scope for a jump to position ${target}`)
  }

  /** A dispatcher: goes to the entry that its variable names. */
  #dispatch(position: number): void {
    const { code } = this.#f
    const { edges } = this.#layout.nodes[this.#layout.order[position]!]!
    if (edges.every((edge) => edge.state < 0)) {
      const depths = edges.map((edge) => this.#depth(position, edge))
      code.get(this.#state).brTable(depths)
      return
    }
    edges.forEach((edge, index) => {
      code.get(this.#state).i32(index).op('i32.eq')
      this.#goIf(position, edge)
    })
    code.op('unreachable')
  }
}
