import type { Insn, Op } from '../../isa/index.js'
import type { PlainName } from '../wasm/opcodes.js'
import { type FunctionContext, get32, get64, imm32, imm64 } from './emitter.js'

const COMPARE: Partial<Record<string, string>> = {
  jeq: 'eq',
  jne: 'ne',
  jgt: 'gt_u',
  jge: 'ge_u',
  jlt: 'lt_u',
  jle: 'le_u',
  jsgt: 'gt_s',
  jsge: 'ge_s',
  jslt: 'lt_s',
  jsle: 'le_s',
}

/** Pushes non-zero where the jump is taken (`negate`: where it is not). */
export function emitCondition(f: FunctionContext, insn: Insn, op: Op, negate: boolean): void {
  const { code } = f
  if (op.kind === 'may_goto') {
    code
      .get(f.loops)
      .i32(1)
      .op('i32.sub')
      .tee(f.loops)
      .i32(0)
      .op(negate ? 'i32.ge_s' : 'i32.lt_s')
    return
  }
  const wide = op.bits === 64
  const type = wide ? 'i64' : 'i32'
  if (wide) get64(f, insn.dst)
  else get32(f, insn.dst)
  const zero = op.operand === 'imm' && insn.imm === 0
  if (zero && (op.op === 'jeq' || op.op === 'jne')) {
    code.op(`${type}.eqz`)
    if ((op.op === 'jne') !== negate) code.op('i32.eqz')
    return
  }
  if (op.operand === 'imm') wide ? imm64(f, insn.imm) : imm32(f, insn.imm)
  else wide ? get64(f, insn.src) : get32(f, insn.src)
  if (op.op === 'jset') {
    code.op(`${type}.and`)
    if (wide) code.i64(0).op('i64.ne')
    if (negate) code.op('i32.eqz')
    return
  }
  code.op(`${type}.${COMPARE[op.op ?? '']}` as PlainName)
  if (negate) code.op('i32.eqz')
}
