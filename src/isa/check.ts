import { checkFlow, checkSubprogs, findSubprogs, type ResolvePseudo, type Slots } from './check-flow.js'
import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, BPF_PSEUDO_KFUNC_CALL, INSN_BYTES, MAX_BPF_REG } from './constants.js'
import { decodeInsnAt, type Insn } from './insn.js'
import { opsOfCode } from './opcodes.js'
import { type InsnProblem, problem } from './problem.js'
import { getCode, getDst, getImm, getOff, getSrc } from './slots.js'

export interface CheckOptions {
  /** Most slots a program may have. Default 1,000,000, Linux's limit for a capable user (4096 for others). */
  readonly maxInsns?: number
  /**
   * Looks up what an instruction names, where Linux does so: kfuncs before the jumps are checked; maps and BTF ids of
   * ld_imm64 among the opcodes, before reachability. An answer is reported as the rule 'resolve'. Default: everything
   * exists.
   */
  readonly resolvePseudo?: ResolvePseudo
  /** First slots of subprograms that no instruction names: an exception callback. */
  readonly entries?: readonly number[]
  /**
   * What Linux does in between: called with the subprograms' first slots once they are found (`found`) and once their jumps
   * are right (`laidOut`), and when every opcode is known (`decoded`). May throw.
   */
  readonly stages?: {
    found?(starts: readonly number[]): void
    laidOut?(starts: readonly number[]): void
    decoded?(): void
  }
}

/**
 * The first thing Linux would refuse in a stream without knowing maps, BTF, program type or register values:
 * undefined when there is none. The checks come in bpf_check()'s order, so that the message is the one Linux logs.
 *
 * Linux judges fields and registers (rules from 'reserved-field' on) only in instructions its verifier visits;
 * here every instruction is judged. A verifier uses checkInsnStream() and calls checkInsnFields() as it visits.
 */
export function checkInsns(bytes: Uint8Array, options: CheckOptions = {}): InsnProblem | undefined {
  const problem = checkInsnStream(bytes, options)
  if (problem !== undefined) return problem
  for (let pc = 0; pc < bytes.length / INSN_BYTES; pc++) {
    const insn = decodeInsnAt(bytes, pc)
    const wrong = checkInsnFields(insn)
    if (wrong !== undefined) return wrong
    if (insn.imm64 !== undefined) pc++
  }
  return undefined
}

/** The checks Linux makes on the stream as a whole before it walks it: size, subprograms, jumps, opcodes, reachability. */
export function checkInsnStream(
  bytes: Uint8Array,
  { maxInsns = 1_000_000, resolvePseudo, entries = [], stages }: CheckOptions = {},
): InsnProblem | undefined {
  if (bytes.length === 0) return problem('size', 0, 'the program has no instructions', 'E2BIG')
  if (bytes.length % INSN_BYTES !== 0) {
    return problem('size', 0, `the stream's length ${bytes.length} is no multiple of ${INSN_BYTES}`, 'EINVAL')
  }
  const count = bytes.length / INSN_BYTES
  if (count > maxInsns) {
    return problem('size', 0, `the program has ${count} instructions, the limit is ${maxInsns}`, 'E2BIG')
  }
  const slots: Slots = {
    count,
    code: (slot) => getCode(bytes, slot),
    src: (slot) => getSrc(bytes, slot),
    off: (slot) => getOff(bytes, slot),
    imm: (slot) => getImm(bytes, slot),
  }
  const subprogs = findSubprogs(slots, resolvePseudo, entries)
  if (!Array.isArray(subprogs)) return subprogs
  stages?.found?.(subprogs)
  const misplaced = checkSubprogs(slots, subprogs)
  if (misplaced !== undefined) return misplaced
  stages?.laidOut?.(subprogs)
  const unknown = checkOpcodes(bytes, slots, resolvePseudo)
  if (unknown !== undefined) return unknown
  stages?.decoded?.()
  return checkFlow(slots, entries)
}

/** Linux's resolve_pseudo_ldimm64(). */
function checkOpcodes(
  bytes: Uint8Array,
  slots: Slots,
  resolvePseudo: CheckOptions['resolvePseudo'],
): InsnProblem | undefined {
  for (let pc = 0; pc < slots.count; pc++) {
    const code = slots.code(pc)
    if ((code & 7) === 1 && (((code & 0xe0) !== 0x60 && (code & 0xe0) !== 0x80) || slots.imm(pc) !== 0)) {
      return problem('reserved-field', pc, 'BPF_LDX uses reserved fields')
    }
    if (code !== 0x18) {
      if (!isLinuxOpcode(code)) return problem('opcode', pc, `unknown opcode ${code.toString(16).padStart(2, '0')}`)
      continue
    }
    const next = pc + 1
    if (
      next >= slots.count ||
      getCode(bytes, next) !== 0 ||
      getDst(bytes, next) !== 0 ||
      getSrc(bytes, next) !== 0 ||
      getOff(bytes, next) !== 0
    ) {
      return problem('ld-imm64', pc, 'invalid bpf_ld_imm64 insn')
    }
    const src = slots.src(pc)
    // A map's fd or index has no second half.
    if (src > 6 || ((src === 1 || src === 5) && slots.imm(next) !== 0)) {
      return problem('ld-imm64', pc, 'unrecognized bpf_ld_imm64 insn')
    }
    const unknown = src === 0 || src === BPF_PSEUDO_FUNC ? undefined : resolvePseudo?.(pc)
    if (unknown !== undefined) return problem('resolve', pc, unknown.message, unknown.errno)
    pc++
  }
  return undefined
}

