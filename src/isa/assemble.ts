import { FormatError } from '../base/index.js'
import { helperByName } from '../spec/index.js'
import { asmError, type Listing, type Position, stripComment, stripListing, type Token, tokenize } from './asm-lexer.js'
import { type AsmNames, type AsmSymbol, type LabelUse, type Statement, StatementParser } from './asm-parser.js'
import { INSN_BYTES } from './constants.js'
import { type ByteOrder, encodeInsns, type InsnFields, insnSlots } from './insn.js'

export interface AssembleOptions extends ByteOrder {
  /** Helper id of a name as written (`bpf_map_lookup_elem`); default: Linux's helpers, with or without `bpf_`. */
  readonly resolveHelper?: (name: string) => number | undefined
  /** What a symbol stands for: `r1 = my_map ll`, `r1 = map[id:5]`, `call my_kfunc`. */
  readonly resolveSymbol?: (name: string) => AsmSymbol | undefined
}

interface Line {
  readonly number: number
  readonly listing: Listing
  readonly text: string
  readonly column: number
}

const LABEL = /^([A-Za-z_.$][\w.$]*):(?!:)\s*/
const FUNCTION_HEADER = /^([0-9a-f]{8,16}) <([^>]*)>:$/
const SKIPPED =
  /^(?:Disassembly of section .*:|.*:\s+file format \S+|\.(?:text|section|globl|global|p2align|align|type|size|file|ident|addrsig|addrsig_sym|loc|cfi_\w+)\b.*|[0-9a-f]{8,16}:\s+R_BPF_\S+.*)$/

/**
 * Assembles text to a little-endian instruction stream (or a big-endian one).
 *
 * One instruction a line, in the verifier's or in LLVM's spelling; labels `name:` alone or before an instruction;
 * comments from `//`, `;` or a free-standing `#`. What follows a `;` is an instruction when it reads as one. Listings of
 * llvm-objdump -d, bpftool and the verifier log assemble as they are: numbers, opcodes and bytes are taken off, and
 * what the text alone does not say (a subprogram call in LLVM's) is read from the bytes.
 * Throws FormatError('asm') with line, column and a hint.
 */
export function assemble(text: string, options: AssembleOptions = {}): Uint8Array {
  const lines = splitLines(text)
  const labelLines = new Set<string>()
  for (const line of lines) for (const label of labelsOf(line).labels) labelLines.add(label)
  const names: AsmNames = {
    isLabel: (name) => labelLines.has(name),
    helper: options.resolveHelper ?? linuxHelper,
    symbol: (name) => options.resolveSymbol?.(name),
  }

  const insns: InsnFields[] = []
  const uses: { readonly index: number; readonly pc: number; readonly use: LabelUse }[] = []
  const labels = new Map<string, number>()
  let pc = 0
  let base = 0
  for (const line of lines) {
    const header = FUNCTION_HEADER.exec(line.text)
    // llvm-objdump counts from the section's start, and says where in it a function lies.
    if (header !== null) base = pc - Number.parseInt(header[1] as string, 16) / INSN_BYTES
    else if (line.text.startsWith('Disassembly of section')) base = pc
    const { labels: here, rest } = labelsOf(line)
    for (const label of here) {
      if (labels.has(label)) throw asmError(lineStart(line), `label '${label}' is defined twice`)
      labels.set(label, pc)
    }
    for (const { fields, use } of statements(rest, names)) {
      checkNumber(line, pc - base, fields)
      if (use !== undefined) uses.push({ index: insns.length, pc, use })
      insns.push(withListing(fields, line.listing, options.bigEndian === true))
      pc += insnSlots(fields)
    }
  }
  for (const { index, pc: from, use } of uses) {
    const distance = (labels.get(use.label) ?? 0) - from - 1
    if (use.field === 'off' && (distance < -0x8000 || distance > 0x7fff)) {
      throw asmError(use.position, `label '${use.label}' is ${distance} instructions away`, 'use gotol for far jumps')
    }
    const fields = insns[index] as InsnFields
    const wide = use.field === 'imm' ? { imm64: BigInt.asUintN(32, BigInt(distance)) } : {}
    insns[index] = { ...fields, ...wide, [use.field]: distance }
  }
  return encodeInsns(insns, options)
}

