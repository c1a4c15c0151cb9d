import { UsageError } from '../base/index.js'
import { helperByName } from '../spec/index.js'
import { encodeInsns, type InsnFields, insnFields, insnSlots } from './insn.js'
import type { OpName } from './opcodes.js'

type AluOp =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'sdiv'
  | 'or'
  | 'and'
  | 'lsh'
  | 'rsh'
  | 'mod'
  | 'smod'
  | 'xor'
  | 'mov'
  | 'arsh'
type CondOp = 'jeq' | 'jgt' | 'jge' | 'jset' | 'jne' | 'jsgt' | 'jsge' | 'jlt' | 'jle' | 'jslt' | 'jsle'
type Bits = 8 | 16 | 32 | 64

/** Fields of an emitted instruction; `to` is a label its jump goes to. */
export interface EmitFields extends Omit<InsnFields, 'code'> {
  readonly to?: string
}

/** Puts programs together in code; every method but `build` and `slots` returns the builder. */
export interface ProgramBuilder {
  /** Slots emitted so far: the slot of the next instruction. */
  readonly slots: number
  /** Any row of the opcode table. */
  emit(name: OpName, fields?: EmitFields): ProgramBuilder
  /** Names the place of the next instruction. */
  label(name: string): ProgramBuilder
  mov64Imm(dst: number, imm: number): ProgramBuilder
  mov64Reg(dst: number, src: number): ProgramBuilder
  mov32Imm(dst: number, imm: number): ProgramBuilder
  mov32Reg(dst: number, src: number): ProgramBuilder
  alu64Imm(op: AluOp, dst: number, imm: number): ProgramBuilder
  alu64Reg(op: AluOp, dst: number, src: number): ProgramBuilder
  alu32Imm(op: AluOp, dst: number, imm: number): ProgramBuilder
  alu32Reg(op: AluOp, dst: number, src: number): ProgramBuilder
  ldImm64(dst: number, value: bigint): ProgramBuilder
  ldMapFd(dst: number, fd: number): ProgramBuilder
  /** Address of a byte in the value of a map of one element. */
  ldMapValue(dst: number, fd: number, offset: number): ProgramBuilder
  /** Address of a subprogram, for helpers that call back. */
  ldFunc(dst: number, label: string): ProgramBuilder
  /** `dst = *(uN *)(base + off)` */
  ldx(bits: Bits, dst: number, base: number, off: number): ProgramBuilder
  /** `*(uN *)(base + off) = src` */
  stx(bits: Bits, base: number, off: number, src: number): ProgramBuilder
  /** `*(uN *)(base + off) = imm` */
  st(bits: Bits, base: number, off: number, imm: number): ProgramBuilder
  jump(label: string): ProgramBuilder
  jumpImm(op: CondOp, dst: number, imm: number, label: string): ProgramBuilder
  jumpReg(op: CondOp, dst: number, src: number, label: string): ProgramBuilder
  /** A helper by id or name (`map_lookup_elem`, with or without `bpf_`). */
  call(helper: number | string): ProgramBuilder
  callSubprog(label: string): ProgramBuilder
  exit(): ProgramBuilder
  /** The little-endian stream. Throws UsageError for a label that is missing or out of reach, or a field out of range. */
  build(): Uint8Array
}

export function programBuilder(): ProgramBuilder {
  const insns: {
    readonly pc: number
    readonly fields: InsnFields
    readonly to: string | undefined
    readonly name: OpName
  }[] = []
  const labels = new Map<string, number>()
  let slots = 0

  const resolved = ({ pc, fields, to, name }: (typeof insns)[number]): InsnFields => {
    if (to === undefined) return fields
    const target = labels.get(to)
    if (target === undefined) throw new UsageError(`label '${to}' is used and never placed`)
    const distance = target - pc - 1
    if (name === 'ld_func') return { ...fields, imm64: BigInt.asUintN(32, BigInt(distance)) }
    return name === 'gotol' || name === 'call_pc' ? { ...fields, imm: distance } : { ...fields, off: distance }
  }

  const builder: ProgramBuilder = {
    get slots() {
      return slots
    },
    emit(name, { to, ...fields } = {}) {
      const insn = insnFields(name, fields)
      insns.push({ pc: slots, fields: insn, to, name })
      slots += insnSlots(insn)
      return builder
    },
    label(name) {
      if (labels.has(name)) throw new UsageError(`label '${name}' is placed twice`)
      labels.set(name, slots)
      return builder
    },
    mov64Imm: (dst, imm) => builder.emit('mov64_imm', { dst, imm }),
    mov64Reg: (dst, src) => builder.emit('mov64_reg', { dst, src }),
    mov32Imm: (dst, imm) => builder.emit('mov32_imm', { dst, imm }),
    mov32Reg: (dst, src) => builder.emit('mov32_reg', { dst, src }),
    alu64Imm: (op, dst, imm) => builder.emit(`${op}64_imm`, { dst, imm }),
    alu64Reg: (op, dst, src) => builder.emit(`${op}64_reg`, { dst, src }),
    alu32Imm: (op, dst, imm) => builder.emit(`${op}32_imm`, { dst, imm }),
    alu32Reg: (op, dst, src) => builder.emit(`${op}32_reg`, { dst, src }),
    ldImm64: (dst, value) => builder.emit('ld_imm64', { dst, imm64: value }),
    ldMapFd: (dst, fd) => builder.emit('ld_map_fd', { dst, imm64: BigInt(fd) }),
    ldMapValue: (dst, fd, offset) => builder.emit('ld_map_value', { dst, imm64: (BigInt(offset) << 32n) | BigInt(fd) }),
    ldFunc: (dst, label) => builder.emit('ld_func', { dst, to: label }),
    ldx: (bits, dst, base, off) => builder.emit(`ldx${bits}`, { dst, src: base, off }),
    stx: (bits, base, off, src) => builder.emit(`stx${bits}`, { dst: base, src, off }),
    st: (bits, base, off, imm) => builder.emit(`st${bits}`, { dst: base, off, imm }),
    jump: (label) => builder.emit('goto', { to: label }),
    jumpImm: (op, dst, imm, label) => builder.emit(`${op}64_imm`, { dst, imm, to: label }),
    jumpReg: (op, dst, src, label) => builder.emit(`${op}64_reg`, { dst, src, to: label }),
    call(helper) {
      const id = typeof helper === 'number' ? helper : helperByName(helper.replace(/^bpf_/, ''))?.id
      if (id === undefined) throw new UsageError(`there is no helper '${helper}'`)
      return builder.emit('call', { imm: id })
    },
    callSubprog: (label) => builder.emit('call_pc', { to: label }),
    exit: () => builder.emit('exit'),
    build: () => encodeInsns(insns.map(resolved)),
  }
  return builder
}
