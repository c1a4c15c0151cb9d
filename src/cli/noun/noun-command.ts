import { Command, Option } from 'commander'
import type { CommandHost } from '../host/host.js'
import { type KernelChoice, kernelOption } from '../input/kernel-option.js'
import { loadFile, type Noun, runVerb, type Verb } from './verb.js'
import { Words } from './words.js'

interface Options extends KernelChoice {
  readonly load?: string
  readonly bpffs?: boolean
  readonly debug?: boolean
  readonly json?: boolean
  readonly pretty?: boolean
}

/** `skep NOUN VERB WORDS…`: one command for each verb of the table. */
export function nounCommand({ name, summary, verbs }: Noun, host: CommandHost): Command {
  const command = new Command(name).description(summary)
  for (const verb of verbs) command.addCommand(verbCommand(name, verb, host))
  return command
}

export function verbCommand(noun: string, verb: Verb, host: CommandHost): Command {
  const [name, ...aliases] = verb.names
  const usage = `skep ${noun} ${name} ${verb.words}`.trimEnd()
  return new Command(name)
    .aliases(aliases)
    .description(verb.summary)
    .usage(`${verb.words} [options]`)
    .argument('[words...]', verb.words === '' ? 'nothing more' : verb.words)
    .addOption(kernelOption(host))
    .option('--load <file>', 'first load this object into the kernel, for as long as the command runs')
    .option('--bpffs', 'show where objects are pinned')
    .option('--debug', 'print the logs of loading')
    .option('--json', "as JSON, with bpftool's keys")
    .addOption(new Option('--pretty', 'as indented JSON'))
    .action(async (words: string[], options: Options) => {
      using kernel = host.openKernel(options.kernel)
      using collection = options.load === undefined ? undefined : loadFile(kernel, host, options.load)
      const status = await runVerb(verb, {
        host,
        kernel,
        words: new Words([name, ...words], usage),
        collection,
        json: options.json === true || options.pretty === true,
        pretty: options.pretty === true,
        bpffs: options.bpffs === true,
        debug: options.debug === true,
        nomount: false,
        legacy: false,
        strict: false,
        baseBtf: undefined,
      })
      host.exitStatus = status === 0 ? 0 : 1
    })
}
