// What one verification works on: the program taken apart, the state at hand, the paths still to walk, the log.

import type { ErrnoName } from '../base/index.js'
import { formatKernelInsn, type Insn, type InsnNames, type NamedInsn } from '../isa/index.js'
import type { AttachTypeName, ProgType } from '../spec/index.js'
import type { FuncArg } from './call/func-args.js'
import type { KfuncUse } from './call/note-kfunc.js'
import { type Fastcalls, NO_FASTCALLS } from './cfg/fastcall.js'
import type { StructOps, Target } from './check/attach-target.js'
import { LoopVisits } from './explore/loop-visits.js'
import { stateText } from './log/print-state.js'
import type { VerifierLog } from './log/verifier-log.js'
import { Refusal } from './refusal.js'
import { NOT_INIT, type Reg } from './state/reg.js'
import { StackLiveness } from './state/stack-liveness.js'
import type { Frame, HistoryEntry, State } from './state/state.js'
import type { BtfRef, MapDescription, VerifyOptions, VerifyProgram } from './types.js'

export interface Subprog {
  readonly start: number
  readonly end: number
  readonly name: string
  /** Verified on its own, by its BTF. */
  readonly global: boolean
  /** The BTF func_proto, 0 without. */
  readonly protoId: number
  /** Its BTF func, 0 without. */
  readonly funcId: number
  /** Its arguments, once they are known to be described well. */
  args: readonly FuncArg[] | undefined
  /** Callers pass other arguments than BTF tells. */
  unreliable: boolean
  stackDepth: number
  hasTailCall: boolean
  changesPacket: boolean
  /** May call something that sleeps. */
  mightSleep: boolean
  /** Called from where? Global ones are verified after the main program if so. */
  called: boolean
  asyncCallback: boolean
  /** The kernel calls it, now or later. */
  callback: boolean
  /** What bpf_throw() runs in place of the rest of the program. */
  exceptionCallback: boolean
}

/** A path to walk later. */
export interface Branch {
  readonly state: State
  readonly insnIdx: number
  readonly prevInsnIdx: number
  readonly logPosition: number
}

/** A barrier before an instruction, or behind it. */
export const BARRIER = { before: 1, behind: 2 } as const

/** What keeps a register that is added to a pointer inside of bounds where the processor guesses. */
export interface PointerMask {
  /** Linux's BPF_ALU_* bits. */
  readonly state: number
  readonly limit: number
}

export const MARK = { prune: 1, jump: 2, force: 4, callsCallback: 8 } as const

export interface ExploredState {
  readonly state: State
  hits: number
  misses: number
}

