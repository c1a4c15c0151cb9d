import { Command, Option } from 'commander'
import { UsageError } from '../../../base/index.js'
import { BTF_KINDS, type Btf, type BtfKind, dumpJson, dumpRaw, printC } from '../../../btf/index.js'
import type { CommandHost } from '../../host/host.js'
import { type KernelChoice, kernelOption } from '../../input/kernel-option.js'
import { readBtf } from '../../input/read-btf.js'
import { verbCommand } from '../../noun/noun-command.js'
import { type Noun, runVerb } from '../../noun/verb.js'
import { Words } from '../../noun/words.js'
import { btfDump } from './dump.js'
import { btfShow } from './show.js'

/** `btf …`: bpftool's verbs. */
export const BTF_NOUN: Noun = {
  name: 'btf',
  summary: 'look into BPF type format',
  verbs: [btfShow, btfDump],
}

interface Options extends KernelChoice {
  readonly format: 'raw' | 'c'
  readonly base?: string
  readonly json?: boolean
  readonly pretty?: boolean
  readonly rootType: readonly string[]
}

/** `skep btf …`: bpftool's words, and files by their names alone. */
export function btfCommand(host: CommandHost): Command {
  return new Command('btf')
    .description(BTF_NOUN.summary)
    .addCommand(verbCommand('btf', btfShow, host))
    .addCommand(
      new Command('dump')
        .description('print the types of a file, of the running kernel, or of an object of a kernel')
        .argument('[words...]', `ELF object or raw BTF (default: /sys/kernel/btf/vmlinux), or ${btfDump.words}`)
        .addOption(new Option('--format <name>', "bpftool's plain text, or C").choices(['raw', 'c']).default('raw'))
        .option(
          '--root-type <name>',
          'C: only this type and what it needs; may be given several times',
          (value, all: string[]) => [...all, value],
          [],
        )
        .option('--base <file>', 'base BTF of a split BTF (a module needs its vmlinux)')
        .addOption(kernelOption(host))
        .option('--json', "as bpftool's JSON")
        .option('--pretty', 'indent the JSON')
        .action((words: string[], options: Options) => dump(host, words, options)),
    )
}

async function dump(host: CommandHost, words: readonly string[], options: Options): Promise<void> {
  if (words.length > 1) {
    using kernel = host.openKernel(options.kernel)
    const status = await runVerb(btfDump, {
      host,
      kernel,
      words: new Words(['dump', ...words], `skep btf dump ${btfDump.words}`),
      json: options.json === true,
      pretty: options.pretty === true,
      bpffs: false,
      debug: false,
      nomount: false,
      legacy: false,
      strict: false,
      baseBtf: options.base,
    })
    host.exitStatus = status === 0 ? 0 : 1
    return
  }
  const file = words[0] ?? '/sys/kernel/btf/vmlinux'
  const base = options.base === undefined ? undefined : readBtf(host.resolve(options.base))
  const btf = readBtf(host.resolve(file), base)
  if (options.json === true) host.out(`${dumpJson(btf, { pretty: options.pretty === true })}\n`)
  else if (options.format === 'c') {
    const roots = options.rootType.flatMap((name) => typesNamed(btf, name, file))
    host.out(printC(btf, roots.length > 0 ? { roots } : {}))
  } else for (const text of dumpRaw(btf)) host.out(`${text}\n`)
}

function typesNamed(btf: Btf, name: string, file: string): number[] {
  const [, kind, bare = name] = /^(struct|union|enum)\s+(.*)$/.exec(name) ?? []
  const kinds = kind === undefined ? BTF_KINDS : [kind]
  const found = kinds.map((each) => btf.findByName(bare, each as BtfKind)).filter((id) => id !== undefined)
  if (found.length === 0) throw new UsageError(`${file} has no type '${name}'`)
  return found
}