const LINUX_OPCODE: readonly boolean[] = Array.from({ length: 256 }, (_, code) =>
  opsOfCode(code).some((op) => op.only === undefined),
)

/** Whether Linux 6.18 accepts this opcode byte at all. */
export function isLinuxOpcode(code: number): boolean {
  return LINUX_OPCODE[code] === true
}

/** What Linux's do_check() refuses in one instruction of a known opcode: reserved fields, registers, constant operands. */
export function checkInsnFields(insn: Insn): InsnProblem | undefined {
  const { pc, dst, op } = insn
  // Linux reads a comparison's left side before it looks at the other fields.
  if (op?.kind === 'cond' && dst >= MAX_BPF_REG) return problem('register', pc, `R${dst} is invalid`)
  return checkReservedFields(insn) ?? registerNumbers(insn) ?? constants(insn) ?? frameWrite(insn)
}

/** The part of checkInsnFields() that is about fields which must hold a fixed value, and about atomic operations. */
export function checkReservedFields(insn: Insn): InsnProblem | undefined {
  const { pc, code, dst, src, off, imm, op } = insn
  const family = opsOfCode(code)[0]
  if (family === undefined || !isLinuxOpcode(code)) {
    return problem('opcode', pc, `unknown opcode ${code.toString(16).padStart(2, '0')}`)
  }
  // A field whose row says nothing of it must be zero; 0 also stands for what the choice of row has fixed already.
  const clean =
    op !== undefined &&
    op.only === undefined &&
    (op.dst !== undefined || dst === 0) &&
    (op.src !== undefined || src === 0) &&
    (op.off !== undefined || off === 0) &&
    (op.imm !== undefined || imm === 0)
  switch (family.kind) {
    case 'alu':
    case 'addr_space_cast':
    case 'percpu_mov':
      if (op?.kind === 'addr_space_cast') {
        if (imm === 1 || imm === 0x10000) return undefined
        const message = 'addr_space_cast insn can only convert between address space 1 and 0'
        return problem('reserved-field', pc, message)
      }
      if (clean) return undefined
      return reserved(pc, family.op === 'mov' ? 'BPF_MOV' : family.op === 'neg' ? 'BPF_NEG' : 'BPF_ALU')
    case 'endian':
      return clean ? undefined : reserved(pc, 'BPF_END')
    case 'ld_imm64':
      return off === 0 ? undefined : reserved(pc, 'BPF_LD_IMM64')
    case 'ld_abs':
    case 'ld_ind':
      return clean ? undefined : reserved(pc, 'BPF_LD_[ABS|IND]')
    case 'ldx':
      return clean ? undefined : reserved(pc, 'BPF_LDX')
    case 'st':
      return clean ? undefined : reserved(pc, 'BPF_ST')
    case 'stx':
      return clean ? undefined : reserved(pc, 'BPF_STX')
    case 'atomic':
    case 'load_acquire':
    case 'store_release': {
      if (op !== undefined) return undefined
      if (opsOfCode(0xc3).every((row) => row.imm !== imm && !(row.imm === undefined && imm === 0))) {
        const opcode = (imm >>> 0).toString(16).padStart(2, '0')
        return problem('atomic', pc, `BPF_ATOMIC uses invalid atomic opcode ${opcode}`)
      }
      return problem('atomic', pc, 'invalid atomic operand size')
    }
    case 'ja':
      return clean ? undefined : reserved(pc, 'BPF_JA')
    case 'may_goto':
      return clean ? undefined : problem('reserved-field', pc, `invalid may_goto imm ${imm}`)
    case 'cond':
      return clean ? undefined : reserved(pc, 'BPF_JMP/JMP32')
    case 'call': {
      const known = src === 0 || src === BPF_PSEUDO_CALL || src === BPF_PSEUDO_KFUNC_CALL
      const noOff = off === 0 || src === BPF_PSEUDO_KFUNC_CALL
      return known && noOff && dst === 0 ? undefined : reserved(pc, 'BPF_CALL')
    }
    case 'exit':
      // Linux leaves off alone here.
      return dst === 0 && src === 0 && imm === 0 ? undefined : reserved(pc, 'BPF_EXIT')
    case 'nospec':
    case 'gotox':
    case 'callx':
      return undefined
  }
}

function registerNumbers({ pc, dst, src, op }: Insn): InsnProblem | undefined {
  if (typeof op?.src === 'string' && src >= MAX_BPF_REG) return problem('register', pc, `R${src} is invalid`)
  if (op?.dst !== undefined && dst >= MAX_BPF_REG) return problem('register', pc, `R${dst} is invalid`)
  return undefined
}

function frameWrite({ pc, dst, src, op }: Insn): InsnProblem | undefined {
  const written = op?.dst === 'w' || op?.dst === 'rw' ? dst : op?.src === 'rw' ? src : undefined
  return written === 10 ? problem('frame-pointer-write', pc, 'frame pointer is read only', 'EACCES') : undefined
}

function constants({ pc, imm, op }: Insn): InsnProblem | undefined {
  if (op?.kind !== 'alu' || op.operand !== 'imm') return undefined
  switch (op.op) {
    case 'div':
    case 'sdiv':
    case 'mod':
    case 'smod':
      return imm === 0 ? problem('division-by-zero', pc, 'div by zero') : undefined
    case 'lsh':
    case 'rsh':
    case 'arsh':
      return imm < 0 || imm >= (op.bits ?? 64) ? problem('shift-range', pc, `invalid shift ${imm}`) : undefined
    default:
      return undefined
  }
}

function reserved(pc: number, what: string): InsnProblem {
  return problem('reserved-field', pc, `${what} uses reserved fields`)
}
