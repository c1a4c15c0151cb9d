// skep/isa: what it exports. Written by scripts/gen/api.mjs: a change here is a change of the public API.

export declare const ALU_OPERATORS: Readonly<Record<string, string>>;

export interface AsmSymbol {
    readonly value: bigint;
    readonly src?: number;
    readonly off?: number;
}

export interface AssembleOptions extends ByteOrder {
    readonly resolveHelper?: (name: string) => number | undefined;
    readonly resolveSymbol?: (name: string) => AsmSymbol | undefined;
}

export declare const BPF_ABS = 32;

export declare const BPF_ADD = 0;

export declare const BPF_ADDR_PERCPU = -1;

export declare const BPF_ADDR_SPACE_CAST = 1;

export declare const BPF_ALU = 4;

export declare const BPF_ALU64 = 7;

export declare const BPF_AND = 80;

export declare const BPF_ARSH = 192;

export declare const BPF_ATOMIC = 192;

export declare const BPF_B = 16;

export declare const BPF_CALL = 128;

export declare const BPF_CMPXCHG: number;

export declare const BPF_DIV = 48;

export declare const BPF_DW = 24;

export declare const BPF_END = 208;

export declare const BPF_EXIT = 144;

export declare const BPF_FETCH = 1;

export declare const BPF_H = 8;

export declare const BPF_IMM = 0;

export declare const BPF_IND = 64;

export declare const BPF_JA = 0;

export declare const BPF_JCOND = 224;

export declare const BPF_JEQ = 16;

export declare const BPF_JGE = 48;

export declare const BPF_JGT = 32;

export declare const BPF_JLE = 176;

export declare const BPF_JLT = 160;

export declare const BPF_JMP = 5;

export declare const BPF_JMP32 = 6;

export declare const BPF_JNE = 80;

export declare const BPF_JSET = 64;

export declare const BPF_JSGE = 112;

export declare const BPF_JSGT = 96;

export declare const BPF_JSLE = 208;

export declare const BPF_JSLT = 192;

export declare const BPF_K = 0;

export declare const BPF_LD = 0;

export declare const BPF_LDX = 1;

export declare const BPF_LOAD_ACQ = 256;

export declare const BPF_LSH = 96;

export declare const BPF_MAXINSNS = 4096;

export declare const BPF_MAY_GOTO = 0;

export declare const BPF_MEM = 96;

export declare const BPF_MEMSX = 128;

export declare const BPF_MOD = 144;

export declare const BPF_MOV = 176;

export declare const BPF_MUL = 32;

export declare const BPF_NEG = 128;

export declare const BPF_NOSPEC = 192;

export declare const BPF_OR = 64;

export declare const BPF_PSEUDO_BTF_ID = 3;

export declare const BPF_PSEUDO_CALL = 1;

export declare const BPF_PSEUDO_FUNC = 4;

export declare const BPF_PSEUDO_KFUNC_CALL = 2;

export declare const BPF_PSEUDO_MAP_FD = 1;

export declare const BPF_PSEUDO_MAP_IDX = 5;

export declare const BPF_PSEUDO_MAP_IDX_VALUE = 6;

export declare const BPF_PSEUDO_MAP_VALUE = 2;

export declare const BPF_REG_0 = 0;

export declare const BPF_REG_1 = 1;

export declare const BPF_REG_10 = 10;

export declare const BPF_REG_2 = 2;

export declare const BPF_REG_3 = 3;

export declare const BPF_REG_4 = 4;

export declare const BPF_REG_5 = 5;

export declare const BPF_REG_6 = 6;

export declare const BPF_REG_7 = 7;

export declare const BPF_REG_8 = 8;

export declare const BPF_REG_9 = 9;

export declare const BPF_RSH = 112;

export declare const BPF_ST = 2;

export declare const BPF_STORE_REL = 272;

export declare const BPF_STX = 3;

export declare const BPF_SUB = 16;

export declare const BPF_TO_BE = 8;

export declare const BPF_TO_LE = 0;

export declare const BPF_W = 0;

export declare const BPF_X = 8;

export declare const BPF_XADD = 192;

export declare const BPF_XCHG: number;

export declare const BPF_XOR = 160;

export interface ByteOrder {
    readonly bigEndian?: boolean;
}

export declare const COND_OPERATORS: Readonly<Record<string, string>>;

export interface CheckOptions {
    readonly maxInsns?: number;
    readonly resolvePseudo?: ResolvePseudo;
    readonly entries?: readonly number[];
    readonly stages?: {
        found?(starts: readonly number[]): void;
        laidOut?(starts: readonly number[]): void;
        decoded?(): void;
    };
}

export type ConstantMemory = (offset: number, size: number) => bigint | undefined;