function linuxHelper(name: string): number | undefined {
  return helperByName(name.replace(/^bpf_/, ''))?.id
}

function splitLines(text: string): Line[] {
  const lines: Line[] = []
  const all = text.split(/\r\n|\n|\r/)
  for (let i = 0; i < all.length; i++) {
    const raw = stripComment(all[i] as string)
    if (SKIPPED.test(raw.trim()) || raw.trim().startsWith(';')) {
      if (raw.trim().startsWith('Disassembly')) lines.push({ number: i + 1, listing: {}, text: raw.trim(), column: 1 })
      continue
    }
    const stripped = stripListing(raw)
    if (stripped.text !== '') lines.push({ number: i + 1, ...stripped })
  }
  return lines
}

/** The labels at the start of a line and what follows them. */
function labelsOf(line: Line): { labels: string[]; rest: Line } {
  const header = FUNCTION_HEADER.exec(line.text)
  if (header !== null) return { labels: [header[2] as string], rest: { ...line, text: '' } }
  if (line.text.startsWith('Disassembly of section')) return { labels: [], rest: { ...line, text: '' } }
  const labels: string[] = []
  let rest = line
  for (let match = LABEL.exec(rest.text); match !== null; match = LABEL.exec(rest.text)) {
    labels.push(match[1] as string)
    rest = { ...rest, text: rest.text.slice(match[0].length), column: rest.column + match[0].length }
  }
  return { labels, rest }
}

/** The instructions of a line: the first, and each after a `;` as long as they read as instructions. */
function statements(line: Line, names: AsmNames): Statement[] {
  const found: Statement[] = []
  let column = line.column
  for (const part of line.text.split(';')) {
    // In a listing the rest is the verifier's state.
    if (found.length > 0 && line.listing.pc !== undefined) break
    if (part.trim() !== '') {
      try {
        const tokens: Token[] = tokenize(part, line.number, column)
        found.push(new StatementParser(tokens, line.number, names, line.listing.code).parse())
      } catch (error) {
        if (found.length === 0 || !(error instanceof FormatError)) throw error
        break
      }
    }
    column += part.length + 1
  }
  return found
}

/** A listing's own number and opcode must agree with what its text gives. */
function checkNumber(line: Line, pc: number, fields: InsnFields): void {
  const { listing } = line
  if (listing.pc !== undefined && listing.pc !== pc) {
    const hint = 'instructions of the listing are missing or doubled; jumps would go astray'
    throw asmError({ line: line.number, column: 1 }, `instruction ${listing.pc} stands where ${pc} comes next`, hint)
  }
  if (listing.code !== undefined && listing.code !== fields.code) {
    const hex = (code: number): string => code.toString(16).padStart(2, '0')
    throw asmError(lineStart(line), `the text has opcode ${hex(fields.code)}, the listing says (${hex(listing.code)})`)
  }
}

/** Takes from a listing's bytes what LLVM's text leaves out: whom a call calls, and the displacement of ld_ind. */
function withListing(fields: InsnFields, { bytes }: Listing, bigEndian: boolean): InsnFields {
  if (bytes === undefined || bytes[0] !== fields.code) return fields
  const regs = bytes[1] ?? 0
  const src = bigEndian ? regs & 15 : regs >> 4
  const view = new DataView(Uint8Array.from(bytes).buffer)
  if (fields.code === 0x85) return { ...fields, src, off: view.getInt16(2, !bigEndian) }
  if ((fields.code & 0xe7) === 0x40) return { ...fields, imm: view.getInt32(4, !bigEndian) }
  if (fields.code === 0x18 && bytes.length === 16) {
    const imm64 = (BigInt(view.getUint32(12, !bigEndian)) << 32n) | BigInt(view.getUint32(4, !bigEndian))
    return { ...fields, src, imm64 }
  }
  return fields
}

function lineStart(line: Line): Position {
  return { line: line.number, column: line.column }
}