export class Env {
  /** An extension takes on the type of the program it joins. */
  prog: VerifyProgram
  type: ProgType
  /** Its function replaces another program's. */
  extension = false
  /** The function whose arguments are the context. */
  target: Target | undefined
  structOps: StructOps | undefined
  /** What each ld_imm64 of a kernel variable loads, by its place. */
  readonly kernelVars = new Map<number, Reg>()
  arena: MapDescription | undefined
  /** The running kernel's BTF, for registers that point to its objects. */
  readonly kernel: BtfRef | undefined
  /** By slot; undefined for the second slot of an ld_imm64. */
  readonly insns: readonly (Insn | undefined)[]
  readonly log: VerifierLog
  subprogs: Subprog[] = []
  /** Subprogram that bpf_throw() runs; -1 for the default one. */
  exceptionCallback = -1
  exceptionEntry = -1
  marks: Uint8Array
  /** Registers whose value may be read from here on, a bit each. */
  live: Uint16Array
  explored = new Map<number, ExploredState[]>()
  branches: Branch[] = []
  state!: State
  readonly stackLiveness = new StackLiveness(this)
  loopVisits = new LoopVisits(this, new Int32Array(0))
  insnIdx = 0
  prevInsnIdx = -1
  historyEntry: HistoryEntry | undefined
  idGen = 0
  insnsProcessed = 0
  jumpsProcessed = 0
  prevInsnsProcessed = 0
  prevJumpsProcessed = 0
  totalStates = 0
  exploredStates = 0
  /** States no longer compared with, of which paths are still open. */
  evictedStates = 0
  peakStates = 0
  maxStatesPerInsn = 0
  maxInsns = 1_000_000
  /** Nothing is printed of the walk. */
  mutesWalk = false
  onState: VerifyOptions['onState']
  /** Nothing is forgotten and everything compared. */
  exhaustive = false
  scratchedRegs = 0
  scratchedSlots = new Set<number>()
  allScratched = true
  /** Kind of pointer each memory instruction was seen with. */
  pointerKinds: (string | undefined)[] = []
  /** Map of the call at each instruction; 'many' when it differs from path to path. */
  callMaps: (MapDescription | 'many' | undefined)[] = []
  /** Whether each bpf_loop() call calls the same function everywhere. */
  readonly loopInlining = new Map<number, { readonly subprog: number; readonly fits: boolean }>()
  fastcalls: Fastcalls = NO_FASTCALLS
  /** Kernel functions called, by instruction. */
  kfuncUses: (KfuncUse | undefined)[] = []
  /** Calls that look into per-CPU objects the program made. */
  readonly percpuObjects = new Set<number>()
  /** The program stores into packets. */
  writesPacket = false
  /** Pointers may leak, and what runs speculatively does not count: the loader has CAP_PERFMON. */
  readonly perfmon: boolean
  /** Instructions reached by more than a wrong guess; empty with `perfmon`. */
  readonly reached: Uint8Array
  /** Barriers against speculation at each instruction, BARRIER bits; empty with `perfmon`. */
  readonly barriers: Uint8Array
  /** How additions to pointers are masked, by instruction; empty with `perfmon`. */
  readonly masks: (PointerMask | undefined)[] = []
  /** Masks depend on numbers: states are compared to the letter. */
  comparesNumbers = false
  lastLine = -1
  /** The next instruction is printed with where it was reached from, and the whole state. */
  printPath = false
  lineOfSlot: Int32Array | undefined
  readonly maps: MapDescription[] = []
  /** How often each instruction was processed. */
  visits: Uint32Array
  highestOffset = 0

  constructor(prog: VerifyProgram, type: ProgType, insns: readonly (Insn | undefined)[], log: VerifierLog) {
    this.prog = prog
    this.type = type
    this.kernel = prog.kernelBtf === undefined ? undefined : { btf: prog.kernelBtf, kernel: true }
    this.insns = insns
    this.log = log
    this.marks = new Uint8Array(insns.length)
    this.live = new Uint16Array(insns.length)
    this.visits = new Uint32Array(insns.length)
    this.perfmon = prog.capabilities?.perfmon !== false
    this.reached = new Uint8Array(this.perfmon ? 0 : insns.length)
    this.barriers = new Uint8Array(this.perfmon ? 0 : insns.length)
  }

  get attachType(): AttachTypeName | undefined {
    return this.prog.attachType
  }

  get frame(): Frame {
    return this.state.frame
  }

  get regs(): Reg[] {
    return this.state.frame.regs
  }

  reg(index: number): Reg {
    return this.state.frame.regs[index] ?? NOT_INIT
  }

  notePeak(): void {
    const states = this.exploredStates + this.evictedStates + this.loopVisits.kept
    if (states > this.peakStates) this.peakStates = states
  }

  newId(): number {
    return ++this.idGen
  }

  /** Ends the verification: Linux's message and errno. */
  refuse(message: string, errno: ErrnoName = 'EINVAL'): never {
    this.log.write(`${message}\n`)
    throw new Refusal(message, errno)
  }

  /** The same, where the message is in the log already. */
  refuseSilently(message: string, errno: ErrnoName = 'EINVAL'): never {
    throw new Refusal(message, errno)
  }

  /** A part of Linux's verifier that is not modelled: refused, and said so. */
  unsupported(what: string): never {
    const message = `not modelled: ${what}`
    this.log.write(`${message}\n`)
    throw new Refusal(message, 'EOPNOTSUPP', true)
  }

  scratch(reg: number): void {
    this.scratchedRegs |= 1 << reg
  }

  scratchSlot(slot: number): void {
    this.scratchedSlots.add(slot)
  }

  scratchAll(): void {
    this.allScratched = true
  }

  cleanScratched(): void {
    this.scratchedRegs = 0
    this.scratchedSlots.clear()
    this.allScratched = false
  }

  /** Whether what the register holds must not be seen by user space. */
  hides(reg: Reg): boolean {
    return !this.perfmon && reg.type !== 'scalar'
  }

