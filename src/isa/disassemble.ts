import { toHex } from '../base/index.js'
import { INSN_BYTES } from './constants.js'
import { formatKernelInsn } from './format-kernel.js'
import { formatLlvmInsn } from './format-llvm.js'
import { type ByteOrder, decodeInsns, type Insn, insnSlots } from './insn.js'
import type { InsnNames } from './operators.js'

/** A line of source an instruction came from. */
export interface SourceLine {
  readonly file?: string
  readonly line?: number
  readonly text: string
}

export interface DisassembleOptions extends ByteOrder {
  /** `kernel` (default): the verifier log's and bpftool's text; `llvm`: llvm-objdump's. */
  readonly dialect?: 'kernel' | 'llvm'
  readonly names?: InsnNames
  /** Source of the instruction at a slot; printed above it where it differs from the line before. */
  readonly source?: (pc: number) => SourceLine | undefined
  /** llvm: 32-bit subregisters for narrow loads and stores, as `--mcpu=v3` and later. Default false. */
  readonly alu32?: boolean
  /** llvm: decimal numbers instead of hexadecimal. Default false. */
  readonly decimal?: boolean
  /** llvm: the bytes of each instruction before its text, as `-d` does. Default true. */
  readonly rawBytes?: boolean
  /** llvm: what a jump's target slot is called: `prog+0x90`. */
  readonly target?: (pc: number) => string | undefined
}

/**
 * Text of an instruction stream, one line per instruction, each ended by a newline.
 * kernel: `3: (b7) r0 = 0`, source as `; text @ file:line`; llvm: llvm-objdump -d's columns, source as `; text`.
 * Throws FormatError('insns') for a stream that cannot be decoded; unknown opcodes print as the dialect's tool prints them.
 */
export function disassemble(bytes: Uint8Array, options: DisassembleOptions = {}): string {
  const kernelDialect = options.dialect !== 'llvm'
  const lines: string[] = []
  let lastSource: string | undefined
  for (const insn of decodeInsns(bytes, options)) {
    const source = options.source?.(insn.pc)
    if (source !== undefined) {
      const key = `${source.file}\n${source.line}\n${source.text}`
      if (key !== lastSource) lines.push(sourceComment(source, kernelDialect))
      lastSource = key
    }
    lines.push(kernelDialect ? `${insn.pc}: ${formatKernelInsn(insn, options.names)}` : llvmLine(insn, bytes, options))
  }
  return lines.map((line) => `${line}\n`).join('')
}

function sourceComment({ file, line, text }: SourceLine, kernelDialect: boolean): string {
  // Linux shows the file's name without its directories.
  const place = kernelDialect && file !== undefined ? ` @ ${file.slice(file.lastIndexOf('/') + 1)}:${line ?? 0}` : ''
  return `; ${kernelDialect ? text.trim() : text}${place}`
}

function llvmLine(insn: Insn, bytes: Uint8Array, options: DisassembleOptions): string {
  const number = `${String(insn.pc).padStart(8)}:`
  const text = formatLlvmInsn(insn, options)
  if (options.rawBytes === false) return `${number}\t${text}`
  const at = insn.pc * INSN_BYTES
  const raw = toHex(bytes.subarray(at, at + insnSlots(insn) * INSN_BYTES)).replace(/..(?=.)/g, '$& ')
  return `${number}\t${raw}\t${text}`
}
