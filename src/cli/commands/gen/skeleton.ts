import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { Command } from 'commander'
import { errnoText } from '../../../base/index.js'
import { openObject } from '../../../object/index.js'
import type { CommandHost } from '../../host/host.js'
import { errorNumber } from '../../input/files.js'
import { CommandError, statusOf } from '../../noun/command-error.js'
import type { Verb, VerbContext } from '../../noun/verb.js'
import { Words } from '../../noun/words.js'
import { tsSkeleton } from './ts-skeleton.js'

const WORDS = 'FILE [name OBJECT_NAME] [lang ts]'

/** `gen skeleton`: source that embeds an object and gives its parts typed names. */
export const genSkeleton: Verb = {
  names: ['skeleton'],
  words: WORDS,
  summary: 'print a TypeScript module that embeds an object and gives its programs, maps and variables typed names',
  run: (context) => printSkeleton(context, true),
}

/** `gen subskeleton`: the same for a part of an object that somebody else loads. */
export const genSubskeleton: Verb = {
  names: ['subskeleton'],
  words: WORDS,
  summary: 'print a TypeScript module with typed names for the parts of an object that others load',
  run: (context) => printSkeleton(context, false),
}

/** `skep gen skeleton` and `skep gen subskeleton`: the same words, and options for those who prefer them. */
export function skeletonCommand({ names: [name], summary }: Verb, host: CommandHost, embed: boolean): Command {
  return new Command(name)
    .description(summary)
    .argument('<words...>', WORDS)
    .option('--name <name>', "the object's name in the module (default: the file's)")
    .option('--lang <language>', 'ts')
    .action((given: string[], options: { name?: string; lang?: string }) => {
      const more = Object.entries(options).flat()
      printSkeleton(
        { words: new Words([name, ...given, ...more], `skep gen ${name} ${WORDS}`), host, strict: false },
        embed,
      )
    })
}

function printSkeleton({ words, host, strict }: Pick<VerbContext, 'words' | 'host' | 'strict'>, embed: boolean): void {
  words.need(1, undefined, 'usage')
  const file = words.next('object file')
  let name: string | undefined
  // The tool of that name prints C; `skep gen` is ours.
  let lang = strict ? 'c' : 'ts'
  while (!words.done) {
    if (words.take('name')) name = words.next('name')
    else if (words.take('lang')) lang = words.next('language')
    else throw words.wrong(`what is '${words.peek()}'?`)
  }
  if (lang !== 'ts') {
    throw new CommandError(lang === 'c' ? 'skeletons in C are not made here' : `there is no language '${lang}'`, {
      hint: 'say `lang ts` for a TypeScript module',
    })
  }
  const bytes = readObject(host.resolve(file), file)
  const own = basename(file)
  const spec = openObject(bytes, { file: own })
  const options = { name: name ?? identifier(own), file: own, bytes: embed ? bytes : undefined }
  host.out(tsSkeleton(spec, options))
}

/** The file's name without what follows its last dot, as an identifier. */
function identifier(file: string): string {
  return file.replace(/\.[^.]*$/, '').replaceAll(/[^A-Za-z0-9_]/g, '_')
}

function readObject(path: string, file: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path))
  } catch (error) {
    const errno = errorNumber(error)
    throw new CommandError(`failed to open ${file}: ${errnoText(errno)}`, { cause: error, status: statusOf(errno) })
  }
}
