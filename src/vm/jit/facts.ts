import type { Insn } from '../../isa/index.js'
import type { ProgramImage } from '../types.js'
import type { Node } from './control-flow.js'

// What is known of registers at each block, so that less is checked and look-ups in known maps need no call:
// - checked: the register holds an address whose high half was tested to be zero; below page 0's end the access itself
//   traps (see emit-memory.ts). Adding a small number or a narrow register leaves it so: a pointer that goes round a loop
//   is tested once. (What is added might carry it over 4 GiB: then a bad program reads the wrong place, not the host's.)
// - narrow: the register's high half is zero, or nearly so: it is an index,
// - constant: it holds the value of an ld_imm64 (the handle of a map, the address of a map's value), or a small number.

/** Registers r0 to r9; the frame pointer is always good. */
const REGISTERS = 10
const ALL = (1 << REGISTERS) - 1
/** Constants are what fits a double's integers; NaN: unknown. */
const UNKNOWN = Number.NaN
/** What may be added to an address that was tested without testing it again. */
const MOST_ADDED = 32767
/** Below it nothing is ever allocated. */
const LOWEST = 65536

export interface Facts {
  /** Bit per register, as `narrow`. */
  checked: number
  narrow: number
  readonly constants: Float64Array
}

export function noFacts(): Facts {
  return { checked: 0, narrow: 0, constants: new Float64Array(REGISTERS).fill(UNKNOWN) }
}

/** What is known after an instruction. Its memory access, if it has one, has been checked. */
export function transfer(facts: Facts, insn: Insn, image: ProgramImage): void {
  const { op, dst, src } = insn
  if (op === undefined) return
  switch (op.kind) {
    case 'ldx':
    case 'load_acquire':
      // A probing load checks nothing.
      if (image.probeLoads?.has(insn.pc) !== true) facts.checked |= 1 << src
      forget(facts, dst)
      // 32 bits, zero-extended: a context's packet pointer.
      if (op.bits !== 64 && op.signed !== true) facts.narrow |= 1 << dst
      if (op.bits === 32 && op.signed !== true) facts.checked |= 1 << dst
      return
    case 'st':
    case 'stx':
    case 'atomic':
    case 'store_release':
      facts.checked |= 1 << dst
      if (op.fetch === true) forget(facts, op.op === 'cmpxchg' ? 0 : src)
      return
    case 'alu':
      if (op.op === 'mov' && op.operand === 'imm') {
        forget(facts, dst)
        facts.constants[dst] = op.bits === 64 ? insn.imm : insn.imm >>> 0
        if (op.bits === 32 || insn.imm >= 0) facts.narrow |= 1 << dst
        return
      }
      if (op.op === 'mov' && op.bits === 64) {
        if (src >= REGISTERS) {
          forget(facts, dst)
          facts.checked |= 1 << dst
        } else {
          facts.constants[dst] = facts.constants[src]!
          facts.checked = (facts.checked & ~(1 << dst)) | (((facts.checked >>> src) & 1) << dst)
          facts.narrow = (facts.narrow & ~(1 << dst)) | (((facts.narrow >>> src) & 1) << dst)
        }
        return
      }
      if (op.bits === 32) {
        forget(facts, dst)
        facts.narrow |= 1 << dst
        return
      }
      if (op.op === 'add' && (op.operand === 'imm' ? insn.imm >= 0 : (facts.narrow & (1 << src)) !== 0)) {
        // Up to the end of the address space, an index that has been narrow is one still.
        facts.constants[dst] = UNKNOWN
        return
      }
      if ((op.op === 'add' || op.op === 'sub') && op.operand === 'imm' && Math.abs(insn.imm) <= MOST_ADDED) {
        facts.constants[dst] = UNKNOWN
        facts.narrow &= ~(1 << dst)
        return
      }
      if (op.op === 'and' && op.operand === 'imm' && insn.imm >= 0) {
        forget(facts, dst)
        facts.narrow |= 1 << dst
        return
      }
      break
    case 'ld_imm64': {
      forget(facts, dst)
      const value = image.refs.get(insn.pc) ?? insn.imm64 ?? 0n
      if (value >= 0x1_0000_0000n) return
      facts.constants[dst] = Number(value)
      if (Number(value) >= LOWEST) facts.checked |= 1 << dst
      return
    }
    case 'ld_abs':
    case 'ld_ind':
    case 'call':
    case 'callx':
      forget(facts, 0)
      return
    default:
  }
  if (op.dst === 'w' || op.dst === 'rw') forget(facts, dst)
}

function forget(facts: Facts, register: number): void {
  facts.checked &= ~(1 << register)
  facts.narrow &= ~(1 << register)
  facts.constants[register] = UNKNOWN
}

/** What is known where each node begins. All in two arrays: a program may have many thousand nodes. */
export class FactsTable {
  readonly #checked: Int32Array
  readonly #narrow: Int32Array
  readonly #constants: Float64Array
  /** 1 for nodes that something is known of. */
  readonly #reached: Uint8Array

  constructor(nodes: readonly Node[], order: readonly number[], insns: readonly Insn[], image: ProgramImage) {
    this.#checked = new Int32Array(nodes.length)
    this.#narrow = new Int32Array(nodes.length)
    this.#constants = new Float64Array(nodes.length * REGISTERS).fill(UNKNOWN)
    this.#reached = new Uint8Array(nodes.length)
    const [entry] = order
    if (entry !== undefined) this.#reached[entry] = 1
    const facts = noFacts()
    let changed = true
    while (changed) {
      changed = false
      for (const node of order) {
        if (this.#reached[node] === 0) continue
        this.read(node, facts)
        const { first, end, edges } = nodes[node]!
        if (first >= 0) for (let i = first; i < end; i++) transfer(facts, insns[i]!, image)
        for (const { to } of edges) if (this.#merge(to, facts)) changed = true
      }
    }
  }

  /** Copies what is known at a node into `facts`. */
  read(node: number, facts: Facts): void {
    facts.checked = this.#checked[node]!
    facts.narrow = this.#narrow[node]!
    const from = node * REGISTERS
    for (let register = 0; register < REGISTERS; register++) {
      facts.constants[register] = this.#constants[from + register]!
    }
  }

  /** Keeps what is known on all ways to a node. True where that is something new. */
  #merge(node: number, facts: Facts): boolean {
    const own = this.#constants
    const at = node * REGISTERS
    if (this.#reached[node] === 0) {
      this.#reached[node] = 1
      this.#checked[node] = facts.checked & ALL
      this.#narrow[node] = facts.narrow & ALL
      own.set(facts.constants, at)
      return true
    }
    let changed = false
    const checked = this.#checked[node]! & facts.checked
    const narrow = this.#narrow[node]! & facts.narrow
    if (checked !== this.#checked[node] || narrow !== this.#narrow[node]) {
      this.#checked[node] = checked
      this.#narrow[node] = narrow
      changed = true
    }
    for (let register = 0; register < REGISTERS; register++) {
      const known = own[at + register]!
      if (!Number.isNaN(known) && known !== facts.constants[register]) {
        own[at + register] = UNKNOWN
        changed = true
      }
    }
    return changed
  }
}