  /** A register whose value goes where user space may see it. */
  refuseLeak(regno: number, where: string): void {
    if (regno >= 0 && this.hides(this.reg(regno))) this.refuse(`R${regno} leaks addr ${where}`, 'EACCES')
  }

  /** A whole frame on one line. */
  printState(frameno = this.state.frames.length - 1, state = this.state): void {
    this.log.write(`${stateText(state, frameno)}\n`)
  }

  /** What the last instruction changed, behind it where nothing else was printed since. */
  printInsnState(): void {
    const { log } = this
    if (!(this.allScratched || this.scratchedRegs !== 0 || this.scratchedSlots.size > 0)) return
    if (log.prevPosition !== 0 && log.prevPosition === log.position) {
      log.reset(log.prevPosition - 1)
      const width = log.prevWidth
      const column = ((Math.max(width + 4, 40) + 7) & ~7) - width - 1
      log.write(`${' '.repeat(Math.max(0, column))};`)
    } else log.write(`${this.insnIdx}:`)
    const frameno = this.state.frames.length - 1
    const scratched = this.allScratched
      ? undefined
      : { regs: this.scratchedRegs, slot: (slot: number) => this.scratchedSlots.has(slot) }
    log.write(`${stateText(this.state, frameno, scratched)}\n`)
    this.cleanScratched()
  }

  insnText(idx: number): string {
    const insn = this.insns[idx]
    return insn === undefined ? '' : formatKernelInsn(insn, this.names)
  }

  readonly names: InsnNames = {
    call: (insn) => this.callName(insn),
  }

  callName(insn: NamedInsn): string | undefined {
    if (insn.src !== 2) return undefined
    const { kernelBtf } = this.prog
    return kernelBtf !== undefined && insn.imm > 0 && insn.imm < kernelBtf.typeCount
      ? kernelBtf.typeName(insn.imm)
      : undefined
  }

  /** The source line of an instruction, where it is another one than the last printed. */
  printLine(idx: number): void {
    const at = this.lineOfSlot?.[idx] ?? -1
    const line = at < 0 ? undefined : this.prog.lineInfo?.[at]
    if (line === undefined) return
    const last = this.prog.lineInfo?.[this.lastLine]
    if (last !== undefined && last.fileNameOff === line.fileNameOff && last.line === line.line) return
    this.lastLine = at
    const file = line.fileName.slice(line.fileName.lastIndexOf('/') + 1)
    this.log.write(`; ${line.text.trimStart()} @ ${file}:${line.line}\n`)
  }

  subprogOf(idx: number): number {
    let found = 0
    for (let i = 0; i < this.subprogs.length; i++) if ((this.subprogs[i] as Subprog).start <= idx) found = i
    return found
  }

  subprogAt(start: number): number {
    return this.subprogs.findIndex((subprog) => subprog.start === start)
  }

  /** Remembers the current instruction in the way this state was reached. */
  pushHistory(stackFrame = -1, stackSlot = -1, linked?: HistoryEntry['linked']): void {
    const entry = this.historyEntry
    if (entry !== undefined) {
      if (stackFrame >= 0) {
        entry.stackFrame = stackFrame
        entry.stackSlot = stackSlot
      }
      if (linked !== undefined) entry.linked = linked
      return
    }
    const made: HistoryEntry = { idx: this.insnIdx, prev: this.prevInsnIdx, stackFrame, stackSlot, linked }
    this.state.history.push(made)
    this.historyEntry = made
  }

  /** Puts a path aside; the copy is the caller's to change. */
  pushBranch(insnIdx: number, prevInsnIdx: number, speculative = false): State {
    const copy = this.state.copy()
    if (speculative) copy.speculative = true
    copy.history = this.state.history.slice()
    copy.branches = 1
    if (copy.parent !== undefined) copy.parent.branches++
    this.pushState(copy, insnIdx, prevInsnIdx, speculative)
    return copy
  }

  /** Puts a state of any origin aside. */
  pushState(state: State, insnIdx: number, prevInsnIdx: number, guessed = false): void {
    this.branches.push({ state, insnIdx, prevInsnIdx, logPosition: this.log.position })
    if (this.branches.length > 8192) {
      this.refuse(
        `The sequence of ${this.branches.length} jumps is too complex.`,
        guessed || !this.perfmon ? 'EFAULT' : 'E2BIG',
      )
    }
  }
}
