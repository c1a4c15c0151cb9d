// What goes into verify() and what comes out.

import type { ErrnoName } from '../base/index.js'
import type { Btf, FuncInfo, LineInfo } from '../btf/index.js'
import type { AttachTypeName, ProgTypeName } from '../spec/index.js'
import type { Rewritten } from './rewrite/rewrite.js'
import type { State } from './state/state.js'

/** A map as the verifier sees it. */
export interface MapDescription {
  readonly name: string
  /** BPF_MAP_TYPE_*. */
  readonly type: number
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  readonly flags: number
  readonly frozen?: boolean
  /** Of an arena: user space has its address. Absent: it has. */
  readonly userAddress?: boolean
  /** Current bytes of the first value of a frozen read-only array: loads of it are constants. */
  readonly contents?: Uint8Array | undefined
  /** Of a map of maps: what its elements look like. */
  readonly inner?: MapDescription | undefined
  readonly btf?: Btf | undefined
  readonly btfKeyTypeId?: number
  readonly btfValueTypeId?: number
}

/** A BTF object and whether it describes the kernel. */
export interface BtfRef {
  readonly btf: Btf
  readonly kernel: boolean
}

/** What verification found of a function. */
export interface VerifiedFunction {
  /** Its arguments are not those of its BTF (a static function, or one called with others). */
  readonly unreliable?: boolean
  readonly changesPacket?: boolean
  readonly mightSleep?: boolean
  readonly exceptionCallback?: boolean
}

/** A loaded program that another one traces or replaces a function of. */
export interface AttachProgram {
  readonly type: ProgTypeName
  readonly attachType?: AttachTypeName | undefined
  readonly btf?: Btf | undefined
  readonly funcInfo: readonly FuncInfo[]
  /** What verification found of each function of `funcInfo`. */
  readonly functions?: readonly VerifiedFunction[]
  /** It traces a program itself. */
  readonly tracesProgram?: boolean
}

export interface VerifyProgram {
  readonly insns: Uint8Array
  readonly type: ProgTypeName
  readonly attachType?: AttachTypeName | undefined
  /** expected_attach_type as given: the member's index for struct_ops. */
  readonly expectedAttachType?: number
  /** Type in `attachBtf` that the program is bound to: a tracepoint, function, hook, table of operations. */
  readonly attachBtfId?: number
  /** BTF of `attachBtfId`. Default the running kernel's. */
  readonly attachBtf?: Btf | undefined
  /** The program whose function `attachBtfId` is. */
  readonly attachProg?: AttachProgram | undefined
  readonly sleepable?: boolean
  /** BPF_F_STRICT_ALIGNMENT: all accesses are to be aligned, not only the stack's. */
  readonly strictAlignment?: boolean
  /** What the loading user may do. Without `perfmon` pointers must not leak, and what runs speculatively counts. */
  readonly capabilities?: { readonly perfmon?: boolean }
  /** BPF_F_TEST_STATE_FREQ: a state is kept wherever one may be. */
  readonly testStateFreq?: boolean
  /** BPF_F_TEST_REG_INVARIANTS: ranges that contradict each other refuse the program. */
  readonly testRegInvariants?: boolean
  readonly license: string
  /** Possible CPUs of the machine: bounds bpf_get_smp_processor_id(). */
  readonly cpus?: number
  readonly name?: string
  /** The map an instruction names by its file descriptor; undefined for none. */
  readonly map: (fd: number) => MapDescription | undefined
  readonly btf?: Btf | undefined
  readonly funcInfo?: readonly FuncInfo[]
  readonly lineInfo?: readonly LineInfo[]
  /** Whether the running kernel has a symbol of this name. Absent: all that its BTF names. */
  readonly hasSymbol?: (name: string) => boolean
  /** The running kernel's BTF: kfuncs, ksyms and tracing arguments. */
  readonly kernelBtf?: Btf | undefined
}

export interface VerifyOptions {
  /** 0 none, 1 the failing path, 2 everything, 4 statistics; bits. Default 1. */
  readonly logLevel?: number
  /** Instructions to look at before giving up. Default Linux's million. */
  readonly maxInsns?: number
  /**
   * Called with every state in which an instruction is looked at. The state is the verifier's own and changes: copy what is to
   * be kept (registers are replaced, never changed).
   */
  readonly onState?: (slot: number, state: State) => void
  /**
   * Follows every number, register and stack slot to the end, as if a later check asked for all of them: each state of a real
   * run then lies inside one of those `onState` was shown. Programs with loops of many turns become too complex.
   */
  readonly exhaustive?: boolean
  /** Translate the program too, as Linux does before it runs it. */
  readonly xlated?: boolean
}

export interface VerifyStats {
  readonly insnsProcessed: number
  readonly totalStates: number
  readonly peakStates: number
  readonly maxStatesPerInsn: number
}

export interface Diagnostic {
  /** Linux's last telling line. */
  readonly message: string
  readonly errno: ErrnoName
  /** Slot of the instruction. */
  readonly pc: number
  /** A rule of Linux that is not modelled yet, not a fault of the program. */
  readonly unsupported: boolean
  readonly source: { readonly file: string; readonly line: number; readonly text: string } | undefined
  /** The rule that was broken (docs/reference/verifier-rules.md); undefined where there is none. */
  readonly ruleId: string | undefined
  /** What usually is behind it and what helps. */
  readonly hint: string | undefined
  /** A check in C that satisfies the rule, where there is a typical one. */
  readonly check: string | undefined
}

export interface VerifyResult {
  readonly ok: boolean
  readonly errno: ErrnoName | undefined
  readonly log: string
  readonly diagnostics: readonly Diagnostic[]
  readonly stats: VerifyStats
  /** Of each function of an accepted program, in the order of its records. */
  readonly functions: readonly VerifiedFunction[]
  /** How often each instruction slot was processed: explainLog() tells the hottest lines from it. */
  readonly visits: Uint32Array
  /** The translated program, where it was asked for and the program is accepted. */
  readonly xlated?: Rewritten
}
