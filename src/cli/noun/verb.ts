import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import type { Kernel } from '../../kernel/index.js'
import { type Collection, loadCollection, openObject } from '../../sdk/index.js'
import { chosenKernel, type KernelChoice, kernelOption } from '../input/kernel-option.js'
import { toJson } from '../output/json.js'
import { Words } from './words.js'

/** What a verb works with. */
export interface VerbContext {
  readonly kernel: Kernel
  readonly words: Words
  readonly json: boolean
  /** Show where objects are pinned. */
  readonly bpffs: boolean
  /** The object of `--load`. */
  readonly collection: Collection | undefined
  /** The answer: JSON with --json, else the text (which gets a new line at its end unless it is empty). */
  answer(json: unknown, text: string): void
  /** A verb that did something and has nothing to tell: bpftool's `null` with --json. */
  silent(): void
}

export interface Verb {
  /** Its first name, and others that mean the same. */
  readonly names: readonly [string, ...string[]]
  /** Words after the name, as bpftool's help writes them. */
  readonly words: string
  readonly summary: string
  run(context: VerbContext): void
}

interface Options extends KernelChoice {
  readonly load?: string
  readonly bpffs?: boolean
  readonly json?: boolean
  readonly pretty?: boolean
}

/** `skep NOUN VERB WORDS…`: one command for each verb of the table. */
export function nounCommand(noun: string, summary: string, verbs: readonly Verb[]): Command {
  const command = new Command(noun).description(summary)
  for (const verb of verbs) command.addCommand(verbCommand(noun, verb))
  return command
}

export function verbCommand(noun: string, verb: Verb): Command {
  const [name, ...aliases] = verb.names
  const usage = `skep ${noun} ${name} ${verb.words}`.trimEnd()
  return new Command(name)
    .aliases(aliases)
    .description(verb.summary)
    .usage(`${verb.words} [options]`)
    .argument('[words...]', verb.words === '' ? 'nothing more' : verb.words)
    .addOption(kernelOption())
    .option('--load <file>', 'first load this object into the kernel, for as long as the command runs')
    .option('--bpffs', 'show where objects are pinned')
    .option('--json', "as JSON, with bpftool's keys")
    .addOption(new Option('--pretty', 'as indented JSON'))
    .action((words: string[], options: Options) => {
      using kernel = chosenKernel(options)
      using collection = options.load === undefined ? undefined : loadFile(kernel, options.load)
      const json = options.json === true || options.pretty === true
      const write = (text: string): void => void process.stdout.write(text)
      verb.run({
        kernel,
        words: new Words(words, usage),
        json,
        bpffs: options.bpffs === true,
        collection,
        answer(value, text) {
          if (json)
            write(`${typeof value === 'string' ? value : toJson(value, options.pretty === true ? 2 : undefined)}\n`)
          else if (text !== '') write(text.endsWith('\n') ? text : `${text}\n`)
        },
        silent() {
          if (json) write('null\n')
        },
      })
    })
}

/** Loads an object for the time of a command: maps that it wants pinned are not, so nothing stays. */
export function loadFile(kernel: Kernel, file: string): Collection {
  const spec = openObject(new Uint8Array(readFileSync(file)), { file })
  for (const map of spec.maps) map.pinning = 'none'
  return loadCollection(spec, { kernel })
}
