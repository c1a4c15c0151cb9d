import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { fromHex, UsageError } from '../../base/index.js'
import {
  BPF_PSEUDO_CALL,
  decodeInsns,
  disassemble,
  formatKernelInsn,
  type InsnNames,
  type NamedInsn,
  type SourceLine,
} from '../../isa/index.js'
import { type LinkedProgram, linkProgram, openObject } from '../../object/index.js'
import { helperById } from '../../spec/index.js'
import { printJson } from '../output/json.js'

interface Options {
  readonly prog?: string
  readonly insns?: string
  readonly dialect: 'kernel' | 'llvm'
  readonly source: boolean
  readonly json?: boolean
}

/** `skep disasm FILE | --insns HEX` */
export function disasmCommand(): Command {
  return new Command('disasm')
    .description(
      'print the instructions of an object, a raw instruction file or hex, as the kernel or llvm-objdump does',
    )
    .argument('[file]', 'object file, or a file of raw 8-byte instructions')
    .option('--prog <name>', 'only this program')
    .option('--insns <hex>', 'instructions as hex instead of a file')
    .addOption(
      new Option('--dialect <name>', "the kernel's text or llvm-objdump's")
        .choices(['kernel', 'llvm'])
        .default('kernel'),
    )
    .option('--no-source', 'without source lines')
    .option('--json', 'as JSON')
    .action((file: string | undefined, options: Options) => run(file, options))
}

interface Listing {
  readonly name: string
  readonly section?: string
  readonly insns: Uint8Array
  readonly names: InsnNames
  source(pc: number): SourceLine | undefined
}

function run(file: string | undefined, options: Options): void {
  const listings = collect(file, options)
  if (options.json === true) {
    printJson(
      listings.map(({ name, section, insns, names, source }) => ({
        name,
        ...(section === undefined ? {} : { section }),
        insns: decodeInsns(insns).map((insn) => {
          const line = source(insn.pc)
          return { pc: insn.pc, text: formatKernelInsn(insn, names), ...(line === undefined ? {} : { source: line }) }
        }),
      })),
    )
    return
  }
  for (const [index, { name, section, insns, names, source }] of listings.entries()) {
    if (listings.length > 1 || section !== undefined) {
      process.stdout.write(`${index > 0 ? '\n' : ''}${name}${section === undefined ? '' : ` (section ${section})`}:\n`)
    }
    process.stdout.write(disassemble(insns, { dialect: options.dialect, names, ...(options.source ? { source } : {}) }))
  }
}

function collect(file: string | undefined, options: Options): Listing[] {
  if ((file === undefined) === (options.insns === undefined)) {
    throw new UsageError('give a file or --insns HEX', 'skep disasm prog.o, or skep disasm --insns b700000000000000…')
  }
  if (file === undefined) return [raw('insns', fromHex(options.insns ?? ''))]
  const bytes = new Uint8Array(readFileSync(file))
  if (!isElf(bytes)) return [raw(file, bytes)]
  const spec = openObject(bytes, { file })
  const programs = spec.programs.filter((program) => options.prog === undefined || program.name === options.prog)
  if (programs.length === 0) {
    throw new UsageError(
      options.prog === undefined ? `${file} has no programs` : `${file} has no program '${options.prog}'`,
      spec.programs.length > 0 ? `it has ${spec.programs.map((program) => program.name).join(', ')}` : undefined,
    )
  }
  return programs.map((program) => {
    const linked = linkProgram(spec, program.name)
    return {
      name: program.name,
      section: program.section,
      insns: linked.insns,
      names: namesOf(linked),
      source: sourceOf(linked),
    }
  })
}

function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46
}

function raw(name: string, insns: Uint8Array): Listing {
  return { name, insns, names: { call: helperName }, source: () => undefined }
}

/** Helpers by name, as the verifier's log prints them. */
function helperName({ src, imm }: NamedInsn): string | undefined {
  const row = src === 0 ? helperById(imm) : undefined
  return row === undefined ? undefined : `bpf_${row.name}`
}

/** Names for what a linked program still refers to by symbol: maps, kfuncs, subprograms. */
function namesOf(linked: LinkedProgram): InsnNames {
  const fixups = new Map(linked.fixups.map((fixup) => [fixup.slot, fixup]))
  const functions = new Map(linked.functions.map(({ start, name }) => [start, name]))
  return {
    call(insn) {
      const fixup = fixups.get(insn.pc)
      if (fixup?.kind === 'kfunc') return fixup.name
      return insn.src === BPF_PSEUDO_CALL ? functions.get(insn.pc + insn.imm + 1) : helperName(insn)
    },
    imm64({ pc }) {
      const fixup = fixups.get(pc)
      if (fixup?.kind === 'map_fd') return `map[${fixup.map}]`
      if (fixup?.kind === 'map_value') return `map[${fixup.map}][0]+${fixup.offset}`
      return fixup?.kind === 'ksym' ? fixup.name : undefined
    },
  }
}

/** Source lines by slot: the last record at or before it. */
function sourceOf(linked: LinkedProgram): (pc: number) => SourceLine | undefined {
  const lines = linked.lineInfo
  return (pc) => {
    let low = 0
    let high = lines.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (lines[middle]!.insnOff <= pc) low = middle + 1
      else high = middle
    }
    const line = lines[low - 1]
    return line === undefined ? undefined : { file: line.fileName, line: line.line, text: line.text }
  }
}
