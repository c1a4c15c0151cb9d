// A state: call frames with registers and stack, references held, and the way it was reached.

import { NOT_INIT, pointerReg, type Reg } from './reg.js'

/** What a byte of the stack holds. */
export const SLOT = { invalid: 0, spill: 1, misc: 2, zero: 3, dynptr: 4, iter: 5, irq: 6 } as const
export const SLOT_LETTERS = '?rm0dif'
export const STACK_BYTES = 512

/** A function the kernel calls back. */
export interface Callback {
  readonly kind: string
  readonly returns: readonly [number, number]
  readonly async: boolean
}

/** Iterator, dynptr or saved interrupt flags that occupy stack slots. */
export interface Occupant {
  readonly kind: 'dynptr' | 'iter' | 'irq'
  /** The kind of dynptr; the iterator's struct; the lock that saved the flags ('native' or 'lock'). */
  readonly type: string
  readonly id: number
  /** The reference to give back; of an iterator only in its lowest slot. */
  readonly refId: number
  readonly state: 'active' | 'drained'
  readonly depth: number
  /** An iterator over what RCU protects: inside a read section, or no longer. */
  readonly flags: number
  /** The lowest of its slots. */
  readonly first: boolean
}

export class Frame {
  readonly frameno: number
  readonly subprog: number
  readonly callsite: number
  regs: Reg[]
  /** One entry a byte; index -offset - 1. */
  types: Uint8Array
  /** One entry a slot of 8 bytes; index (-offset - 1) >> 3. */
  spills: (Reg | undefined)[]
  occupants: (Occupant | undefined)[]
  /** Bytes of stack touched, a multiple of 8. */
  allocated = 0
  callback: Callback | undefined
  callbackDepth = 0
  /** How many asynchronous callbacks set each other up before this one. */
  asyncEntries = 0

  /** `from`: whose registers and stack to begin with. */
  constructor(frameno: number, subprog: number, callsite: number, from?: Frame) {
    this.frameno = frameno
    this.subprog = subprog
    this.callsite = callsite
    if (from !== undefined) {
      this.regs = from.regs.slice()
      this.types = from.types.slice()
      this.spills = from.spills.slice()
      this.occupants = from.occupants.slice()
      return
    }
    this.regs = new Array(11).fill(NOT_INIT)
    const fp = pointerReg('fp')
    fp.frameno = frameno
    this.regs[10] = fp
    this.types = new Uint8Array(0)
    this.spills = []
    this.occupants = []
  }

  copy(): Frame {
    const to = new Frame(this.frameno, this.subprog, this.callsite, this)
    to.allocated = this.allocated
    to.callback = this.callback
    to.callbackDepth = this.callbackDepth
    to.asyncEntries = this.asyncEntries
    return to
  }

  /** Makes room for `bytes` of stack. */
  grow(bytes: number): void {
    const rounded = (bytes + 7) & ~7
    if (rounded <= this.allocated) return
    const types = new Uint8Array(rounded)
    types.set(this.types)
    this.types = types
    while (this.spills.length < rounded >> 3) {
      this.spills.push(undefined)
      this.occupants.push(undefined)
    }
    this.allocated = rounded
  }
}

/** Something held that must be given back: an object, a lock (of a map or BTF: `of`), saved interrupt flags. */
export interface Reference {
  readonly kind: 'ptr' | 'lock' | 'res_lock' | 'res_lock_irq' | 'irq'
  readonly id: number
  readonly insn: number
  readonly of: unknown
}

/** One step worth remembering: a jump, or an access to the stack through another register. */
export interface HistoryEntry {
  idx: number
  prev: number
  /** Slot and frame of a stack access through something else than r10, else -1. */
  stackFrame: number
  stackSlot: number
  /** Registers (frame, number, slot) whose value was the same when a comparison narrowed one. */
  linked: readonly Linked[] | undefined
}

export interface Linked {
  readonly frame: number
  /** Register, or slot where `spilled`. */
  readonly index: number
  readonly spilled: boolean
}

export class State {
  frames: Frame[] = []
  refs: Reference[] = []
  activeLocks = 0
  lockId = 0
  lockOf: unknown = undefined
  rcuDepth = 0
  preemptDepth = 0
  /** The innermost saved interrupt flags; 0 while interrupts are on. */
  irqId = 0
  /** May sleep here; a callback may differ from the program. */
  sleepable = false
  speculative = false
  parent: State | undefined = undefined
  /** Paths from here not yet finished. */
  branches = 0
  insnIdx = 0
  firstInsn = 0
  lastInsn = 0
  history: HistoryEntry[] = []
  callbackUnrollDepth = 0
  mayGotoDepth = 0
  dfsDepth = 0
  /** Forgot what nobody reads any more. */
  cleaned = false
  /** No longer compared with, but paths from here are still open. */
  evicted = false

  get frame(): Frame {
    return this.frames[this.frames.length - 1] as Frame
  }

  /** A copy that shares registers; history, parent and branches are the caller's. */
  copy(): State {
    const to = new State()
    to.frames = this.frames.map((frame) => frame.copy())
    to.refs = this.refs.slice()
    to.activeLocks = this.activeLocks
    to.lockId = this.lockId
    to.lockOf = this.lockOf
    to.rcuDepth = this.rcuDepth
    to.preemptDepth = this.preemptDepth
    to.irqId = this.irqId
    to.sleepable = this.sleepable
    to.speculative = this.speculative
    to.parent = this.parent
    to.insnIdx = this.insnIdx
    to.firstInsn = this.firstInsn
    to.lastInsn = this.lastInsn
    to.callbackUnrollDepth = this.callbackUnrollDepth
    to.mayGotoDepth = this.mayGotoDepth
    to.dfsDepth = this.dfsDepth
    return to
  }

  /** The instruction frame `index` stands at: its own, or the call it made. */
  insnOfFrame(index: number): number {
    const inner = this.frames[index + 1]
    return inner === undefined ? this.insnIdx : inner.callsite
  }
}