export interface DisassembleOptions extends ByteOrder {
    readonly dialect?: 'kernel' | 'llvm';
    readonly names?: InsnNames;
    readonly source?: (pc: number) => SourceLine | undefined;
    readonly alu32?: boolean;
    readonly decimal?: boolean;
    readonly rawBytes?: boolean;
    readonly target?: (pc: number) => string | undefined;
}

export interface EmitFields extends Omit<InsnFields, 'code'> {
    readonly to?: string;
}

export declare const GENERATED_INPUT_BYTES = 64;

export declare const GENERATED_RESULT_BYTES = 128;

export interface GenerateOptions {
    readonly seed: number;
    readonly length?: number;
    readonly input?: 'socket_filter' | 'xdp' | 'memory' | 'none';
    readonly cpu?: 1 | 2 | 3 | 4;
    readonly subprogs?: number;
    readonly resultMap?: number;
    readonly without?: readonly OpKind[];
}

export declare const INSN_BYTES = 8;

export interface Insn {
    readonly code: number;
    readonly dst: number;
    readonly src: number;
    readonly off: number;
    readonly imm: number;
    readonly imm64: bigint | undefined;
    readonly pc: number;
    readonly op: Op | undefined;
}

export interface InsnFields {
    readonly code: number;
    readonly dst?: number;
    readonly src?: number;
    readonly off?: number;
    readonly imm?: number;
    readonly imm64?: bigint | undefined;
}

export interface InsnNames {
    readonly call?: (insn: NamedInsn) => string | undefined;
    readonly imm64?: (insn: NamedInsn) => string | undefined;
    readonly distance?: (insn: NamedInsn) => number;
}

export interface InsnProblem {
    readonly rule: InsnRule;
    readonly pc: number;
    readonly message: string;
    readonly errno: ErrnoName;
}

export type InsnRule = 'size' | 'call-target' | 'jump-range' | 'last-insn' | 'opcode' | 'ld-imm64' | 'resolve' | 'unreachable' | 'jump-middle' | 'reserved-field' | 'register' | 'frame-pointer-write' | 'atomic' | 'division-by-zero' | 'shift-range';

export interface LlvmFormat {
    readonly alu32?: boolean;
    readonly decimal?: boolean;
    readonly target?: (pc: number) => string | undefined;
    readonly names?: InsnNames;
}

export declare const MAX_BPF_REG = 11;

export declare const MAX_BPF_STACK = 512;

export interface NamedInsn {
    readonly pc: number;
    readonly code: number;
    readonly src: number;
    readonly off: number;
    readonly imm: number;
    readonly imm64: bigint | undefined;
    readonly op: {
        readonly name: OpName;
        readonly kind: OpKind;
        readonly op?: string;
    } | undefined;
}

export declare const OP: Readonly<Record<OpName, Op>>;

export declare const OPCODES: { /* a table of 1760 lines */ };

export declare const OPS: readonly Op[];

export interface Op extends OpRow {
    readonly name: OpName;
    readonly id: number;
}

export type OpKind = 'alu' | 'endian' | 'addr_space_cast' | 'percpu_mov' | 'ld_imm64' | 'ld_abs' | 'ld_ind' | 'ldx' | 'st' | 'stx' | 'nospec' | 'atomic' | 'load_acquire' | 'store_release' | 'ja' | 'may_goto' | 'gotox' | 'cond' | 'call' | 'callx' | 'exit';

export type OpName = keyof typeof OPCODES;

export interface OpRow {
    readonly code: number;
    readonly kind: OpKind;
    readonly op?: string;
    readonly bits?: 8 | 16 | 32 | 64;
    readonly operand?: 'imm' | 'reg' | 'none';
    readonly fromBits?: 8 | 16 | 32;
    readonly signed?: true;
    readonly fetch?: true;
    readonly dst?: 'r' | 'w' | 'rw';
    readonly src?: 'r' | 'rw' | number;
    readonly off?: 'mem' | 'jump' | 'btf_fd' | number;
    readonly imm?: 'value' | 'jump' | 'id' | 'spaces' | number;
    readonly cpu?: 2 | 3 | 4;
    readonly only?: 'xlated' | 'llvm';
}

