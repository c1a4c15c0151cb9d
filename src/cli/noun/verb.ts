import { readFileSync } from 'node:fs'
import type { Kernel } from '../../kernel/index.js'
import { type Collection, loadCollection, openObject } from '../../sdk/index.js'
import type { CommandHost } from '../host/host.js'
import { jsonText } from '../output/json-text.js'
import type { Words } from './words.js'

/** What the options before or behind the words say. */
export interface VerbOptions {
  readonly json: boolean
  readonly pretty: boolean
  /** Show where objects are pinned. */
  readonly bpffs: boolean
  /** Say more: the libbpf and verifier logs. */
  readonly debug: boolean
  /** Never mount a BPF file system. */
  readonly nomount: boolean
  /** Accept kprobes and what else older libbpf accepted (bpftool's -l). */
  readonly legacy: boolean
  /** Only what bpftool takes: nothing of ours. */
  readonly strict: boolean
  /** Base of a split BTF. */
  readonly baseBtf: string | undefined
}

/** What a verb works with. */
export interface VerbContext extends VerbOptions {
  readonly host: CommandHost
  readonly kernel: Kernel
  readonly words: Words
  /** The object of `--load`. */
  readonly collection: Collection | undefined
  /** The answer: JSON with --json, else the text (which gets a new line at its end unless it is empty). */
  answer(json: unknown, text: string): void
  /** A verb that did something and has nothing to tell: bpftool's `null` with --json. */
  silent(): void
  /** Sets the exit status of a command that says what it has to say on its standard output. */
  exit(status: number): void
}

export interface Verb {
  /** Its first name, and others that mean the same. */
  readonly names: readonly [string, ...string[]]
  /** Words after the name, as bpftool's help writes them. */
  readonly words: string
  readonly summary: string
  run(context: VerbContext): void | Promise<void>
}

/** A noun of the command line and what can be done with it. The first verb is the one that is meant when none is said. */
export interface Noun {
  readonly name: string
  readonly summary: string
  readonly verbs: readonly Verb[]
  /** bpftool shows how it is used where no verb is said. */
  readonly usageFirst?: boolean
}

export interface RunOptions extends VerbOptions {
  readonly host: CommandHost
  readonly kernel: Kernel
  readonly words: Words
  readonly collection?: Collection | undefined
}

/** Runs a verb and gives the exit status it asked for. */
export async function runVerb(verb: Verb, options: RunOptions): Promise<number> {
  const { host, json, pretty } = options
  let status = 0
  await verb.run({
    ...options,
    collection: options.collection,
    answer(value, text) {
      if (json) host.out(`${typeof value === 'string' ? value : jsonText(value, pretty)}\n`)
      else if (text !== '') host.out(text.endsWith('\n') ? text : `${text}\n`)
    },
    silent() {
      if (json) host.out('null\n')
    },
    exit(code) {
      status = code
    },
  })
  return status
}

/** Loads an object for the time of a command: maps that it wants pinned are not, so nothing stays. */
export function loadFile(kernel: Kernel, host: CommandHost, file: string): Collection {
  const spec = openObject(new Uint8Array(readFileSync(host.resolve(file))), { file })
  for (const map of spec.maps) map.pinning = 'none'
  return loadCollection(spec, { kernel })
}
