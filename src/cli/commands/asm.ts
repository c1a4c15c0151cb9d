import { readFileSync, writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { toHex, UsageError } from '../../base/index.js'
import { assemble } from '../../isa/index.js'
import { helperByName } from '../../spec/index.js'
import { printJson } from '../output/json.js'

interface Options {
  readonly expr?: string
  readonly output?: string
  readonly json?: boolean
}

/** `skep asm FILE | -e TEXT` */
export function asmCommand(): Command {
  return new Command('asm')
    .description("assemble the kernel's or LLVM's text into instructions")
    .argument('[file]', "text file, '-' for standard input")
    .option('-e, --expr <text>', "text itself; ';' separates instructions")
    .option('-o, --output <file>', 'write raw instructions here instead of printing hex')
    .option('--json', 'as JSON: {"insns":"hex","count":n}')
    .action((file: string | undefined, options: Options) => {
      if ((file === undefined) === (options.expr === undefined)) {
        throw new UsageError('give a file or --expr TEXT', "skep asm -e 'r0 = 2; exit'")
      }
      const text = options.expr?.replaceAll(';', '\n') ?? readFileSync(file === '-' ? 0 : (file as string), 'utf8')
      const insns = assemble(text, { resolveHelper: (name) => helperByName(name.replace(/^bpf_/, ''))?.id })
      if (options.output !== undefined) writeFileSync(options.output, insns)
      else if (options.json === true) printJson({ insns: toHex(insns), count: insns.length / 8 })
      else process.stdout.write(toHex(insns) + '\n')
    })
}