export interface ProgramBuilder {
    readonly slots: number;
    emit(name: OpName, fields?: EmitFields): ProgramBuilder;
    label(name: string): ProgramBuilder;
    mov64Imm(dst: number, imm: number): ProgramBuilder;
    mov64Reg(dst: number, src: number): ProgramBuilder;
    mov32Imm(dst: number, imm: number): ProgramBuilder;
    mov32Reg(dst: number, src: number): ProgramBuilder;
    alu64Imm(op: AluOp, dst: number, imm: number): ProgramBuilder;
    alu64Reg(op: AluOp, dst: number, src: number): ProgramBuilder;
    alu32Imm(op: AluOp, dst: number, imm: number): ProgramBuilder;
    alu32Reg(op: AluOp, dst: number, src: number): ProgramBuilder;
    ldImm64(dst: number, value: bigint): ProgramBuilder;
    ldMapFd(dst: number, fd: number): ProgramBuilder;
    ldMapValue(dst: number, fd: number, offset: number): ProgramBuilder;
    ldFunc(dst: number, label: string): ProgramBuilder;
    ldx(bits: Bits, dst: number, base: number, off: number): ProgramBuilder;
    stx(bits: Bits, base: number, off: number, src: number): ProgramBuilder;
    st(bits: Bits, base: number, off: number, imm: number): ProgramBuilder;
    jump(label: string): ProgramBuilder;
    jumpImm(op: CondOp, dst: number, imm: number, label: string): ProgramBuilder;
    jumpReg(op: CondOp, dst: number, src: number, label: string): ProgramBuilder;
    call(helper: number | string): ProgramBuilder;
    callSubprog(label: string): ProgramBuilder;
    exit(): ProgramBuilder;
    build(): Uint8Array;
}

export interface Random {
    below(limit: number): number;
    pick<T>(list: readonly T[]): T;
    oneIn(n: number): boolean;
    s32(): number;
    u64(): bigint;
}

export interface ReachableOptions {
    readonly memory?: (slot: number) => ConstantMemory | undefined;
    readonly entries?: readonly number[];
}

export type Selector = 'src' | 'off' | 'imm' | undefined;

export interface SourceLine {
    readonly file?: string;
    readonly line?: number;
    readonly text: string;
}

export declare const XLATED_NAMES: InsnNames;

export declare function assemble(text: string, options?: AssembleOptions): Uint8Array;

export declare function checkInsnFields(insn: Insn): InsnProblem | undefined;

export declare function checkInsnStream(bytes: Uint8Array, { maxInsns, resolvePseudo, entries, stages }?: CheckOptions): InsnProblem | undefined;

export declare function checkInsns(bytes: Uint8Array, options?: CheckOptions): InsnProblem | undefined;

export declare function checkReservedFields(insn: Insn): InsnProblem | undefined;

export declare function decodeInsnAt(bytes: Uint8Array, pc: number, options?: ByteOrder): Insn;

export declare function decodeInsns(bytes: Uint8Array, options?: ByteOrder): Insn[];

export declare function disassemble(bytes: Uint8Array, options?: DisassembleOptions): string;

export declare function encodeInsns(insns: Iterable<InsnFields>, options?: ByteOrder): Uint8Array;

export declare function formatKernelInsn(insn: Insn, names?: InsnNames): string;

export declare function formatLlvmInsn(insn: Insn, format?: LlvmFormat): string;

export declare function generateProgram(options: GenerateOptions): Uint8Array;

export declare function getCode(insns: Uint8Array, slot: number): number;

export declare function getDst(insns: Uint8Array, slot: number): number;

export declare function getImm(insns: Uint8Array, slot: number): number;

export declare function getImm64(insns: Uint8Array, slot: number): bigint;

export declare function getOff(insns: Uint8Array, slot: number): number;

export declare function getSrc(insns: Uint8Array, slot: number): number;

export declare function insnFields(name: OpName, fields?: Omit<InsnFields, 'code'>): InsnFields;

export declare function insnSlots(insn: Pick<Insn, 'code'>): number;

export declare function isLinuxOpcode(code: number): boolean;

export declare function lookupOp(code: number, src: number, off: number, imm: number): Op | undefined;

export declare function opsOfCode(code: number): readonly Op[];

export declare function programBuilder(): ProgramBuilder;

export declare function randomInsn(op: Op, random: Random): InsnFields;

export declare function randomInsns(seed: number, count: number): Uint8Array;

export declare function reachableInsns(insns: Uint8Array, options?: ReachableOptions): Uint8Array;

export declare function seededRandom(seed: number): Random;

export declare function selectorOfCode(code: number): Selector;

export declare function setCode(insns: Uint8Array, slot: number, code: number): void;

export declare function setDst(insns: Uint8Array, slot: number, dst: number): void;

export declare function setImm(insns: Uint8Array, slot: number, imm: number): void;

export declare function setImm64(insns: Uint8Array, slot: number, value: bigint): void;

export declare function setOff(insns: Uint8Array, slot: number, off: number): void;

export declare function setSrc(insns: Uint8Array, slot: number, src: number): void;

export declare function slotCount(insns: Uint8Array): number;

export declare function swapByteOrder(insns: Uint8Array): Uint8Array;

// Named above, exported by other entries: ErrnoName (skep/kernel)

// Named above, exported by none: AluOp (isa/builder), Bits (isa/builder), CondOp (isa/builder)
//   ResolvePseudo (isa/check-flow)
