import { Command, Option } from 'commander'
import { UsageError } from '../../base/index.js'
import { BTF_KINDS, type Btf, type BtfKind, dumpJson, dumpRaw, printC } from '../../btf/index.js'
import { readBtf } from '../input/read-btf.js'
import { verbCommand } from '../noun/verb.js'
import { btfShow } from './btf/show.js'

interface Options {
  readonly format: 'raw' | 'c'
  readonly base?: string
  readonly json?: boolean
  readonly pretty?: boolean
  readonly rootType: readonly string[]
}

/** `skep btf dump FILE` */
export function btfCommand(): Command {
  return new Command('btf')
    .description('look into BPF type format')
    .addCommand(verbCommand('btf', btfShow))
    .addCommand(
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

function typesNamed(btf: Btf, name: string, file: string): number[] {
  const [, kind, bare = name] = /^(struct|union|enum)\s+(.*)$/.exec(name) ?? []
  const kinds = kind === undefined ? BTF_KINDS : [kind]
  const found = kinds.map((each) => btf.findByName(bare, each as BtfKind)).filter((id) => id !== undefined)
  if (found.length === 0) throw new UsageError(`${file} has no type '${name}'`)
  return found
}
