import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { FormatError, UsageError } from '../../base/index.js'
import { BTF_KINDS, type Btf, type BtfKind, dumpJson, dumpRaw, parseBtf, printC } from '../../btf/index.js'
import { type ElfFile, findSection, readElf } from '../../elf/index.js'

interface Options {
  readonly format: 'raw' | 'c'
  readonly base?: string
  readonly json?: boolean
  readonly pretty?: boolean
  readonly rootType: readonly string[]
}

/** `skep btf dump FILE` */
export function btfCommand(): Command {
  return new Command('btf').description('look into BPF type format').addCommand(
    new Command('dump')
      .description('print the types of an object file, a raw BTF file or the running kernel')
      .argument('[file]', 'ELF object or raw BTF (default: /sys/kernel/btf/vmlinux)')
      .addOption(new Option('--format <name>', "bpftool's plain text, or C").choices(['raw', 'c']).default('raw'))
      .option(
        '--root-type <name>',
        'C: only this type and what it needs; may be given several times',
        (value, all: string[]) => [...all, value],
        [],
      )
      .option('--base <file>', 'base BTF of a split BTF (a module needs its vmlinux)')
      .option('--json', "as bpftool's JSON")
      .option('--pretty', 'indent the JSON')
      .action((file: string | undefined, options: Options) => dump(file ?? '/sys/kernel/btf/vmlinux', options)),
  )
}

function dump(file: string, options: Options): void {
  const base = options.base === undefined ? undefined : readBtf(options.base)
  const btf = readBtf(file, base)
  if (options.json === true) process.stdout.write(dumpJson(btf, { pretty: options.pretty === true }) + '\n')
  else if (options.format === 'c') {
    const roots = options.rootType.flatMap((name) => typesNamed(btf, name, file))
    process.stdout.write(printC(btf, roots.length > 0 ? { roots } : {}))
  } else for (const text of dumpRaw(btf)) process.stdout.write(text + '\n')
}

/** BTF of a file: raw by its magic, else the .BTF section of an ELF file. */
function readBtf(file: string, base?: Btf): Btf {
  const bytes = new Uint8Array(readFileSync(file))
  const options = { file, ...(base === undefined ? {} : { base }) }
  const magic = (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8)
  if (magic === 0xeb9f || magic === 0x9feb) return parseBtf(bytes, options)
  const section = findSection(readElfOf(file, bytes), '.BTF')
  if (section === undefined) throw new UsageError(`${file} has no .BTF section`, 'compile with -g')
  return parseBtf(section.data, options)
}

function readElfOf(file: string, bytes: Uint8Array): ElfFile {
  try {
    return readElf(bytes)
  } catch (error) {
    throw error instanceof FormatError ? error.at({ file }) : error
  }
}

function typesNamed(btf: Btf, name: string, file: string): number[] {
  const [, kind, bare = name] = /^(struct|union|enum)\s+(.*)$/.exec(name) ?? []
  const kinds = kind === undefined ? BTF_KINDS : [kind]
  const found = kinds.map((each) => btf.findByName(bare, each as BtfKind)).filter((id) => id !== undefined)
  if (found.length === 0) throw new UsageError(`${file} has no type '${name}'`)
  return found
}
