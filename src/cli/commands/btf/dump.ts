import { errnoText, FormatError, UsageError } from '../../../base/index.js'
import { type Btf, dumpJson, dumpRaw, parseBtf, printC } from '../../../btf/index.js'
import { errorCode, type Fd } from '../../../kernel/index.js'
import { errorNumber } from '../../input/files.js'
import { readBtf } from '../../input/read-btf.js'
import { attempt, CommandError, statusOf } from '../../noun/command-error.js'
import { oneNamed } from '../../noun/objects.js'
import type { Verb, VerbContext } from '../../noun/verb.js'
import { RawJson } from '../../output/json-text.js'

const ENOENT = 2
const EINVAL = 22
const VMLINUX = '/sys/kernel/btf/vmlinux'

/** `btf dump (id N | prog PROG | map MAP [key | value | kv | all] | file FILE) [format raw | c]` */
export const btfDump: Verb = {
  names: ['dump'],
  words: '(id N | prog PROG | map MAP [key | value | kv | all] | file FILE) [format (raw | c)]',
  summary: 'print the types of an object of a kernel, or of a file',
  run: dumpTypes,
}

interface Source {
  readonly btf: Btf
  /** The types that are meant; all, where absent. */
  readonly roots?: readonly number[]
}

function dumpTypes(context: VerbContext): void {
  const { words, json, pretty } = context
  words.need(2, undefined, 'usage')
  const { btf, roots } = readSource(context)
  let format: 'raw' | 'c' = 'raw'
  while (!words.done) {
    if (!words.take('format')) throw words.wrong(`unrecognized option: '${words.peek()}'`, statusOf(EINVAL))
    if (words.done) throw words.wrong("expecting value for 'format' option", statusOf(EINVAL), '\n')
    if (words.is('c')) format = 'c'
    else if (!words.is('raw'))
      throw words.wrong(`unrecognized format specifier: '${words.peek()}', possible values: raw, c`, statusOf(EINVAL))
    words.next('format')
  }
  if (format === 'c') {
    if (json) throw new CommandError('JSON output for C-syntax dump is not supported', { status: 161 })
    context.answer(null, printC(btf, roots === undefined ? {} : { roots }))
    return
  }
  if (json) context.answer(new RawJson(dumpJson(btf, { pretty, ...(roots === undefined ? {} : { ids: roots }) })), '')
  else context.answer(null, [...dumpRaw(btf, roots)].join('\n'))
}

function readSource(context: VerbContext): Source {
  const { words } = context
  if (words.take('map')) {
    const { info } = oneNamed(context, 'map')
    const btf = btfById(context, info.btfId)
    const keys = info.btfKeyTypeId
    const values = info.btfValueTypeId
    if (words.take('key')) return { btf, roots: [keys] }
    if (words.take('value')) return { btf, roots: [values] }
    if (words.take('all')) return { btf }
    words.take('kv')
    return { btf, roots: [keys, values] }
  }
  if (words.take('prog')) return { btf: btfById(context, oneNamed(context, 'prog').info.btfId) }
  if (words.take('id')) return { btf: btfById(context, words.number('ID')) }
  if (words.take('file')) return { btf: btfOfFile(context, words.next('file')) }
  throw words.wrong(`unrecognized BTF source specifier: '${words.peek()}'`)
}

function btfOfFile({ host, baseBtf }: VerbContext, file: string): Btf {
  try {
    const base = baseBtf === undefined ? undefined : readBtf(host.resolve(baseBtf))
    // The BTF of a module builds on the kernel's.
    const implied =
      base === undefined && file.startsWith('/sys/kernel/btf/') && file !== VMLINUX ? readBtf(VMLINUX) : base
    return readBtf(host.resolve(file), implied)
  } catch (error) {
    if (error instanceof FormatError || error instanceof UsageError) {
      throw new CommandError(`failed to load BTF from ${file}: ${error.message}`, { cause: error, status: 95 })
    }
    const errno = errorNumber(error)
    throw new CommandError(`failed to load BTF from ${file}: ${errnoText(errno)}`, {
      cause: error,
      status: statusOf(errno),
    })
  }
}

/** BTF that a kernel holds; split BTF (a module's) on top of the kernel's own. */
function btfById({ kernel, baseBtf, host }: VerbContext, id: number): Btf {
  let fd: Fd
  try {
    fd = kernel.call('btf_get_fd_by_id', { id })
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    throw new CommandError(`get btf by id (${id}): ${errnoText(ENOENT)}`, {
      status: statusOf(ENOENT),
      cause: error,
      before: `Error: can't get BTF object by id (${id}): ${errnoText(ENOENT)}\n`,
    })
  }
  try {
    const info = attempt("can't get BTF object info", () => kernel.call('obj_get_info_by_fd', { fd, details: true }))
    if (info.kind !== 'btf' || info.btf === undefined) throw new CommandError('failed to get btf')
    if (baseBtf !== undefined) return parseBtf(info.btf, { base: readBtf(host.resolve(baseBtf)) })
    const vmlinux = info.kernelBtf && info.name !== 'vmlinux' ? kernel.vmlinuxBtf() : undefined
    return parseBtf(info.btf, vmlinux === undefined ? {} : { base: parseBtf(vmlinux) })
  } finally {
    kernel.call('close', { fd })
  }
}
