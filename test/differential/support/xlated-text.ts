// Translated programs as text that two kernels can agree on: without ids and addresses.
import { readFileSync } from 'node:fs'
import { decodeInsns, formatKernelInsn, type Insn, XLATED_NAMES } from '#src/isa/index.js'
import { helperById, kernelFunctionName } from '#src/spec/index.js'

const CALL = 0x85
const LD_IMM64 = 0x18
const TAIL_CALL = 12

let symbols: Map<bigint, string> | undefined
let base = 0n

/** Kernel functions by address; helpers are called by their distance from __bpf_call_base. */
function kernelSymbol(imm: number): string {
  if (symbols === undefined) {
    symbols = new Map()
    for (const line of readFileSync('/proc/kallsyms', 'utf8').split('\n')) {
      const [address = '', , name = ''] = line.split(/\s/)
      if (name === '') continue
      const at = BigInt(`0x${address}`)
      if (!symbols.has(at)) symbols.set(at, name)
      if (name === '__bpf_call_base') base = at
    }
  }
  return symbols.get(base + BigInt(imm)) ?? `?${imm}`
}

function operandText(insn: Insn): string {
  const { code, dst, src, imm, imm64, off } = insn
  if (code === CALL && src === 1) return `call pc${off >= 0 ? '+' : ''}${off}`
  // Where this CPU's number lies: an address.
  if (code === 0xb7 && dst === 0 && imm < -0x4000_0000) return '(b7) r0 = 0'
  if (code !== LD_IMM64) return formatKernelInsn(insn, XLATED_NAMES)
  const high = (imm64 ?? 0n) >> 32n
  if (src === 1) return `(18) r${dst} = map`
  if (src === 2) return `(18) r${dst} = map_value+${high}`
  if (src === 4) return `(18) r${dst} = subprog[${imm}]`
  return high >> 16n === 0xffffn ? `(18) r${dst} = address` : formatKernelInsn(insn, XLATED_NAMES)
}

export function linuxText(xlated: Uint8Array): string[] {
  return decodeInsns(xlated).map((insn) => {
    if (insn.code !== CALL || insn.src === 1) return operandText(insn)
    // Linux shows a tail call by its number.
    return `call ${insn.imm === TAIL_CALL ? 'bpf_tail_call' : kernelSymbol(insn.imm)}`
  })
}

export function ourText({ insns }: { readonly insns: Uint8Array }, kfunc: (id: number) => string): string[] {
  return decodeInsns(insns).map((insn) => {
    if (insn.code !== CALL || insn.src === 1) return operandText(insn)
    if (insn.src === 2) return `call ${kfunc(insn.imm)}`
    return `call ${kernelFunctionName(insn.imm) ?? `bpf_${helperById(insn.imm)?.name ?? insn.imm}`}`
  })
}
