import { decodeInsns, type Insn } from '../../isa/index.js'
import type { Callable, CallTable } from '../calls.js'
import type { Addr, ProgramImage } from '../types.js'
import { argumentHalves, decodeProgram } from './decode.js'
import { type InterpreterModule, RECORD, STATE } from './wasm-code.js'

const WORDS = RECORD.size / 4
const TAIL_CALL = 12

/** A call of a helper or kfunc, ready to be made. */
export interface HostCall {
  readonly run: Callable['run']
  /** Register halves to pass, as indexes of the registers' words. */
  readonly halves: readonly number[]
  readonly result: string
}

/** A program as records for the WebAssembly interpreter. */
export interface WasmProgram {
  readonly image: ProgramImage
  readonly records: Int32Array
  readonly calls: readonly HostCall[]
  /** Index of the record of an instruction slot, -1 inside an ld_imm64. */
  readonly indexes: Int32Array
  /** Instructions by slot that the host runs itself. */
  readonly rare: ReadonlyMap<number, Insn>
}

export interface EncodeOptions {
  readonly module: InterpreterModule
  /** Address of the interpreter's state, where registers are. */
  readonly state: Addr
  /** The program's number, for the host to find it from a record. */
  readonly number: number
  /** A record that calls the host before every instruction. */
  readonly hooks: boolean
}

/** Writes a program's records. Throws what `decodeProgram` throws. */
export function encodeProgram(image: ProgramImage, table: CallTable, options: EncodeOptions): WasmProgram {
  decodeProgram(image, table)
  const insns = decodeInsns(image.insns)
  const { module, hooks } = options
  const each = hooks ? 2 : 1
  const indexes = new Int32Array(image.insns.length / 8).fill(-1)
  insns.forEach((insn, i) => {
    indexes[insn.pc] = i * each
  })
  const calls: HostCall[] = []
  const rare = new Map<number, Insn>()
  const records = new Int32Array((insns.length * each + 1) * WORDS)
  const write = (index: number, arm: number, slot: number): number => {
    const at = index * WORDS
    records[at] = arm
    records[at + RECORD.slot / 4] = slot
    records[at + RECORD.program / 4] = options.number
    return at
  }
  insns.forEach((insn, i) => {
    let index = i * each
    if (hooks) write(index++, module.special.hook, insn.pc)
    const at = write(index, armOf(insn, image, module), insn.pc)
    records[at + RECORD.dst / 4] = options.state + STATE.registers + insn.dst * 8
    records[at + RECORD.src / 4] = options.state + STATE.registers + insn.src * 8
    const target = targetOf(insn)
    records[at + RECORD.off / 4] =
      target === undefined ? insn.off : ((indexes[target] as number) - index - 1) * RECORD.size
    const imm = at + RECORD.imm / 4
    records[imm] = insn.imm
    records[imm + 1] = insn.imm >> 31
    if (insn.op?.kind === 'ld_imm64') {
      const value = image.refs.get(insn.pc) ?? (insn.imm64 as bigint)
      records[imm] = Number(BigInt.asIntN(32, value))
      records[imm + 1] = Number(BigInt.asIntN(32, value >> 32n))
    } else if (records[at] === module.special.rare) rare.set(insn.pc, insn)
    else if (insn.op?.kind === 'call' && insn.op.op !== 'subprog' && records[at] !== module.special.tailCall) {
      const { args, run, result } =
        insn.op.op === 'kfunc' ? table.kfunc(image, insn.pc, insn.imm) : table.helper(image, insn.pc, insn.imm)
      records[imm] = calls.push({ run, halves: argumentHalves(args).map((half) => half - 2), result }) - 1
    }
  })
  write(insns.length * each, module.special.runsOff, indexes.length)
  return { image, records, calls, indexes, rare }
}

function armOf({ op, imm, pc }: Insn, image: ProgramImage, { arms, special }: InterpreterModule): number {
  if (op === undefined) throw new TypeError('an instruction that the decoder let through')
  if (op.kind === 'addr_space_cast' || image.probeLoads?.has(pc) === true) return special.rare
  if (op.kind === 'call' && op.op === 'helper' && imm === TAIL_CALL) return special.tailCall
  return arms.get(op.name) as number
}

function targetOf(insn: Insn): number | undefined {
  switch (insn.op?.kind) {
    case 'ja':
      return insn.pc + 1 + (insn.op.imm === 'jump' ? insn.imm : insn.off)
    case 'cond':
    case 'may_goto':
      return insn.pc + 1 + insn.off
    case 'call':
      return insn.op.op === 'subprog' ? insn.pc + 1 + insn.imm : undefined
    default:
      return undefined
  }
}
