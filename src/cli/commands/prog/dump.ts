import { writeFileSync } from 'node:fs'
import { errnoText } from '../../../base/index.js'
import { errorNumber } from '../../input/files.js'
import { CommandError } from '../../noun/command-error.js'
import { named, type Opened } from '../../noun/objects.js'
import type { VerbContext } from '../../noun/verb.js'
import { jitedText } from './jited.js'
import { renderSvg, visualXlated } from './visual.js'
import { dumpXlated, type XlatedOptions } from './xlated.js'

/** `prog dump (xlated | jited) PROG [file FILE] [opcodes] [linum] [visual [svg]]`. The last words may stand together. */
export async function dumpProg(context: VerbContext): Promise<void> {
  const { words, host } = context
  const jited = words.take('jited')
  if (!jited && !words.take('xlated')) {
    if (words.done) throw words.usage('what shall be dumped?')
    throw words.wrong(`expected 'xlated' or 'jited', got: ${words.peek()}`)
  }
  if (words.left < 2) throw words.usage('which program?')
  const programs = named(context, 'prog', true)
  const options = { opcodes: false, linum: false, visual: false, svg: false, file: undefined as string | undefined }
  while (!words.done) {
    if (words.take('file')) {
      if (words.done) throw words.wrong('expected file path')
      if (programs.length > 1) throw words.wrong('several programs match this handle')
      options.file = words.next('file')
    } else if (words.take('opcodes')) options.opcodes = true
    else if (words.take('linum')) options.linum = true
    else if (words.take('visual')) {
      if (programs.length > 1) throw words.wrong('several programs match this handle')
      options.visual = true
    } else if (options.visual && words.take('svg')) options.svg = true
    else throw words.usage(`'${words.peek()}' is not understood here`)
  }
  if (options.visual && (options.linum || jited)) throw words.usage('visual stands alone')

  if (options.file !== undefined) {
    const [{ info }] = programs as [Opened<'prog'>]
    const bytes = jited ? info.jitedProgInsns : info.xlatedProgInsns
    writeImage(host.resolve(options.file), options.file, needBytes(bytes, jited))
    context.silent()
    return
  }
  if (options.visual) {
    const [program] = programs as [Opened<'prog'>]
    const text = visualXlated(context.kernel, program.info, options.opcodes)
    if (options.svg) host.out(await renderSvg(text))
    else context.answer(null, text)
    return
  }
  const parts = programs.map((program) => ({ program, ...dumpOne(context, program, jited, options) }))
  if (parts.length === 1) context.answer(parts[0]?.json, parts[0]?.text ?? '')
  else {
    context.answer(
      parts.map(({ json }) => json),
      parts.map(({ program, text }) => `${head(program)}\n${text}`).join('\n\n'),
    )
  }
}

function head({ info }: Opened<'prog'>): string {
  return `${info.id}: ${info.name}`
}

function dumpOne(context: VerbContext, { info }: Opened<'prog'>, jited: boolean, options: XlatedOptions) {
  if (jited) return jitedText(context.kernel, info, needBytes(info.jitedProgInsns, true), options)
  needBytes(info.xlatedProgInsns, false)
  return dumpXlated(context.kernel, info, options)
}

function needBytes(bytes: Uint8Array | undefined, jited: boolean): Uint8Array {
  if (bytes !== undefined && bytes.length > 0) return bytes
  throw new CommandError(jited ? 'no instructions returned' : 'error retrieving insn dump: kernel.kptr_restrict set?', {
    hint: jited
      ? 'the program is interpreted, or net.core.bpf_jit_harden hides its code'
      : 'net.core.bpf_jit_harden and missing rights hide instructions',
  })
}

function writeImage(path: string, name: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes)
  } catch (error) {
    throw new CommandError(`can't open file ${name}: ${errnoText(errorNumber(error))}`, { cause: error })
  }
}
